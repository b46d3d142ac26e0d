"""Schemas of auth: one that the tests share, each with teams of its own, and fresh ones."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from importlib import resources

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.settings import PostgresSettings
from picstore_local.infrastructure import Infrastructure

PASSWORD = "not a secret"


async def make_schema(admin_dsn: str) -> str:
    """Provision and migrate auth's schema; return the service's own login."""
    await provision(admin_dsn, service="auth", password=PASSWORD)
    migrations = resources.files("picstore_auth") / "migrations"
    await migrate(admin_dsn, service="auth", directory=migrations)
    return login_dsn(admin_dsn, service="auth", password=PASSWORD)


def open_database(dsn: str) -> Database:
    settings = PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=5)
    return Database(settings, schema="auth", application_name="tests")


@pytest.fixture(scope="package")
def shared_dsn(infra: Infrastructure) -> Iterator[str]:
    """A schema for all tests that keep to their own teams."""
    name = sql.Identifier(database := f"auth_{uuid.uuid4().hex}")
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield asyncio.run(make_schema(make_conninfo(infra.postgres_dsn, dbname=database)))
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
async def database(shared_dsn: str) -> AsyncIterator[Database]:
    async with open_database(shared_dsn) as database:
        yield database


@pytest.fixture
async def fresh_database(database_url: str) -> AsyncIterator[Database]:
    """A schema without a row."""
    async with open_database(await make_schema(database_url)) as database:
        yield database


@pytest.fixture
def pager() -> Pager:
    return Pager(b"the same in every replica")
