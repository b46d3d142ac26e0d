"""Audit events and denials: what is committed arrives, whoever is slow, broken or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from psycopg import errors

from picstore.auth.v1 import audit_pb2
from picstore_kit import audit, denials
from picstore_kit.changes import FieldChange
from picstore_kit.denials import Denials
from picstore_kit.errors import PermissionDenied, Reason, Resource, Unavailable
from picstore_kit.ids import KeyId, ProjectId, UserId
from picstore_kit.pg import audit_relay
from picstore_kit.pg.audit_relay import AuditRelay
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Principal, acting_as
from picstore_kit.rpc.origin import Origin, coming_from
from tests.integration.kit.pg.conftest import BLUE, RED

ANN = Principal(team_id=RED, user_id=UserId("usr_ann"), key_id=KeyId("key_ann"))
BOB = Principal(team_id=BLUE, user_id=UserId("usr_bob"), key_id=KeyId("key_bob"))
METHOD = "picstore.shop.v1.ThingService/UpdateThing"


class Log:
    """Keeps what it was given, each event once; refuses while it is broken."""

    def __init__(self) -> None:
        self.kept: dict[str, audit_pb2.AuditEvent] = {}
        self.batches: list[list[str]] = []
        self.broken = False
        self.refused = 0
        self.changed = asyncio.Condition()

    async def keep(self, events: Sequence[audit_pb2.AuditEvent]) -> None:
        async with self.changed:
            self.changed.notify_all()
            if self.broken:
                self.refused += 1
                raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "auth does not answer")
            self.batches.append([event.id for event in events])
            self.kept.update({event.id: event for event in events})

    def objects(self) -> list[str]:
        return [event.resource_id for event in self.kept.values()]

    async def until_kept(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.kept) >= count)

    async def until_refused(self) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.refused > 0)


@asynccontextmanager
async def running(relay: AuditRelay | Denials) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(relay.run())
        yield
        task.cancel()


async def do(database: Database, *resource_ids: str) -> None:
    """Do something to each of the objects, in one transaction."""
    async with database.transaction(team=RED) as conn:
        for resource_id in resource_ids:
            await audit.record(conn, team_id=RED, resource_type="Project", resource_id=resource_id)


async def waiting(database: Database) -> int:
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT count(*) FROM audit_outbox")
        row = await cursor.fetchone()
    return row[0] if row else 0


def denial(name: str = "prj_1") -> PermissionDenied:
    return PermissionDenied.missing("project:write", resource=Resource(type="Project", name=name))


async def test_what_is_done_is_recorded_with_who_did_it_and_from_where(database: Database) -> None:
    origin = Origin(
        method=METHOD,
        client_address="203.0.113.7",
        user_agent="curl/8",
    )
    with acting_as(ANN), coming_from(origin):
        async with database.transaction(team=RED) as conn:
            await audit.record(
                conn,
                team_id=RED,
                resource_type="Project",
                resource_id="prj_1",
                project_id=ProjectId("prj_1"),
                changes=[FieldChange(field="display_name", old="a", new="b")],
            )
    log = Log()
    assert not await AuditRelay(database, log).hand_over()
    (event,) = log.kept.values()
    assert event.id.startswith("aud_")
    assert (event.team_id, event.user_id, event.credential_id) == (RED, "usr_ann", "key_ann")
    assert (event.client_address, event.user_agent) == ("203.0.113.7", "curl/8")
    assert event.method == METHOD
    assert (event.resource_type, event.resource_id, event.project_id) == (
        "Project",
        "prj_1",
        "prj_1",
    )
    assert event.outcome == audit_pb2.AuditEvent.OUTCOME_DONE
    assert [(c.field, c.old_value, c.new_value) for c in event.changes] == [
        ("display_name", "a", "b")
    ]
    assert await waiting(database) == 0


async def test_what_is_undone_is_not_recorded(database: Database) -> None:
    async def do_and_fail() -> None:
        async with database.transaction(team=RED) as conn:
            await audit.record(conn, team_id=RED, resource_type="Project", resource_id="prj_1")
            raise LookupError

    with pytest.raises(LookupError):
        await do_and_fail()
    assert await waiting(database) == 0


async def test_events_are_still_there_when_the_log_does_not_answer(database: Database) -> None:
    log = Log()
    log.broken = True
    await do(database, "prj_1", "prj_2")
    with pytest.raises(Unavailable):
        await AuditRelay(database, log).hand_over()
    assert await waiting(database) == 2


async def test_everything_arrives_after_the_log_comes_back(database: Database) -> None:
    log = Log()
    log.broken = True
    async with running(AuditRelay(database, log, poll_s=0.05)):
        await do(database, "prj_1", "prj_2")
        await log.until_refused()
        log.broken = False
        await log.until_kept(2)
    assert log.objects() == ["prj_1", "prj_2"]


async def test_a_relay_that_dies_after_handing_over_hands_over_the_same_event_again(
    database: Database,
) -> None:
    class Dying(Log):
        async def keep(self, events: Sequence[audit_pb2.AuditEvent]) -> None:
            await super().keep(events)
            raise LookupError

    dying, log = Dying(), Log()
    await do(database, "prj_1")
    with pytest.raises(LookupError):
        await AuditRelay(database, dying).hand_over()
    await AuditRelay(database, log).hand_over()
    assert log.kept == dying.kept
    assert await waiting(database) == 0


async def test_two_relays_share_the_work_and_hand_over_nothing_twice(database: Database) -> None:
    log = Log()
    relays = [AuditRelay(database, log, poll_s=0.02) for _ in range(2)]
    async with running(relays[0]), running(relays[1]):
        async with asyncio.TaskGroup() as tasks:
            for number in range(40):
                tasks.create_task(do(database, f"prj_{number}"))
        await log.until_kept(40)
    assert sum(map(len, log.batches)) == 40


async def test_a_relay_that_is_stopped_hands_over_what_was_committed_before(
    database: Database,
) -> None:
    log = Log()
    async with running(AuditRelay(database, log, poll_s=3600)):
        await do(database, "prj_1")
    assert log.objects() == ["prj_1"]


async def test_more_than_a_call_can_carry_goes_in_several(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_relay, "MAX_BYTES", 10)
    log = Log()
    await do(database, "prj_1", "prj_2")
    relay = AuditRelay(database, log)
    assert await relay.hand_over()
    assert not await relay.hand_over()
    assert list(map(len, log.batches)) == [1, 1]


async def test_no_team_can_read_or_remove_what_waits(database: Database) -> None:
    await do(database, "prj_1")
    async with database.transaction(team=RED) as conn:
        cursor = await conn.execute("SELECT event FROM audit_outbox")
        assert await cursor.fetchall() == []
        assert (await conn.execute("DELETE FROM audit_outbox")).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        async with database.transaction(team=RED) as conn:
            await conn.execute("TRUNCATE audit_outbox")
    assert await waiting(database) == 1


async def test_a_value_too_long_for_the_log_is_cut(database: Database) -> None:
    change = FieldChange(field="alt_text", old="", new="x" * (audit.MAX_VALUE + 1))
    async with database.transaction(team=RED) as conn:
        await audit.record(
            conn, team_id=RED, resource_type="Image", resource_id="img_1", changes=[change]
        )
    log = Log()
    await AuditRelay(database, log).hand_over()
    (event,) = log.kept.values()
    assert event.changes[0].new_value == "x" * (audit.MAX_VALUE - 1) + "…"


async def test_a_refusal_that_a_use_case_knows_of_is_recorded_though_nothing_is_done(
    database: Database,
) -> None:
    await audit.record_denied(
        database, team_id=None, reason=Reason.LOGIN_FAILED, resource_type="User"
    )
    log = Log()
    await AuditRelay(database, log).hand_over()
    (event,) = log.kept.values()
    assert event.outcome == audit_pb2.AuditEvent.OUTCOME_DENIED
    assert (event.team_id, event.reason, event.resource_type) == ("", "LOGIN_FAILED", "User")


async def test_a_denial_is_recorded_with_what_was_asked_for(database: Database) -> None:
    noted = Denials(database)
    with coming_from(Origin(method=METHOD, client_address="203.0.113.7")):
        noted.note(ANN, denial())
    assert await waiting(database) == 0  # it takes no time of the call
    await noted.record_batch()
    log = Log()
    await AuditRelay(database, log).hand_over()
    (event,) = log.kept.values()
    assert event.outcome == audit_pb2.AuditEvent.OUTCOME_DENIED
    assert (event.team_id, event.user_id, event.client_address) == (RED, "usr_ann", "203.0.113.7")
    assert (event.reason, event.resource_type, event.resource_id) == (
        "PERMISSION_MISSING",
        "Project",
        "prj_1",
    )
    assert event.method == METHOD


async def test_a_flood_of_denials_of_one_caller_hides_no_other(database: Database) -> None:
    noted = Denials(database)
    for number in range(1000):
        noted.note(ANN, denial(f"prj_{number}"))
    noted.note(BOB, denial("prj_of_bob"))
    await noted.record_batch()
    log = Log()
    await AuditRelay(database, log).hand_over()
    assert len(log.kept) == denials.OF_ONE_CALLER + 1
    assert "prj_of_bob" in log.objects()


async def test_a_flood_of_many_callers_fills_no_memory_and_is_recorded_round_by_round(
    database: Database,
) -> None:
    noted = Denials(database)
    for number in range(denials.WAITING + 100):
        caller = Principal(team_id=RED, user_id=UserId(f"usr_{number}"))
        noted.note(caller, denial())
    await noted.record_batch()
    assert await waiting(database) == denials.BATCH
    for _ in range(2 * denials.WAITING // denials.BATCH):
        await noted.record_batch()
    assert await waiting(database) == denials.WAITING


async def test_denials_that_wait_when_the_service_stops_are_recorded(database: Database) -> None:
    noted = Denials(database, round_s=3600)
    async with running(noted):
        assert await waiting(database) == 0
        noted.note(ANN, denial())
    assert await waiting(database) == 1
