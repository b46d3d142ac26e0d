"""Outbox and relay: nothing is lost, whoever is slow, broken or gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from picstore_kit.pg import outbox
from picstore_kit.pg.database import Database
from picstore_kit.pg.relay import OutboxRelay
from tests.integration.kit.pg.conftest import RED


class Broker:
    """Keeps what it was given; refuses while it is broken."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.headers: list[Mapping[str, str]] = []
        self.ids: list[str | None] = []
        self.broken = False
        self.refused = 0
        self.changed = asyncio.Condition()

    async def publish(
        self, subject: str, payload: bytes, *, headers: Mapping[str, str], msg_id: str | None
    ) -> None:
        async with self.changed:
            self.changed.notify_all()
            if self.broken or subject == "poison":
                self.refused += 1
                raise ConnectionError("no responders")
            self.received.append((subject, payload))
            self.headers.append(headers)
            self.ids.append(msg_id)

    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.received]

    async def until_received(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)

    async def until_arrived(self, payload: bytes) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: payload in self.payloads())

    async def until_refused(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.refused >= count)


@asynccontextmanager
async def running(relay: OutboxRelay) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(relay.run())
        yield
        task.cancel()


async def add(conn: AsyncConnection[TupleRow], payload: bytes, subject: str = "event") -> None:
    await outbox.add(conn, subject=subject, payload=payload, headers={})


async def add_alone(database: Database, payload: bytes, subject: str = "event") -> None:
    async with database.transaction(team=RED) as conn:
        await add(conn, payload, subject)


async def waiting(database: Database) -> list[tuple[str, int, str | None]]:
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT subject, attempts, last_error FROM outbox ORDER BY id")
        return [(subject, attempts, error) for subject, attempts, error in await cursor.fetchall()]


async def test_a_message_leaves_with_the_commit_and_not_without(database: Database) -> None:
    broker = Broker()
    relay = OutboxRelay(database, broker)

    async def add_and_fail() -> None:
        async with database.transaction(team=RED) as conn:
            await add(conn, b"never")
            raise LookupError

    with pytest.raises(LookupError):
        await add_and_fail()
    async with database.transaction(team=RED) as conn:
        await add(conn, b"soon")
        assert await relay.publish_due() == 0
    assert await relay.publish_due() == 1
    assert broker.payloads() == [b"soon"]
    assert await waiting(database) == []


async def test_headers_and_id_arrive(database: Database) -> None:
    broker = Broker()
    async with database.transaction(team=RED) as conn:
        await outbox.add(conn, subject="e", payload=b"1", headers={"schema": "x"}, msg_id="mine")
        await outbox.add(conn, subject="e", payload=b"2", headers={})
        await outbox.add(conn, subject="e", payload=b"3", headers={})
    await OutboxRelay(database, broker).publish_due()
    assert dict(zip(broker.payloads(), broker.headers, strict=True))[b"1"] == {"schema": "x"}
    assert "mine" in broker.ids
    assert None not in broker.ids
    assert len(set(broker.ids)) == 3


async def test_a_slow_transaction_with_a_lower_id_is_not_passed_over(database: Database) -> None:
    broker = Broker()
    relay = OutboxRelay(database, broker)
    async with database.transaction(team=RED) as slow:
        await add(slow, b"first id, last commit")
        await add_alone(database, b"second id, first commit")
        await relay.publish_due()
        assert broker.payloads() == [b"second id, first commit"]
    await relay.publish_due()
    assert broker.payloads() == [b"second id, first commit", b"first id, last commit"]


async def test_a_commit_wakes_the_relay_without_waiting_for_the_poll(database: Database) -> None:
    broker = Broker()
    async with running(OutboxRelay(database, broker, poll_s=3600)):
        await add_alone(database, b"1")
        await broker.until_received(1)
        await add_alone(database, b"2")
        await broker.until_received(2)


async def test_the_poll_finds_what_nobody_announced(database: Database, database_url: str) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as admin:
        await admin.execute("ALTER TABLE shop.outbox DISABLE TRIGGER outbox_wake")
    broker = Broker()
    async with running(OutboxRelay(database, broker, poll_s=0.05)):
        await add_alone(database, b"1")
        await broker.until_received(1)


