"""Transactions: committed or not, for whom, and bounded when the server is not well."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import AsyncConnection

from picstore_kit.errors import Aborted, FailedPrecondition, Reason, Unavailable
from picstore_kit.pg import database as database_module
from picstore_kit.pg.database import Database
from picstore_kit.pg.errors import ReferenceViolated, UniqueViolated, translated
from picstore_kit.pg.provision import login_dsn, provision
from tests.integration.kit.pg.conftest import BLUE, PASSWORD, RED, SERVICE, open_database
from tests.integration.kit.pg.proxy import Proxy

INSERT = "INSERT INTO things (id, team_id, name) VALUES (%s, %s, %s)"


async def count(database: Database) -> int:
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT count(*) FROM things")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_block_that_ends_well_is_committed(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        await conn.execute(INSERT, ("a", RED, "a"))
    assert await count(database) == 1


async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    async def insert_and_fail() -> None:
        async with database.transaction(team=RED) as conn:
            await conn.execute(INSERT, ("a", RED, "a"))
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_fail()
    assert await count(database) == 0


async def test_a_cancelled_block_leaves_nothing_and_gives_its_connection_back(dsn: str) -> None:
    async with open_database(dsn, pool_max=1) as database:
        sleeping = asyncio.Event()

        async def insert_and_sleep() -> None:
            async with database.transaction(team=RED) as conn:
                await conn.execute(INSERT, ("a", RED, "a"))
                sleeping.set()
                await conn.execute("SELECT pg_sleep(30)")

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(insert_and_sleep())
            await sleeping.wait()
            task.cancel()
        assert await count(database) == 0


async def test_settings_of_a_transaction_end_with_it(dsn: str) -> None:
    async with open_database(dsn, pool_max=1) as database:
        async with database.system_transaction() as conn:
            first = conn.info.backend_pid
        async with database.transaction(team=RED) as conn:
            assert conn.info.backend_pid == first
            cursor = await conn.execute("SELECT current_setting('picstore.system', true)")
            assert await cursor.fetchone() == ("",)


async def test_a_taken_key_is_named_by_its_constraint(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        await conn.execute(INSERT, ("a", RED, "same"))
    with pytest.raises(UniqueViolated) as caught:
        async with database.transaction(team=RED) as conn:
            await conn.execute(INSERT, ("b", RED, "same"))
    assert caught.value.constraint == "things_name_key"


async def test_a_repo_can_go_on_after_a_taken_key(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        await conn.execute(INSERT, ("a", RED, "same"))
        with pytest.raises(UniqueViolated), translated():
            async with conn.transaction():
                await conn.execute(INSERT, ("b", RED, "same"))
        await conn.execute(INSERT, ("b", RED, "other"))
    assert await count(database) == 2


async def test_a_missing_reference_is_named_by_its_constraint(database: Database) -> None:
    with pytest.raises(ReferenceViolated) as caught:
        async with database.transaction(team=RED) as conn:
            await conn.execute("INSERT INTO parts VALUES ('p', 'no such thing')")
    assert caught.value.constraint == "parts_thing_fkey"


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(dsn: str) -> None:
    async with open_database(dsn, statement_timeout_s=0.2) as database:
        with pytest.raises(Aborted) as caught:
            async with database.transaction(team=RED) as conn:
                await conn.execute("SELECT pg_sleep(30)")
    assert caught.value.reason is Reason.CONFLICT_RETRY


async def test_a_deadlock_asks_for_a_repetition(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        await conn.execute(INSERT, ("a", RED, "a"))
        await conn.execute(INSERT, ("b", RED, "b"))
    both_hold_one = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        async with database.transaction(team=RED) as conn:
            await conn.execute("UPDATE things SET name = name WHERE id = %s", (first,))
            await both_hold_one.wait()
            await conn.execute("UPDATE things SET name = name WHERE id = %s", (second,))

    results = await asyncio.gather(cross("a", "b"), cross("b", "a"), return_exceptions=True)
    [failure] = [result for result in results if result is not None]
    assert isinstance(failure, Aborted)


async def test_an_empty_pool_is_unavailable_after_a_bounded_wait(dsn: str) -> None:
    async with (
        open_database(dsn, pool_max=1, connection_wait_s=0.2) as database,
        database.transaction(team=RED),
    ):
        with pytest.raises(Unavailable) as caught:
            async with database.transaction(team=BLUE):
                pass
    assert caught.value.reason is Reason.DEPENDENCY_UNAVAILABLE
    assert caught.value.retry_after


async def test_too_long_a_queue_is_refused_at_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "MAX_WAITING", 1)
    async with open_database(dsn, pool_max=1) as database:

        async def use() -> None:
            async with database.transaction(team=RED):
                await asyncio.Event().wait()

        async with asyncio.TaskGroup() as tasks:
            held = [tasks.create_task(use()) for _ in range(2)]
            await asyncio.sleep(0)  # both have begun: one has the connection, one waits
            while True:
                try:
                    async with database.transaction(team=RED):
                        pytest.fail("the only connection is in use")
                except Unavailable as error:
                    if error.reason is Reason.OVERLOADED:
                        break
            for task in held:
                task.cancel()


async def test_a_lost_connection_costs_one_transaction(
    database: Database, database_url: str
) -> None:
    async def lose_the_connection() -> None:
        async with database.transaction(team=RED) as conn:
            async with await AsyncConnection.connect(database_url) as admin:
                await admin.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            await conn.execute("SELECT 1")

    with pytest.raises(Unavailable):
        await lose_the_connection()
    assert await count(database) == 0


async def test_a_connection_that_died_in_the_pool_is_replaced(
    database: Database, database_url: str
) -> None:
    async with database.transaction(team=RED) as conn:
        pid = conn.info.backend_pid
    async with await AsyncConnection.connect(database_url) as admin:
        await admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    assert await count(database) == 0


async def test_a_hung_server_is_unavailable_and_the_pool_recovers(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CONNECT_TIMEOUT_S", 1)
    monkeypatch.setattr(database_module, "IDLE_IN_TRANSACTION_S", 1)
    monkeypatch.setattr(database_module, "_CHECK_S", 0.2)
    async with (
        Proxy(dsn).listening() as proxy,
        open_database(
            proxy.dsn, pool_max=2, statement_timeout_s=0.2, connection_wait_s=1
        ) as database,
    ):

        async def ask_a_hung_server() -> None:
            async with database.transaction(team=RED) as conn:
                proxy.hang()
                await conn.execute("SELECT 1")

        with pytest.raises(Unavailable):
            await ask_a_hung_server()
        with pytest.raises(Unavailable):
            async with database.transaction(team=RED):
                pytest.fail("nobody answers")
        proxy.heal()
        while True:
            try:
                assert await count(database) == 0
                break
            except Unavailable:
                continue


async def test_start_says_that_the_schema_is_missing(database_url: str) -> None:
    await provision(database_url, service=SERVICE, password=PASSWORD)
    await provision(database_url, service="depot", password=PASSWORD)
    foreign = login_dsn(database_url, service="depot", password=PASSWORD)
    with pytest.raises(FailedPrecondition, match="picstore-migrate"):
        await open_database(foreign).__aenter__()


async def test_start_refuses_a_role_that_row_level_security_does_not_bind(
    dsn: str, database_url: str
) -> None:
    del dsn
    with pytest.raises(FailedPrecondition, match="row-level security"):
        await open_database(database_url).__aenter__()


async def test_start_refuses_a_wrong_password_at_once(dsn: str, database_url: str) -> None:
    del dsn
    wrong = login_dsn(database_url, service=SERVICE, password=f"{PASSWORD}!")
    with pytest.raises(Unavailable):
        await open_database(wrong).__aenter__()
