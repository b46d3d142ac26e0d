"""A database as an installation has it: all schemas side by side, each with its own login."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision

PASSWORD: Final = "not a secret"
SCHEMAS: Final = ("auth", "catalog", "upload")


@contextmanager
def installation(admin_dsn: str) -> Iterator[str]:
    """Make a database with every schema in it; yield its administrator's login."""
    name = sql.Identifier(database := f"rls_{uuid.uuid4().hex}")
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    dsn = make_conninfo(admin_dsn, dbname=database)
    asyncio.run(_migrate(dsn))
    yield dsn
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def service_dsn(admin_dsn: str, schema: str) -> str:
    """Return what the service of a schema logs in with."""
    return login_dsn(admin_dsn, service=schema, password=PASSWORD)


async def _migrate(admin_dsn: str) -> None:
    for schema in SCHEMAS:
        await provision(admin_dsn, service=schema, password=PASSWORD)
        migrations = resources.files(f"picstore_{schema}") / "migrations"
        await migrate(admin_dsn, service=schema, directory=migrations)
