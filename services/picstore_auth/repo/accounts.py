"""Who can log in: users with their password hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_kit.errors import NotFound
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


async def fetch(conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId) -> Account:
    """Return a user of the team and keep others from changing it meanwhile.

    Raises:
        NotFound: The team has no such user any more.
    """
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
        row = await cursor.fetchone()
    if row is None:
        raise NotFound.of("User", user_id)
    return row


async def team_named(conn: AsyncConnection[TupleRow], short_name: str) -> TeamId | None:
    """Return the id of a team, in a system transaction."""
    cursor = await conn.execute("SELECT id FROM teams WHERE short_name = %s", (short_name,))
    row = await cursor.fetchone()
    return TeamId(row[0]) if row is not None else None


async def familiar(
    conn: AsyncConnection[TupleRow], found: Sequence[Account], *, client_address: str
) -> set[str]:
    """Return the ids of those who have begun a session from the network address, lately."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT user_id FROM sessions
        WHERE team_id = ANY(%(teams)s) AND user_id = ANY(%(users)s)
          AND client_address = %(address)s AND client_address <> ''
        """,
        {
            "teams": [account.team_id for account in found],
            "users": [account.user_id for account in found],
            "address": client_address,
        },
    )
    return {user_id for (user_id,) in await cursor.fetchall()}


async def set_password(
    conn: AsyncConnection[TupleRow], account: Account, password_hash: str
) -> bool:
    """Store the hash of a new password, unless it has changed since the account was read."""
    cursor = await conn.execute(
        """
        UPDATE users SET password_hash = %(new)s
        WHERE team_id = %(team)s AND id = %(id)s AND password_hash IS NOT DISTINCT FROM %(old)s
        """,
        {
            "new": password_hash,
            "team": account.team_id,
            "id": account.user_id,
            "old": account.password_hash,
        },
    )
    return cursor.rowcount == 1


async def note_login(
    conn: AsyncConnection[TupleRow], account: Account, at: datetime, *, password_hash: str
) -> bool:
    """Store when a user logged in, and the password's hash as it is made today.

    Returns whether the user may still log in: with the password that was read, and not disabled.
    """
    cursor = await conn.execute(
        """
        UPDATE users SET last_login_at = %(at)s, password_hash = %(new)s
        WHERE team_id = %(team)s AND id = %(id)s AND password_hash = %(old)s AND NOT disabled
        """,
        {
            "at": at,
            "new": password_hash,
            "team": account.team_id,
            "id": account.user_id,
            "old": account.password_hash,
        },
    )
    return cursor.rowcount == 1
