"""Whose an API key is, as the database knows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from picstore_auth.model.api_key import NewKey
from picstore_auth.model.grant import Grant, Permission
from picstore_auth.model.user import UserUpdate
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.last_uses import LastUses
from picstore_auth.usecases.users import Users
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from tests.integration.auth.clocks import SettableClock
from tests.integration.auth.references import EverythingExists
from tests.integration.auth.teams import FoundedTeam, caller_of, found_team
from tests.integration.auth.throttles import out_of_reach

NOW = datetime(2100, 11, 1, 12, 0, tzinfo=UTC)
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
        database, last_uses, out_of_reach(), session_idle=timedelta(days=14), clock=clock
    )


@pytest.fixture
async def team(database: Database) -> FoundedTeam:
    return await found_team(database, members=MEMBERS)


async def refusal(authentication: Authentication, credential: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await authentication.authenticate(credential)
    return caught.value


async def test_good_key_has_the_grants_of_its_user(
    authentication: Authentication, team: FoundedTeam
) -> None:
    member = team.members["reader"]
    identity = await authentication.authenticate(member.api_key.text)
    assert caller_of(identity) == member.caller
    assert identity.grants == (Grant(permission=Permission.IMAGE_READ),)


async def test_unknown_key_and_wrong_secret_look_alike(
    authentication: Authentication, team: FoundedTeam
) -> None:
    unknown = await refusal(authentication, new_api_key(new_id(KeyId)).text)
    known_id = team.members["reader"].api_key.key_id
    wrong = await refusal(authentication, new_api_key(known_id).text)
    assert (unknown.reason, unknown.message) == (wrong.reason, wrong.message)
    assert unknown.reason is Reason.CREDENTIAL_INVALID


async def test_revoked_key_is_refused(
    authentication: Authentication, team: FoundedTeam, database: Database, pager: Pager
) -> None:
    api_key = team.members["reader"].api_key
    await Keys(database, pager, EverythingExists()).revoke_key(team.caller("admin"), api_key.key_id)
    assert (await refusal(authentication, api_key.text)).reason is Reason.CREDENTIAL_REVOKED


async def test_wrong_secret_of_a_revoked_key_is_not_told_that_it_was_revoked(
    authentication: Authentication, team: FoundedTeam, database: Database, pager: Pager
) -> None:
    key_id = team.members["reader"].api_key.key_id
    await Keys(database, pager, EverythingExists()).revoke_key(team.caller("admin"), key_id)
    error = await refusal(authentication, new_api_key(key_id).text)
    assert error.reason is Reason.CREDENTIAL_INVALID


async def test_key_of_a_disabled_user_is_refused_until_the_user_is_enabled(
    authentication: Authentication, team: FoundedTeam, database: Database, pager: Pager
) -> None:
    member = team.members["reader"]
    assert member.caller.user_id is not None
    directory = Users(database, pager)
    disable = UserUpdate(user_id=member.caller.user_id, disabled=True)
    await directory.update_user(team.caller("admin"), disable)
    error = await refusal(authentication, member.api_key.text)
    assert error.reason is Reason.CREDENTIAL_REVOKED
    enable = UserUpdate(user_id=member.caller.user_id, disabled=False)
    await directory.update_user(team.caller("admin"), enable)
    await authentication.authenticate(member.api_key.text)


async def test_key_is_good_until_its_expiry(
    authentication: Authentication, database: Database, clock: SettableClock
) -> None:
    expiry = NOW + timedelta(hours=1)
    team = await found_team(database, members=MEMBERS, expires_at=expiry)
    api_key = team.members["reader"].api_key
    clock.now = expiry - timedelta(microseconds=1)
    assert (await authentication.authenticate(api_key.text)).expires_at == expiry
    clock.now = expiry
    error = await refusal(authentication, api_key.text)
    assert error.reason is Reason.CREDENTIAL_EXPIRED
    assert error.metadata == {"expire_time": "2100-11-01T13:00:00Z"}


async def test_limited_key_loses_what_its_user_loses(
    authentication: Authentication, team: FoundedTeam, database: Database, pager: Pager
) -> None:
    reader = team.caller("reader")
    assert reader.user_id is not None
    on_one_project = Grant(permission=Permission.IMAGE_READ, project_id=new_id(ProjectId))
    made = await Keys(database, pager, EverythingExists()).create_key(
        team.caller("admin"),
        NewKey(user_id=reader.user_id, grants=(on_one_project,)),
        request_id="",
    )
    identity = await authentication.authenticate(made.credential)
    assert identity.grants == (on_one_project,)
    no_roles = UserUpdate(user_id=reader.user_id, role_ids=())
    await Users(database, pager).update_user(team.caller("admin"), no_roles)
    assert (await authentication.authenticate(made.credential)).grants == ()


async def stored_use(database: Database, key_id: KeyId) -> datetime | None:
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT last_used_at FROM api_keys WHERE id = %s", (key_id,))
        row = await cursor.fetchone()
    assert row is not None
    use: datetime | None = row[0]
    return use


async def test_use_is_stored_beside_the_call(
    authentication: Authentication, team: FoundedTeam, database: Database, last_uses: LastUses
) -> None:
    api_key = team.members["reader"].api_key
    await authentication.authenticate(api_key.text)
    assert await stored_use(database, api_key.key_id) is None
    await last_uses.flush()
    assert await stored_use(database, api_key.key_id) == NOW


async def test_use_is_stored_once_a_minute(
    authentication: Authentication,
    team: FoundedTeam,
    database: Database,
    last_uses: LastUses,
    clock: SettableClock,
) -> None:
    api_key = team.members["reader"].api_key
    for seconds, stored in ((0, 0), (59, 0), (60, 60), (61, 60)):
        clock.now = NOW + timedelta(seconds=seconds)
        await authentication.authenticate(api_key.text)
        await last_uses.flush()
        assert await stored_use(database, api_key.key_id) == NOW + timedelta(seconds=stored)


async def test_replicas_together_store_a_use_once_a_minute(
    database: Database, team: FoundedTeam
) -> None:
    key_id = team.members["reader"].api_key.key_id
    for seconds in (0, 30):
        replica = LastUses(database)
        replica.note(key_id, NOW + timedelta(seconds=seconds), stored=None)
        await replica.flush()
    assert await stored_use(database, key_id) == NOW


async def test_uses_are_stored_on_exit(database: Database, team: FoundedTeam) -> None:
    key_id = team.members["reader"].api_key.key_id
    async with LastUses(database) as last_uses:
        last_uses.note(key_id, NOW, stored=None)
    assert await stored_use(database, key_id) == NOW
