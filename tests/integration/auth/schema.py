"""Schemas of auth to test with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision

PASSWORD = "not a secret"


@contextmanager
def auth_schema(admin_dsn: str) -> Iterator[str]:
    """Make a database with auth's schema in it; yield the service's own login."""
    database = f"auth_{uuid.uuid4().hex}"
    name = sql.Identifier(database)
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    dsn = make_conninfo(admin_dsn, dbname=database)
    asyncio.run(_migrate(dsn))
    yield login_dsn(dsn, service="auth", password=PASSWORD)
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


async def _migrate(admin_dsn: str) -> None:
    await provision(admin_dsn, service="auth", password=PASSWORD)
    migrations = resources.files("picstore_auth") / "migrations"
    await migrate(admin_dsn, service="auth", directory=migrations)
