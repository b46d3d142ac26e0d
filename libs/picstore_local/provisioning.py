"""Prepares the database and the bus for the services, as an operator would on a real cluster."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import nats.errors
import psycopg
from nats.aio.client import Client as NATS
from psycopg import sql
from psycopg.conninfo import make_conninfo

from picstore_kit.bus.topology import apply_topology
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import provision
from picstore_local.errors import LocalError
from picstore_local.services import Need, ServiceSpec, Surroundings, database_password

DATABASE: Final = "picstore"
_TIMEOUT_S: Final = 5


async def create_database(admin_dsn: str) -> str:
    """Make Pic Store's database if it is missing; return an administrator's DSN of it.

    Raises:
        LocalError: The server does not answer or refuses the login.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            admin_dsn, autocommit=True, connect_timeout=_TIMEOUT_S
        )
    except psycopg.Error as error:
        raise LocalError(f"Postgres does not let us in: {error}") from error
    async with connection:
        found = await connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        )
        if await found.fetchone() is None:
            create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
            await connection.execute(create)
    return make_conninfo(admin_dsn, dbname=DATABASE)


async def prepare_schemas(specs: Iterable[ServiceSpec], surroundings: Surroundings) -> int:
    """Make roles and schemas and bring them up to date; return how many migrations ran."""
    applied = 0
    for spec in specs:
        if Need.POSTGRES not in spec.needs:
            continue
        dsn = surroundings.database_dsn
        password = database_password(spec, surroundings)
        await provision(dsn, service=spec.name, password=password)
        applied += len(await migrate(dsn, service=spec.name, directory=files(spec.migrations)))
    return applied


async def prepare_bus(nats_url: str) -> None:
    """Declare the streams and consumers.

    Raises:
        LocalError: It does not answer, refuses the login, or has no JetStream.
    """
    client = NATS()
    try:
        await client.connect(nats_url, connect_timeout=_TIMEOUT_S, allow_reconnect=False)
        await apply_topology(client.jetstream())
    except (nats.errors.Error, OSError) as error:
        raise LocalError(f"NATS at {_without_password(nats_url)}: {error}") from error
    finally:
        await client.close()


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]
