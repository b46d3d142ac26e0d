"""The connection pool of one service: every use of it is a transaction that says for whom."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Final, Self

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import TeamId
from picstore_kit.pg.errors import translated
from picstore_kit.settings import PostgresSettings

CONNECT_TIMEOUT_S: Final = 3
"""Seconds until one host must have accepted a connection."""

MAX_WAITING: Final = 200
"""Callers that may wait for a connection; one more is refused at once instead of queueing."""

IDLE_IN_TRANSACTION_S: Final = 30
"""Seconds after which Postgres ends a transaction whose client has gone silent."""

_CHECK_S: Final = 2.0
_LIBPQ: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_ROLE_AND_SCHEMA: Final = """
    SELECT r.rolsuper OR r.rolbypassrls, coalesce(has_schema_privilege(n.oid, 'USAGE'), false)
    FROM pg_roles r
    LEFT JOIN pg_namespace n ON n.nspname = %s
    WHERE r.rolname = current_user
"""


class Database:
    """Transactions on one schema, from a pool that is open while the context is entered."""

    def __init__(self, settings: PostgresSettings, *, schema: str, application_name: str) -> None:
        self.schema = schema
        dsn = settings.dsn.get_secret_value()
        parameters = {
            **_LIBPQ,
            **conninfo_to_dict(dsn),
            "application_name": application_name,
        }
        self.conninfo: Final = make_conninfo("", **parameters)
        """For a connection of one's own, such as one that listens; holds the password."""
        self._statement_timeout_s = settings.statement_timeout_s
        self._pool = AsyncConnectionPool[AsyncConnection[TupleRow]](
            self.conninfo,
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            open=False,
            configure=self._configure,
            check=_check,
            name=schema,
            timeout=settings.connection_wait_s,
            max_waiting=MAX_WAITING,
            max_lifetime=30 * 60,
            max_idle=5 * 60,
        )

    async def __aenter__(self) -> Self:
        """Open the pool.

        Raises:
            Unavailable: The server cannot be reached or refuses the login.
            FailedPrecondition: There is no such schema for this role, or row-level security does
                not bind the role.
        """
        with translated():
            await self._verify()
            await self._pool.open(wait=True, timeout=10)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pool; running transactions keep their connection to their end."""
        await self._pool.close()

    def transaction(
        self, *, team: TeamId
    ) -> AbstractAsyncContextManager[AsyncConnection[TupleRow]]:
        """Begin a transaction that sees and writes nothing but what belongs to `team`.

        It commits when the block ends well. Keep calls to other services out of it. Driver errors
        leave it as `picstore_kit.pg.errors` translates them.
        """
        return self._begin(team=team, system="")

    def system_transaction(self) -> AbstractAsyncContextManager[AsyncConnection[TupleRow]]:
        """Begin a transaction over all teams: for sweeps, relays and looking up a credential."""
        return self._begin(team="", system="on")

    async def check(self) -> None:
        """Ask the server anything; for readiness probes.

        Raises:
            Unavailable: It does not answer.
        """
        async with self.system_transaction():
            pass

    @asynccontextmanager
    async def _begin(self, *, team: str, system: str) -> AsyncIterator[AsyncConnection[TupleRow]]:
        limit_s = self._statement_timeout_s + IDLE_IN_TRANSACTION_S
        with translated():
            async with self._pool.connection() as conn:
                with _severed_after(limit_s, conn):
                    async with conn.transaction():
                        # Ends with the transaction; a plain SET would stay for the next caller.
                        await conn.execute(
                            "SELECT set_config('picstore.team', %s, true),"
                            " set_config('picstore.system', %s, true)",
                            (team, system),
                        )
                        yield conn

    async def _configure(self, conn: AsyncConnection[TupleRow]) -> None:
        await conn.execute(
            "SELECT set_config('search_path', quote_ident(%s) || ', pg_temp', false),"
            " set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false)",
            (
                self.schema,
                f"{self._statement_timeout_s * 1000:.0f}ms",
                f"{IDLE_IN_TRANSACTION_S}s",
            ),
        )
        await conn.commit()

    async def _verify(self) -> None:
        """Say at once what a pool would only report as a time-out."""
        async with await AsyncConnection.connect(self.conninfo) as conn:
            cursor = await conn.execute(_ROLE_AND_SCHEMA, (self.schema,))
            row = await cursor.fetchone()
        unbound, usable = row if row is not None else (False, False)
        if unbound:
            raise FailedPrecondition(
                Reason.STATE_WRONG,
                f"row-level security does not bind the database role given for {self.schema}:"
                f" use picstore_{self.schema}, no superuser and no role with BYPASSRLS",
            )
        if not usable:
            raise FailedPrecondition(
                Reason.STATE_WRONG,
                f"the database has no schema {self.schema} that the given role may use:"
                " run picstore-migrate first",
            )


async def _check(conn: AsyncConnection[TupleRow]) -> None:
    """Tell the pool by an error that `conn` is of no use any more."""
    with _severed_after(_CHECK_S, conn):
        await AsyncConnectionPool.check_connection(conn)


@contextmanager
def _severed_after(seconds: float, conn: AsyncConnection[TupleRow]) -> Iterator[None]:
    """Shut the socket under `conn` if the block takes longer than that.

    `statement_timeout` is kept by the server, so it does not help when the server itself hangs, and
    a cancelled query waits up to 10 s for the server to agree (psycopg 3.3). On a shut socket it
    fails at once with an OperationalError, and the pool discards the connection.
    """

    def sever() -> None:
        if not conn.closed:
            with socket.socket(fileno=os.dup(conn.fileno())) as twin:
                twin.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, sever)
    try:
        yield
    finally:
        timer.cancel()
