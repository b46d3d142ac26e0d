"""Who can log in: users with their password hashes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_kit.ids import TeamId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of any team, as far as logging in needs."""

    team_id: TeamId
    team: str
    """Short name."""
    user_id: UserId
    email: str
    password_hash: str | None = field(repr=False)
    disabled: bool
    """The user, or the whole team."""


async def find_by_email(
    conn: AsyncConnection[TupleRow], email: str, *, team: str, limit: int
) -> list[Account]:
    """Return who has the address, in one team or in any, in a system transaction."""
    async with conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            """
            SELECT u.team_id, t.short_name AS team, u.id AS user_id, u.email, u.password_hash,
                   u.disabled OR t.disabled AS disabled
            FROM users u
            JOIN teams t ON t.id = u.team_id
            WHERE lower(u.email) = lower(%(email)s)
              AND (%(team)s = '' OR t.short_name = %(team)s)
            ORDER BY u.id
            LIMIT %(limit)s
            """,
            {"email": email, "team": team, "limit": limit},
        )
        return await cursor.fetchall()


async def fetch(
    conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId
) -> Account | None:
    """Return a user of the team and keep others from changing it meanwhile."""
    async with conn.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            """
            SELECT u.team_id, t.short_name AS team, u.id AS user_id, u.email, u.password_hash,
                   u.disabled OR t.disabled AS disabled
            FROM users u
            JOIN teams t ON t.id = u.team_id
            WHERE u.team_id = %s AND u.id = %s
            FOR UPDATE OF u
            """,
            (team_id, user_id),
        )
        return await cursor.fetchone()


async def set_password(
    conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId, password_hash: str
) -> None:
    """Store the hash of a new password."""
    await conn.execute(
        "UPDATE users SET password_hash = %s WHERE team_id = %s AND id = %s",
        (password_hash, team_id, user_id),
    )


async def note_login(
    conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId, at: datetime
) -> None:
    """Store when a user logged in."""
    await conn.execute(
        "UPDATE users SET last_login_at = %s WHERE team_id = %s AND id = %s",
        (at, team_id, user_id),
    )
