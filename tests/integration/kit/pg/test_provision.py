"""Roles and rights of a service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import make_conninfo

from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from tests.integration.kit.pg.conftest import PASSWORD, SERVICE


async def test_provisioning_again_changes_the_password_and_nothing_else(
    dsn: str, database_url: str
) -> None:
    await provision(database_url, service=SERVICE, password="another")
    with pytest.raises(psycopg.OperationalError):
        await AsyncConnection.connect(dsn)
    fresh = login_dsn(database_url, service=SERVICE, password="another")
    async with await AsyncConnection.connect(fresh) as conn:
        cursor = await conn.execute("SELECT count(*) FROM shop.things")
        assert await cursor.fetchone() == (0,)
    await provision(database_url, service=SERVICE, password=PASSWORD)


async def test_services_can_be_provisioned_at_the_same_time(database_url: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        for service in ("shop", "depot", "shop", "depot"):
            tasks.create_task(provision(database_url, service=service, password=PASSWORD))


async def test_the_password_reaches_the_server_only_as_a_verifier(
    dsn: str, database_url: str
) -> None:
    async with await AsyncConnection.connect(database_url) as conn:
        cursor = await conn.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'picstore_shop'"
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")


async def test_an_administrator_without_superuser_is_enough(
    database_url: str, tmp_path: Path
) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as conn:
        name = f"admin_{conn.info.dbname}"
        for statement in (
            "CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD 'x'",
            "ALTER DATABASE {database} OWNER TO {admin}",
        ):
            await conn.execute(
                sql.SQL(statement).format(
                    admin=sql.Identifier(name), database=sql.Identifier(conn.info.dbname)
                )
            )
    admin = make_conninfo(database_url, user=name, password="x")
    (tmp_path / "0001_pre_one.sql").write_text("CREATE TABLE one (id int);")
    for _ in range(2):
        await provision(admin, service=name[:20], password=PASSWORD)
    applied = await migrate(admin, service=name[:20], directory=tmp_path)
    assert [migration.version for migration in applied] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE shop.more (id int)",
        "DROP TABLE shop.things",
        "ALTER TABLE shop.things DISABLE ROW LEVEL SECURITY",
        "DROP POLICY team ON shop.things",
        "TRUNCATE shop.things",
        "DELETE FROM shop.schema_migrations",
        "SET ROLE picstore_shop_owner",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
    ],
)
async def test_the_login_role_changes_rows_but_no_tables(dsn: str, statement: str) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as conn:
        with pytest.raises(errors.InsufficientPrivilege):
            await conn.execute(statement.encode())


async def test_a_service_does_not_see_another_ones_schema(dsn: str, database_url: str) -> None:
    await provision(database_url, service="depot", password=PASSWORD)
    depot = login_dsn(database_url, service="depot", password=PASSWORD)
    async with await AsyncConnection.connect(depot) as conn:
        with pytest.raises(errors.InsufficientPrivilege):
            await conn.execute("SELECT * FROM shop.things")


@pytest.mark.parametrize("service", ["", "Shop", "shop; DROP", 'a"b', "x" * 40])
async def test_a_strange_name_is_no_service(database_url: str, service: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        await provision(database_url, service=service, password=PASSWORD)
