"""The wall between teams holds when a query forgets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import AsyncConnection, errors

from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.rls import unprotected_tables
from tests.integration.kit.pg.conftest import BLUE, RED, SERVICE


async def add_thing(database: Database, team: TeamId, name: str) -> None:
    async with database.transaction(team=team) as conn:
        await conn.execute(
            "INSERT INTO things (id, team_id, name) VALUES (%s, %s, %s)",
            (f"{team}.{name}", team, name),
        )


async def names(conn: AsyncConnection[tuple[object, ...]]) -> list[object]:
    """As careless as a query can be."""
    cursor = await conn.execute("SELECT name FROM things ORDER BY name")
    return [name for (name,) in await cursor.fetchall()]


@pytest.fixture
async def things(database: Database) -> None:
    await add_thing(database, RED, "rose")
    await add_thing(database, BLUE, "sky")


@pytest.mark.usefixtures("things")
async def test_a_query_without_a_filter_sees_only_its_team(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        assert await names(conn) == ["rose"]
    async with database.transaction(team=BLUE) as conn:
        assert await names(conn) == ["sky"]


@pytest.mark.usefixtures("things")
async def test_writes_without_a_filter_touch_only_their_team(database: Database) -> None:
    async with database.transaction(team=RED) as conn:
        assert (await conn.execute("UPDATE things SET name = 'tulip'")).rowcount == 1
        assert (await conn.execute("DELETE FROM things")).rowcount == 1
    async with database.system_transaction() as conn:
        assert await names(conn) == ["sky"]


@pytest.mark.usefixtures("things")
async def test_a_row_for_another_team_is_refused(database: Database) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        async with database.transaction(team=RED) as conn:
            await conn.execute("INSERT INTO things VALUES ('x', %s, 'x')", (BLUE,))
    with pytest.raises(errors.InsufficientPrivilege):
        async with database.transaction(team=RED) as conn:
            await conn.execute("UPDATE things SET team_id = %s", (BLUE,))


@pytest.mark.usefixtures("things")
async def test_a_system_transaction_sees_all_teams(database: Database) -> None:
    async with database.system_transaction() as conn:
        assert await names(conn) == ["rose", "sky"]


@pytest.mark.usefixtures("things")
async def test_a_connection_that_named_no_team_sees_nothing(dsn: str) -> None:
    async with await AsyncConnection.connect(dsn, options="-c search_path=shop") as conn:
        assert await names(conn) == []
        await conn.execute("SELECT set_config('picstore.team', %s, true)", (RED,))
        assert await names(conn) == ["rose"]
        await conn.commit()
        assert await names(conn) == []


@pytest.mark.usefixtures("things")
async def test_the_owner_is_bound_as_well(database_url: str) -> None:
    async with await AsyncConnection.connect(database_url, options="-c search_path=shop") as conn:
        await conn.execute("SET ROLE picstore_shop_owner")
        assert await names(conn) == []


async def test_two_teams_may_use_the_same_name(database: Database) -> None:
    await add_thing(database, RED, "cloud")
    await add_thing(database, BLUE, "cloud")


async def test_a_table_without_the_wall_is_found(
    database: Database, database_url: str, migrations: Path
) -> None:
    async with database.system_transaction() as conn:
        assert await unprotected_tables(conn) == []
    (migrations / "0003_pre_careless.sql").write_text(
        "CREATE TABLE careless (team_id text);"
        "CREATE TABLE halfway (team_id text); ALTER TABLE halfway ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY team ON halfway USING (true);"
    )
    await migrate(database_url, service=SERVICE, directory=migrations)
    async with database.system_transaction() as conn:
        assert await unprotected_tables(conn) == ["careless", "halfway"]
