"""The roles, the schema and the rights of one service in the common database.

`picstore_<service>_owner` owns the schema and runs its migrations; nobody logs in as it.
`picstore_<service>` is what the service logs in as: it reads and writes rows, changes no table,
sees no other schema, and row-level security binds it.
"""

from __future__ import annotations

import re
from typing import Final, LiteralString

import structlog
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from picstore_kit.pg.errors import translated

CONNECT_TIMEOUT_S: Final = 3
"""Seconds until the server must have accepted an administrative connection."""

_SERVICE: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")

# Roles belong to the whole server but advisory locks to one database, so two databases that are
# provisioned at once can meet here in spite of the lock.
_CREATE_ROLE: Final[LiteralString] = """
    DO $$
    BEGIN
        CREATE ROLE {role};
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END
    $$
"""

# Each is safe to repeat. {owner} gets what {login} lacks: the right to change tables.
_STATEMENTS: Final[tuple[LiteralString, ...]] = (
    "ALTER ROLE {owner} NOLOGIN",
    "ALTER ROLE {login} LOGIN PASSWORD {verifier}",
    "GRANT {owner} TO CURRENT_USER",
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {owner}, {login}",
    "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}",
    "GRANT USAGE ON SCHEMA {schema} TO {login}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {login}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
    " GRANT USAGE, SELECT ON SEQUENCES TO {login}",
)


def owner_role(service: str) -> str:
    """Return the role that owns the schema of `service`."""
    return f"picstore_{service}_owner"


def login_role(service: str) -> str:
    """Return the role that `service` logs in as."""
    return f"picstore_{service}"


def login_dsn(admin_dsn: str, *, service: str, password: str) -> str:
    """Return the connection string for `service` on the server that `admin_dsn` points at."""
    return make_conninfo(admin_dsn, user=login_role(service), password=password)


async def provision(admin_dsn: str, *, service: str, password: str) -> None:
    """Create what is missing, set the password and the rights; safe to run at any time.

    `admin_dsn` logs in to the database that is to be used, one of Pic Store's own: nobody else may
    connect to it afterwards. It needs the database's owner with CREATEROLE, or a superuser.

    Raises:
        ValueError: `service` is no plain name.
        Unavailable: The server cannot be reached or refuses the login.
    """
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"{service!r} is no name of a service")
    with translated():
        async with await connect(admin_dsn) as conn, conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('picstore.provision'))")
            names = {
                "owner": sql.Identifier(owner_role(service)),
                "login": sql.Identifier(login_role(service)),
                "schema": sql.Identifier(service),
                "database": sql.Identifier(conn.info.dbname),
                "verifier": sql.Literal(_verifier(conn, login_role(service), password)),
            }
            for role in ("owner", "login"):
                await conn.execute(sql.SQL(_CREATE_ROLE).format(role=names[role]))
            for statement in _STATEMENTS:
                await conn.execute(sql.SQL(statement).format(**names))
    structlog.get_logger(__name__).info("database.provisioned", service=service)


async def connect(dsn: str) -> AsyncConnection[TupleRow]:
    """Open a connection for administration, in autocommit mode."""
    parameters: dict[str, str | int | None] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "picstore-migrate",
        **conninfo_to_dict(dsn),
    }
    return await AsyncConnection.connect(make_conninfo("", **parameters), autocommit=True)


def _verifier(conn: AsyncConnection[TupleRow], role: str, password: str) -> str:
    """Derive the SCRAM verifier here, so that the password never reaches the server's log."""
    encrypted = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return encrypted.decode()
