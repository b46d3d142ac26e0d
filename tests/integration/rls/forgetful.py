"""Repositories whose every condition on the team was forgotten.

A cursor takes `team_id = …` out of each statement before it is sent. So the functions under test
are the real ones, and what still holds is row-level security alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from picstore_kit.errors import NotFound
from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database

_CONDITION: Final = re.compile(r"(?:(?:\w+\.)?team_id = |\bid = (?=%\(callers\)s))(%s|%\(\w+\)s)")


class _ForgetfulCursor(AsyncCursor[Any]):
    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        # The parameter stays where it is, in a condition that is always true.
        return await super().execute(without_team(query), params, **options)


def without_team(statement: str) -> str:
    """Return the statement without its conditions on the team."""
    return _CONDITION.sub(r"(\1::text IS NOT NULL)", statement)


@contextmanager
def forgetting(conn: AsyncConnection[TupleRow]) -> Iterator[None]:
    """Have every statement on `conn` forget its team."""
    remembering = conn.cursor_factory
    conn.cursor_factory = _ForgetfulCursor
    try:
        yield
    finally:
        conn.cursor_factory = remembering


@asynccontextmanager
async def behind_the_wall(
    database: Database, team: TeamId
) -> AsyncIterator[AsyncConnection[TupleRow]]:
    """A transaction of a team in which conditions are forgotten."""
    async with database.transaction(team=team) as conn:
        with forgetting(conn):
            yield conn


@asynccontextmanager
async def without_the_wall(database: Database) -> AsyncIterator[AsyncConnection[TupleRow]]:
    """The same, but row-level security is lifted: what would happen if it were not there."""
    async with database.system_transaction() as conn:
        with forgetting(conn):
            yield conn


async def found(look: Awaitable[object]) -> bool:
    """Whether a repository's function found anything."""
    try:
        return bool(await look)
    except NotFound:
        return False
