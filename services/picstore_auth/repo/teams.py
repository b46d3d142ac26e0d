"""Teams."""

from __future__ import annotations

from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.caller import Caller
from picstore_auth.model.team import Team
from picstore_kit.errors import NotFound
from picstore_kit.ids import TeamId

_ONE: Final = """
    SELECT id, short_name, display_name, disabled, revision, created_at, updated_at
    FROM teams
    WHERE id = %(team)s AND id = %(callers)s
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE"


async def fetch(
    conn: AsyncConnection[TupleRow], caller: Caller, team_id: TeamId, *, lock: bool = False
) -> Team:
    """Return the caller's team, which needs no permission; `lock` keeps it as it is meanwhile.

    Raises:
        NotFound: It is not the caller's, or there is none.
    """
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        query = _ONE_LOCKED if lock else _ONE
        await cursor.execute(query, {"team": team_id, "callers": caller.team_id})
        team = await cursor.fetchone()
    if team is None:
        raise NotFound.of("Team", team_id)
    return team


async def find(
    conn: AsyncConnection[TupleRow], *, team_id: TeamId | None, short_name: str
) -> list[Team]:
    """Return and lock the teams that have the id or the short name: none, one, or two at odds."""
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        await cursor.execute(
            """
            SELECT id, short_name, display_name, disabled, revision, created_at, updated_at
            FROM teams
            WHERE id = %(team)s OR short_name = %(short_name)s
            FOR UPDATE
            """,
            {"team": team_id, "short_name": short_name},
        )
        return await cursor.fetchall()


async def lock_bootstrap(conn: AsyncConnection[TupleRow]) -> None:
    """Let only one document be applied at a time, to any team."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('auth.bootstrap', 0))")


async def insert(
    conn: AsyncConnection[TupleRow], team_id: TeamId, *, short_name: str, display_name: str
) -> Team:
    """Add a team, in a system transaction."""
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        await cursor.execute(
            """
            INSERT INTO teams (id, short_name, display_name)
            VALUES (%s, %s, %s)
            RETURNING id, short_name, display_name, disabled, revision, created_at, updated_at
            """,
            (team_id, short_name, display_name),
        )
        (team,) = await cursor.fetchall()
    return team


async def fetch_page(
    conn: AsyncConnection[TupleRow], *, short_name: str, after: str | None, limit: int
) -> list[Team]:
    """Return teams of the installation, oldest first, in a system transaction."""
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        await cursor.execute(
            """
            SELECT id, short_name, display_name, disabled, revision, created_at, updated_at
            FROM teams
            WHERE (%(short_name)s = '' OR short_name = %(short_name)s)
              AND (%(after)s::text IS NULL OR id > %(after)s)
            ORDER BY id
            LIMIT %(limit)s
            """,
            {"short_name": short_name, "after": after, "limit": limit},
        )
        return await cursor.fetchall()


async def lock_one(conn: AsyncConnection[TupleRow], team_id: TeamId) -> Team:
    """Return any team and keep others from changing it meanwhile, in a system transaction.

    Raises:
        NotFound: There is none.
    """
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        await cursor.execute(
            """
            SELECT id, short_name, display_name, disabled, revision, created_at, updated_at
            FROM teams
            WHERE id = %s
            FOR UPDATE
            """,
            (team_id,),
        )
        team = await cursor.fetchone()
    if team is None:
        raise NotFound.of("Team", team_id)
    return team


async def update(conn: AsyncConnection[TupleRow], team: Team) -> Team:
    """Store what can change of a team as a new revision."""
    async with conn.cursor(row_factory=class_row(Team)) as cursor:
        await cursor.execute(
            """
            UPDATE teams
            SET display_name = %s, disabled = %s, revision = revision + 1, updated_at = now()
            WHERE id = %s
            RETURNING id, short_name, display_name, disabled, revision, created_at, updated_at
            """,
            (team.display_name, team.disabled, team.id),
        )
        (stored,) = await cursor.fetchall()
    return stored
