"""Keys and sessions that are not revoked: those that caches may know."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.model.caller import Caller
from picstore_kit.ids import RoleId, TeamId, UserId


async def of_user(conn: AsyncConnection[TupleRow], caller: Caller, user_id: UserId) -> list[str]:
    """Return those of one user."""
    cursor = await conn.execute(
        """
        SELECT id FROM api_keys
        WHERE team_id = %(team)s AND user_id = %(user)s AND revoked_at IS NULL
        UNION ALL
        SELECT id FROM sessions
        WHERE team_id = %(team)s AND user_id = %(user)s AND revoked_at IS NULL
        ORDER BY id
        """,
        {"team": caller.team_id, "user": user_id},
    )
    return [credential_id for (credential_id,) in await cursor.fetchall()]


async def of_role(conn: AsyncConnection[TupleRow], caller: Caller, role_id: RoleId) -> list[str]:
    """Return those of all users who have the role."""
    cursor = await conn.execute(
        """
        SELECT c.id
        FROM user_roles ur
        JOIN (SELECT team_id, user_id, id FROM api_keys WHERE revoked_at IS NULL
              UNION ALL
              SELECT team_id, user_id, id FROM sessions WHERE revoked_at IS NULL) c
          ON c.team_id = ur.team_id AND c.user_id = ur.user_id
        WHERE ur.team_id = %(team)s AND ur.role_id = %(role)s
        ORDER BY c.id
        """,
        {"team": caller.team_id, "role": role_id},
    )
    return [credential_id for (credential_id,) in await cursor.fetchall()]


async def of_team(conn: AsyncConnection[TupleRow], team_id: TeamId) -> list[str]:
    """Return those of all users of a team."""
    cursor = await conn.execute(
        """
        SELECT id FROM api_keys WHERE team_id = %(team)s AND revoked_at IS NULL
        UNION ALL
        SELECT id FROM sessions WHERE team_id = %(team)s AND revoked_at IS NULL
        ORDER BY id
        """,
        {"team": team_id},
    )
    return [credential_id for (credential_id,) in await cursor.fetchall()]
