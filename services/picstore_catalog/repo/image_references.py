"""The profiles that a list or a lookup of pictures names."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.errors import NotFound
from picstore_kit.ids import ConversionProfileId, ProjectId, UploadProfileId
from picstore_kit.pg.access import Access


async def find_upload_profiles(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId | None,
    upload_profile: str,
) -> list[UploadProfileId]:
    """Return the upload profiles that are called so, by id or short name.

    They are of the project or, if it is None, of any on which the caller holds the permission.

    Raises:
        NotFound: There is none.
    """
    cursor = await conn.execute(
        """
        SELECT u.id
        FROM upload_profiles u
        WHERE u.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s))
          AND (%(project_id)s::text IS NULL OR u.project_id = %(project_id)s)
          AND (u.id = %(name)s OR u.short_name = %(name)s)
        """,
        {**access.parameters(), "project_id": project_id, "name": upload_profile},
    )
    found = [UploadProfileId(id) for (id,) in await cursor.fetchall()]
    if not found:
        raise NotFound.of("UploadProfile", upload_profile)
    return found


async def require_conversion_profile(
    conn: AsyncConnection[TupleRow], access: Access, conversion_profile_id: ConversionProfileId
) -> None:
    """Refuse a conversion profile that is not one of the caller's projects or of the whole team.

    Raises:
        NotFound: There is none that the caller can see.
    """
    cursor = await conn.execute(
        """
        SELECT
        FROM conversion_profiles c
        WHERE c.team_id = %(team_id)s AND c.id = %(id)s
          AND (c.project_id IS NULL AND %(visible_somewhere)s
               OR %(visible_everywhere)s OR c.project_id = ANY(%(visible_on)s))
        """,
        {**access.parameters(), "id": conversion_profile_id},
    )
    if await cursor.fetchone() is None:
        raise NotFound.of("ConversionProfile", conversion_profile_id)