async def test_more_than_a_batch_is_published_without_pause(database: Database) -> None:
    broker = Broker()
    async with database.transaction(team=RED) as conn:
        for number in range(25):
            await add(conn, str(number).encode())
    async with running(OutboxRelay(database, broker, batch=10, poll_s=3600)):
        await broker.until_received(25)
    assert await waiting(database) == []


async def test_two_relays_share_the_work_and_publish_nothing_twice(database: Database) -> None:
    broker = Broker()
    relays = [OutboxRelay(database, broker, batch=7, poll_s=0.05) for _ in range(2)]
    async with running(relays[0]), running(relays[1]):
        async with asyncio.TaskGroup() as tasks:
            for number in range(60):
                tasks.create_task(add_alone(database, str(number).encode()))
        await broker.until_received(60)
    assert Counter(broker.payloads()) == Counter(str(number).encode() for number in range(60))


async def test_a_message_that_cannot_be_published_is_kept_with_the_reason(
    database: Database,
) -> None:
    broker = Broker()
    relay = OutboxRelay(database, broker)
    await add_alone(database, b"bad", subject="poison")
    await add_alone(database, b"good")
    await relay.publish_due()
    assert broker.payloads() == [b"good"]
    assert await waiting(database) == [("poison", 1, "ConnectionError: no responders")]
    assert await relay.publish_due() == 0  # it is held back, not tried in a tight loop


async def test_a_publisher_that_does_not_answer_counts_as_failed(database: Database) -> None:
    class Silent:
        async def publish(
            self, subject: str, payload: bytes, *, headers: Mapping[str, str], msg_id: str | None
        ) -> None:
            await asyncio.Event().wait()

    await add_alone(database, b"1")
    await OutboxRelay(database, Silent(), publish_timeout_s=0.05).publish_due()
    assert await waiting(database) == [("event", 1, "TimeoutError: ")]


async def test_everything_arrives_after_the_broker_comes_back(database: Database) -> None:
    broker = Broker()
    broker.broken = True
    async with running(OutboxRelay(database, broker, poll_s=0.05)):
        for number in range(5):
            await add_alone(database, str(number).encode())
        await broker.until_refused(5)
        broker.broken = False
        await broker.until_received(5)
    assert sorted(broker.payloads()) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_relay_that_dies_between_publishing_and_deleting_publishes_again(
    database: Database,
) -> None:
    broker = Broker()
    await add_alone(database, b"1")

    async def die_after_publishing() -> None:
        async with database.system_transaction() as conn:
            for row in await outbox.take_due(conn, limit=1):
                await broker.publish(row.subject, row.payload, headers={}, msg_id=row.msg_id)
            raise LookupError

    with pytest.raises(LookupError):
        await die_after_publishing()
    await OutboxRelay(database, broker).publish_due()
    assert broker.payloads() == [b"1", b"1"]
    assert broker.ids[0] == broker.ids[1]  # by which JetStream drops the second


async def test_the_relay_outlives_a_database_that_goes_and_comes_back(
    database: Database, dsn: str, database_url: str
) -> None:
    broker = Broker()
    async with running(OutboxRelay(database, broker, poll_s=0.05)):
        await add_alone(database, b"before")
        await broker.until_received(1)
        async with await AsyncConnection.connect(database_url, autocommit=True) as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        async with await AsyncConnection.connect(dsn, options="-c search_path=shop") as conn:
            await add(conn, b"after")
        await broker.until_arrived(b"after")
    # "before" may have come twice: its backend could die between the publishing and the commit.
    assert set(broker.payloads()) == {b"before", b"after"}


async def test_a_relay_that_is_stopped_publishes_what_was_committed_before(
    database: Database,
) -> None:
    broker = Broker()
    async with running(OutboxRelay(database, broker, poll_s=3600)):
        await add_alone(database, b"1")
    assert broker.payloads() == [b"1"]


async def test_no_team_can_read_or_remove_what_waits(database: Database) -> None:
    await add_alone(database, b"1")
    async with database.transaction(team=RED) as conn:
        cursor = await conn.execute("SELECT payload FROM outbox")
        assert await cursor.fetchall() == []
        assert (await conn.execute("DELETE FROM outbox")).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        async with database.transaction(team=RED) as conn:
            await conn.execute("TRUNCATE outbox")
    assert len(await waiting(database)) == 1
