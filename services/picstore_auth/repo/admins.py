"""Who can administer a team."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.model.grant import Permission
from picstore_kit.ids import TeamId


async def lock(conn: AsyncConnection[TupleRow], team_id: TeamId) -> None:
    """Let only one transaction at a time change who they are."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('auth.admins.' || %s, 0))", (team_id,)
    )


async def exist(conn: AsyncConnection[TupleRow], team_id: TeamId) -> bool:
    """Say whether any user who is not disabled holds team:admin on the whole team."""
    cursor = await conn.execute(
        """
        SELECT EXISTS (
            SELECT FROM users u
            JOIN user_roles ur ON ur.team_id = u.team_id AND ur.user_id = u.id
            JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
            WHERE u.team_id = %s AND NOT u.disabled
              AND g.permission = %s AND g.project_id = '')
        """,
        (team_id, Permission.TEAM_ADMIN),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
