"""Sessions of a team's users."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.session import Session
from picstore_kit.ids import SessionId, TeamId, UserId


async def insert(
    conn: AsyncConnection[TupleRow], team_id: TeamId, session: Session, digest: bytes
) -> None:
    """Add a session; only the digest of its credential is stored."""
    await conn.execute(
        """
        INSERT INTO sessions (id, team_id, user_id, digest, client_address, user_agent,
                              created_at, last_used_at, expires_at)
        VALUES (%(id)s, %(team)s, %(user)s, %(digest)s, %(address)s, %(agent)s,
                %(created_at)s, %(last_used_at)s, %(expires_at)s)
        """,
        {
            "id": session.id,
            "team": team_id,
            "user": session.user_id,
            "digest": digest,
            "address": session.client_address,
            "agent": session.user_agent,
            "created_at": session.created_at,
            "last_used_at": session.last_used_at,
            "expires_at": session.expires_at,
        },
    )


async def fetch_live(
    conn: AsyncConnection[TupleRow],
    team_id: TeamId,
    user_id: UserId,
    *,
    now: datetime,
    used_since: datetime,
    before: str | None,
    limit: int,
) -> list[Session]:
    """Return a user's sessions that are accepted now, newest first."""
    async with conn.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(
            """
            SELECT id, user_id, client_address, user_agent, created_at, last_used_at, expires_at
            FROM sessions
            WHERE team_id = %(team)s AND user_id = %(user)s AND revoked_at IS NULL
              AND expires_at > %(now)s AND last_used_at > %(used_since)s
              AND (%(before)s::text IS NULL OR id < %(before)s)
            ORDER BY id DESC
            LIMIT %(limit)s
            """,
            {
                "team": team_id,
                "user": user_id,
                "now": now,
                "used_since": used_since,
                "before": before,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def exists(
    conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId, session_id: SessionId
) -> bool:
    """Say whether the user has, or had, the session."""
    cursor = await conn.execute(
        "SELECT FROM sessions WHERE team_id = %s AND user_id = %s AND id = %s",
        (team_id, user_id, session_id),
    )
    return await cursor.fetchone() is not None


async def revoke(
    conn: AsyncConnection[TupleRow],
    team_id: TeamId,
    user_id: UserId,
    *,
    only: SessionId | None = None,
    but: SessionId | None = None,
) -> list[SessionId]:
    """Revoke a user's sessions: all, `only` one, or all `but` one; return those that were live."""
    cursor = await conn.execute(
        """
        UPDATE sessions SET revoked_at = now()
        WHERE team_id = %(team)s AND user_id = %(user)s AND revoked_at IS NULL
          AND (%(only)s::text IS NULL OR id = %(only)s)
          AND (%(but)s::text IS NULL OR id <> %(but)s)
        RETURNING id
        """,
        {"team": team_id, "user": user_id, "only": only, "but": but},
    )
    return [SessionId(session_id) for (session_id,) in await cursor.fetchall()]


async def delete_ended(conn: AsyncConnection[TupleRow], before: datetime) -> int:
    """Delete sessions that ended long ago, in a system transaction; return how many."""
    cursor = await conn.execute(
        "DELETE FROM sessions WHERE expires_at < %(before)s OR revoked_at < %(before)s",
        {"before": before},
    )
    return cursor.rowcount
