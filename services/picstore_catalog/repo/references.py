"""Which ids that another service keeps still name something of a team."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access


async def find_missing_projects(
    conn: AsyncConnection[TupleRow], access: Access, project_ids: Collection[ProjectId]
) -> list[ProjectId]:
    """Return those of the ids that name no project of the team."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT asked.id
        FROM unnest(%(ids)s::text[]) AS asked (id)
        WHERE NOT EXISTS (
            SELECT FROM projects p WHERE p.team_id = %(team_id)s AND p.id = asked.id
        )
        ORDER BY asked.id
        """,
        {"team_id": access.team_id, "ids": list(project_ids)},
    )
    return [ProjectId(id) for (id,) in await cursor.fetchall()]


async def find_missing_upload_profiles(
    conn: AsyncConnection[TupleRow], access: Access, profile_ids: Collection[UploadProfileId]
) -> list[UploadProfileId]:
    """Return those of the ids that name no upload profile of the team."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT asked.id
        FROM unnest(%(ids)s::text[]) AS asked (id)
        WHERE NOT EXISTS (
            SELECT FROM upload_profiles u WHERE u.team_id = %(team_id)s AND u.id = asked.id
        )
        ORDER BY asked.id
        """,
        {"team_id": access.team_id, "ids": list(profile_ids)},
    )
    return [UploadProfileId(id) for (id,) in await cursor.fetchall()]
