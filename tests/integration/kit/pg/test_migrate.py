"""Migrations: once, in order, by phase, and never over something that changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from picstore_kit.errors import Unavailable
from picstore_kit.pg import migrate as migrate_module
from picstore_kit.pg.migrate import MigrationError, State, migrate, status
from picstore_kit.pg.provision import provision
from tests.integration.kit.pg.conftest import PASSWORD, SERVICE


@pytest.fixture
async def admin_dsn(database_url: str) -> str:
    await provision(database_url, service=SERVICE, password=PASSWORD)
    return database_url


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, "0001_pre_one.sql", "CREATE TABLE one (id int);")
    write(tmp_path, "0002_post_two.sql", "CREATE TABLE two (id int);")
    write(tmp_path, "0003_pre_three.sql", "CREATE TABLE three (id int);")
    return tmp_path


def write(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(text)


async def connect(dsn: str) -> AsyncConnection[TupleRow]:
    return await AsyncConnection.connect(dsn, autocommit=True)


async def tables(dsn: str) -> set[str]:
    async with await connect(dsn) as conn:
        cursor = await conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'shop'")
        return {name for (name,) in await cursor.fetchall()} - {"schema_migrations"}


async def run(dsn: str, directory: Path, phase: migrate_module.Phase = "all") -> list[str]:
    applied = await migrate(dsn, service=SERVICE, directory=directory, phase=phase)
    return [migration.name for migration in applied]


async def test_everything_is_applied_in_order_and_only_once(
    admin_dsn: str, directory: Path
) -> None:
    expected = ["0001_pre_one.sql", "0002_post_two.sql", "0003_pre_three.sql"]
    assert await run(admin_dsn, directory) == expected
    assert await run(admin_dsn, directory) == []
    assert await tables(admin_dsn) == {"one", "two", "three"}


async def test_phases_are_applied_apart(admin_dsn: str, directory: Path) -> None:
    assert await run(admin_dsn, directory, "pre") == ["0001_pre_one.sql", "0003_pre_three.sql"]
    assert await tables(admin_dsn) == {"one", "three"}
    assert await run(admin_dsn, directory, "post") == ["0002_post_two.sql"]


async def test_tables_belong_to_the_owner(admin_dsn: str, directory: Path) -> None:
    await run(admin_dsn, directory)
    async with await connect(admin_dsn) as conn:
        cursor = await conn.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'shop'"
        )
        assert await cursor.fetchall() == [("picstore_shop_owner",)]


async def test_runs_at_the_same_time_apply_each_file_once(admin_dsn: str, directory: Path) -> None:
    results = await asyncio.gather(*(run(admin_dsn, directory) for _ in range(4)))
    assert sorted(map(len, results)) == [0, 0, 0, 3]


async def test_a_run_gives_up_when_another_one_does_not_end(
    admin_dsn: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "LOCK_WAIT_S", 0.0)
    async with await connect(admin_dsn) as conn:
        await conn.execute("SELECT pg_advisory_lock(hashtextextended('picstore.migrate.shop', 0))")
        with pytest.raises(Unavailable, match="another run"):
            await run(admin_dsn, directory)


async def test_a_changed_file_is_refused_before_anything_is_applied(
    admin_dsn: str, directory: Path
) -> None:
    await run(admin_dsn, directory)
    write(directory, "0001_pre_one.sql", "CREATE TABLE one (id bigint);")
    write(directory, "0004_pre_four.sql", "CREATE TABLE four (id int);")
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        await run(admin_dsn, directory)
    assert "four" not in await tables(admin_dsn)


async def test_a_removed_file_is_refused(admin_dsn: str, directory: Path) -> None:
    await run(admin_dsn, directory)
    (directory / "0002_post_two.sql").unlink()
    with pytest.raises(MigrationError, match="its file is gone"):
        await run(admin_dsn, directory)


async def test_an_older_release_accepts_a_newer_schema(admin_dsn: str, directory: Path) -> None:
    await run(admin_dsn, directory)
    (directory / "0003_pre_three.sql").unlink()
    assert await run(admin_dsn, directory) == []


async def test_a_failing_file_leaves_no_trace_and_those_before_it_stay(
    admin_dsn: str, directory: Path
) -> None:
    write(directory, "0002_post_two.sql", "CREATE TABLE two (id int); SELECT 1 / 0;")
    with pytest.raises(errors.DivisionByZero):
        await run(admin_dsn, directory)
    assert await tables(admin_dsn) == {"one"}
    write(directory, "0002_post_two.sql", "CREATE TABLE two (id int);")
    assert await run(admin_dsn, directory) == ["0002_post_two.sql", "0003_pre_three.sql"]


async def test_a_file_can_ask_for_no_transaction(admin_dsn: str, directory: Path) -> None:
    write(
        directory,
        "0004_pre_index.sql",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_id ON one (id);",
    )
    await run(admin_dsn, directory)
    async with await connect(admin_dsn) as conn:
        cursor = await conn.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'one'")
        assert await cursor.fetchall() == [("one_id",)]


async def test_a_migration_does_not_make_everybody_queue_behind_a_lock(
    admin_dsn: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "_LOCK_TIMEOUT", "50ms")
    await run(admin_dsn, directory)
    write(directory, "0004_pre_column.sql", "ALTER TABLE one ADD COLUMN more int;")
    async with await connect(admin_dsn) as conn, conn.transaction():
        await conn.execute("LOCK TABLE shop.one")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await run(admin_dsn, directory)
    assert await run(admin_dsn, directory) == ["0004_pre_column.sql"]


async def test_status_names_what_is_applied_pending_and_changed(
    admin_dsn: str, directory: Path
) -> None:
    before = await status(admin_dsn, service=SERVICE, directory=directory)
    assert {entry.state for entry in before} == {State.PENDING}
    await run(admin_dsn, directory, "pre")
    write(directory, "0003_pre_three.sql", "CREATE TABLE three (id bigint);")
    after = await status(admin_dsn, service=SERVICE, directory=directory)
    assert [entry.state for entry in after] == [State.APPLIED, State.PENDING, State.CHANGED]
    assert [entry.applied_at is None for entry in after] == [False, True, False]


@pytest.mark.parametrize("name", ["one.sql", "1_pre_one.sql", "0001_mid_one.sql", "0001_pre_.sql"])
async def test_a_misnamed_file_is_refused(admin_dsn: str, tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "SELECT 1")
    with pytest.raises(MigrationError, match="is not named"):
        await run(admin_dsn, tmp_path)


async def test_two_files_with_one_number_are_refused(admin_dsn: str, directory: Path) -> None:
    write(directory, "0002_pre_also_two.sql", "SELECT 1")
    with pytest.raises(MigrationError, match="has the number of"):
        await run(admin_dsn, directory)
