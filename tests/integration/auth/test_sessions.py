"""How long sessions live, and what keeps them apart from what happens at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from picstore.auth.v1.audit_pb2 import AuditEvent
from picstore.events.v1.event_pb2 import Event
from picstore_auth.model.caller import Caller, operator_of
from picstore_auth.model.grant import Permission
from picstore_auth.model.session import Login, SessionLifetimes
from picstore_auth.repo import accounts
from picstore_auth.throttle import Throttle
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.last_uses import LastUses
from picstore_auth.usecases.logins import Begun, Logins, LoginThrottles
from picstore_auth.usecases.passwords import Passwords
from picstore_auth.usecases.sessions import KEEP_ENDED, Sessions
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.origin import Origin, coming_from
from tests.integration.auth.clocks import SettableClock
from tests.integration.auth.teams import FoundedTeam, address, caller_of, found_team
from tests.integration.auth.throttles import out_of_reach

NOW = datetime(2100, 11, 1, 12, 0, tzinfo=UTC)
LIFETIMES = SessionLifetimes(idle=timedelta(days=14), absolute=timedelta(days=30))
PASSWORD = "correct horse battery"
MEMBERS = {"admin": [Permission.TEAM_ADMIN], "reader": [Permission.IMAGE_READ]}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def last_uses(database: Database) -> LastUses:
    return LastUses(database)


@pytest.fixture
def authentication(database: Database, last_uses: LastUses, clock: SettableClock) -> Authentication:
    return Authentication(
        database, last_uses, out_of_reach(), session_idle=LIFETIMES.idle, clock=clock
    )


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    async with Passwords(time_cost=1, memory_kib=8, parallelism=1) as passwords:
        yield passwords


@pytest.fixture
def logins(database: Database, passwords: Passwords, clock: SettableClock) -> Logins:
    return logins_with(database, passwords, clock)


@pytest.fixture
def sessions(database: Database, pager: Pager, clock: SettableClock) -> Sessions:
    return Sessions(database, pager, lifetimes=LIFETIMES, clock=clock)


@pytest.fixture
async def team(database: Database, passwords: Passwords) -> FoundedTeam:
    """A team in which everybody has the same password."""
    team = await found_team(database, members=MEMBERS)
    for name in MEMBERS:
        await set_password(database, team.caller(name), await passwords.hash(PASSWORD))
    return team


def logins_with(database: Database, passwords: Passwords, clock: SettableClock) -> Logins:
    throttles = LoginThrottles(
        account=Throttle("1000 per minute"), address=Throttle("1000 per minute")
    )
    return Logins(database, passwords, throttles=throttles, lifetimes=LIFETIMES, clock=clock)


async def set_password(database: Database, caller: Caller, password_hash: str) -> None:
    assert caller.user_id is not None
    async with database.transaction(team=caller.team_id) as conn:
        account = await accounts.fetch(conn, caller.team_id, caller.user_id)
        assert await accounts.set_password(conn, account, password_hash)


async def stored_hash(database: Database, caller: Caller) -> str | None:
    assert caller.user_id is not None
    async with database.transaction(team=caller.team_id) as conn:
        return (await accounts.fetch(conn, caller.team_id, caller.user_id)).password_hash


async def log_in(
    logins: Logins, database: Database, team: FoundedTeam, password: str = PASSWORD
) -> Begun:
    async with database.transaction(team=team.id) as conn:
        cursor = await conn.execute("SELECT short_name FROM teams WHERE id = %s", (team.id,))
        row = await cursor.fetchone()
    assert row is not None
    return await logins.log_in(Login(team=row[0], email=address("reader"), password=password))


async def refusal(authentication: Authentication, credential: str) -> Reason:
    with pytest.raises(Unauthenticated) as caught:
        await authentication.authenticate(credential)
    return caught.value.reason


async def test_session_ends_however_much_it_is_used(
    logins: Logins,
    authentication: Authentication,
    last_uses: LastUses,
    database: Database,
    team: FoundedTeam,
    clock: SettableClock,
) -> None:
    begun = await log_in(logins, database, team)
    for days in (10, 20, 29):
        clock.now = NOW + timedelta(days=days)
        await authentication.authenticate(begun.credential)
        await last_uses.flush()
    clock.now = NOW + timedelta(days=30)
    assert await refusal(authentication, begun.credential) is Reason.CREDENTIAL_EXPIRED


async def test_session_that_nobody_uses_ends_earlier(
    logins: Logins,
    authentication: Authentication,
    sessions: Sessions,
    database: Database,
    team: FoundedTeam,
    clock: SettableClock,
) -> None:
    begun = await log_in(logins, database, team)
    reader = team.caller("reader")
    clock.now = NOW + timedelta(days=14) - timedelta(microseconds=1)
    assert (await authentication.authenticate(begun.credential)).session_id == begun.session.id
    assert len((await sessions.list_sessions(reader, page_size=0, page_token="")).rows) == 1
    clock.now = NOW + timedelta(days=14)
    assert await refusal(authentication, begun.credential) is Reason.CREDENTIAL_EXPIRED
    assert (await sessions.list_sessions(reader, page_size=0, page_token="")).rows == []


async def test_use_of_a_session_is_stored_to_the_minute(
    logins: Logins,
    authentication: Authentication,
    sessions: Sessions,
    last_uses: LastUses,
    database: Database,
    team: FoundedTeam,
    clock: SettableClock,
) -> None:
    begun = await log_in(logins, database, team)
    for seconds, stored in ((59, 0), (60, 60), (100, 60)):
        clock.now = NOW + timedelta(seconds=seconds)
        await authentication.authenticate(begun.credential)
        await last_uses.flush()
        page = await sessions.list_sessions(team.caller("reader"), page_size=0, page_token="")
        assert page.rows[0].last_used_at == NOW + timedelta(seconds=stored)


async def test_session_of_a_disabled_team_is_refused(
    logins: Logins, authentication: Authentication, database: Database, team: FoundedTeam
) -> None:
    begun = await log_in(logins, database, team)
    async with database.system_transaction() as conn:
        await conn.execute("UPDATE teams SET disabled = true WHERE id = %s", (team.id,))
    assert await refusal(authentication, begun.credential) is Reason.CREDENTIAL_REVOKED
    with pytest.raises(Unauthenticated) as caught:
        await log_in(logins, database, team)
    assert caught.value.reason is Reason.LOGIN_FAILED


async def test_session_can_do_what_its_user_can(
    logins: Logins, authentication: Authentication, database: Database, team: FoundedTeam
) -> None:
    begun = await log_in(logins, database, team)
    identity = await authentication.authenticate(begun.credential)
    caller, reader = caller_of(identity), team.caller("reader")
    assert (caller.user_id, caller.grants) == (reader.user_id, reader.grants)
    assert (caller.key_id, caller.session_id) == (None, begun.session.id)
    assert await authentication.identify_session(begun.session.id) == identity


async def test_secret_is_not_in_the_database(
    logins: Logins, database: Database, team: FoundedTeam
) -> None:
    begun = await log_in(logins, database, team)
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT s::text, s.digest FROM sessions s")
        stored = repr(await cursor.fetchall())
    assert begun.credential not in stored
    assert begun.credential[-38:] not in stored


async def test_hash_is_renewed_at_login_when_its_parameters_have_changed(
    database: Database, passwords: Passwords, team: FoundedTeam, clock: SettableClock
) -> None:
    reader = team.caller("reader")
    async with Passwords(time_cost=2, memory_kib=8, parallelism=1) as stronger:
        await log_in(logins_with(database, stronger, clock), database, team)
        renewed = await stored_hash(database, reader)
        assert renewed is not None
        assert not stronger.is_outdated(renewed)
        assert await stronger.matches(renewed, PASSWORD)


async def test_login_that_a_change_of_the_password_overtakes_fails(
    database: Database, passwords: Passwords, team: FoundedTeam, clock: SettableClock
) -> None:
    reader = team.caller("reader")

    class Overtaken(Passwords):
        """Somebody else sets another password as soon as this one has been verified."""

        async def matches(self, stored: str | None, password: str) -> bool:
            same = await super().matches(stored, password)
            await set_password(database, reader, await passwords.hash("another password"))
            return same

    async with Overtaken(time_cost=1, memory_kib=8, parallelism=1) as overtaken:
        with pytest.raises(Unauthenticated) as caught:
            await log_in(logins_with(database, overtaken, clock), database, team)
    assert caught.value.reason is Reason.LOGIN_FAILED


async def test_of_two_changes_at_once_one_is_refused(
    logins: Logins, database: Database, team: FoundedTeam
) -> None:
    reader = team.caller("reader")
    answers = await asyncio.gather(
        *(
            logins.change_password(reader, current=PASSWORD, new=f"another password {number}")
            for number in range(2)
        ),
        return_exceptions=True,
    )
    (refused,) = [answer for answer in answers if answer is not None]
    assert isinstance(refused, Unauthenticated)
    assert refused.reason is Reason.LOGIN_FAILED


async def test_ended_sessions_are_told_to_caches(
    logins: Logins, sessions: Sessions, database: Database, team: FoundedTeam
) -> None:
    begun = [await log_in(logins, database, team) for _ in range(2)]
    reader = team.caller("reader")
    assert reader.user_id is not None
    assert await sessions.revoke_user_sessions(team.caller("admin"), reader.user_id) == 2
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT payload FROM outbox ORDER BY id DESC LIMIT 1")
        ((payload,),) = await cursor.fetchall()
    told = Event.FromString(payload)
    assert told.team_id == team.id
    assert set(told.key_revoked.key_ids) == {one.session.id for one in begun}


async def test_long_ended_sessions_are_deleted(
    logins: Logins, sessions: Sessions, database: Database, team: FoundedTeam, clock: SettableClock
) -> None:
    begun = await log_in(logins, database, team)
    clock.now = begun.session.expires_at + KEEP_ENDED
    await sessions.delete_ended()
    assert await remaining(database, team) == 1
    clock.now += timedelta(seconds=1)
    await sessions.delete_ended()
    assert await remaining(database, team) == 0


async def remaining(database: Database, team: FoundedTeam) -> int:
    async with database.transaction(team=team.id) as conn:
        cursor = await conn.execute("SELECT count(*) FROM sessions")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def recorded(database: Database, team: FoundedTeam) -> list[AuditEvent]:
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT event FROM audit_outbox ORDER BY created_at, id")
        events = [AuditEvent.FromString(event) for (event,) in await cursor.fetchall()]
    return [event for event in events if event.team_id == team.id]


async def test_logins_are_recorded_with_who_and_from_where(
    logins: Logins, sessions: Sessions, database: Database, team: FoundedTeam
) -> None:
    with coming_from(Origin(client_address="198.51.100.1", user_agent="Mozilla/5.0")):
        begun = await log_in(logins, database, team)
        with pytest.raises(Unauthenticated):
            await log_in(logins, database, team, "a guess that is wrong")
    reader = team.caller("reader")
    done, denied = (await recorded(database, team))[-2:]
    assert done.outcome == AuditEvent.OUTCOME_DONE
    assert (done.user_id, done.credential_id) == (reader.user_id, begun.session.id)
    assert (done.resource_type, done.resource_id) == ("Session", begun.session.id)
    assert (done.client_address, done.user_agent) == ("198.51.100.1", "Mozilla/5.0")
    assert denied.outcome == AuditEvent.OUTCOME_DENIED
    assert (denied.reason, denied.user_id) == ("LOGIN_FAILED", "")
    assert (denied.resource_type, denied.resource_id) == ("User", reader.user_id)
    assert denied.client_address == "198.51.100.1"
    assert begun.credential[-38:] not in repr((done, denied))


async def test_changed_password_is_recorded_without_it(
    logins: Logins, database: Database, team: FoundedTeam
) -> None:
    reader = team.caller("reader")
    await logins.change_password(reader, current=PASSWORD, new="staple battery horse")
    event = (await recorded(database, team))[-1]
    assert (event.resource_type, event.resource_id) == ("User", reader.user_id)
    assert [change.field for change in event.changes] == ["password"]
    assert "staple" not in repr(event)


async def test_operator_has_no_sessions(sessions: Sessions, team: FoundedTeam) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await sessions.list_sessions(operator_of(team.id), page_size=0, page_token="")
    assert caught.value.reason is Reason.CREDENTIAL_MISSING
