"""A team that has somebody to administer it keeps somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.repo import admins
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import TeamId


@asynccontextmanager
async def keeping_an_admin(conn: AsyncConnection[TupleRow], team_id: TeamId) -> AsyncIterator[None]:
    """Refuse what is done in the block if it takes away the last administrator.

    Only one such block at a time runs for a team: of two administrators who disable each other at
    once, the second sees what the first did. Enter it before rows are locked: whoever waits for it
    holds nothing that the one inside may want.

    Raises:
        FailedPrecondition: Nobody enabled would hold team:admin on the whole team (LAST_ADMIN).
    """
    await admins.lock(conn, team_id)
    had_one = await admins.exist(conn, team_id)
    yield
    if had_one and not await admins.exist(conn, team_id):
        raise FailedPrecondition(
            Reason.LAST_ADMIN,
            "nobody would be left who can administer the team; make somebody else an admin first",
        )
