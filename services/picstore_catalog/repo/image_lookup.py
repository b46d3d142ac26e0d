"""Pictures by the hash of their original, in one statement with the permission.

The index finds a hash within its team; of the few pictures that share it, the best is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from picstore_catalog.model.image import Image
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import project as projects
from picstore_catalog.repo.image_row import selecting, stored
from picstore_kit.errors import NotFound
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access, fetch_all

_IN_PROJECT: Final = selecting(
    """
    , project.allowed
    FROM (
        SELECT (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s)) AS allowed
        FROM projects p
        WHERE p.team_id = %(team_id)s AND p.id = %(project_id)s
          AND (%(visible_everywhere)s OR p.id = ANY(%(visible_on)s))
    ) project
    LEFT JOIN (
        unnest(%(sha256s)s::bytea[]) AS wanted (digest)
        CROSS JOIN LATERAL (
            SELECT *
            FROM images
            WHERE team_id = %(team_id)s AND project_id = %(project_id)s
              AND sha256 = wanted.digest AND state IN ('READY', 'CONVERTING')
              AND (%(upload_profile_ids)s::text[] IS NULL
                   OR upload_profile_id = ANY(%(upload_profile_ids)s))
            ORDER BY state = 'READY' DESC, created_at DESC, id DESC
            LIMIT 1
        ) i
    ) ON project.allowed
    """
)

_EVERYWHERE: Final = selecting(
    """
    FROM unnest(%(sha256s)s::bytea[]) AS wanted (digest)
    CROSS JOIN LATERAL (
        SELECT *
        FROM images
        WHERE team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s))
          AND sha256 = wanted.digest AND state IN ('READY', 'CONVERTING')
          AND (%(upload_profile_ids)s::text[] IS NULL
               OR upload_profile_id = ANY(%(upload_profile_ids)s))
        ORDER BY state = 'READY' DESC, created_at DESC, id DESC
        LIMIT 1
    ) i
    """
)


async def find_in_project(
    conn: AsyncConnection[TupleRow],
    access: Access,
    project_id: ProjectId,
    sha256s: Sequence[bytes],
    *,
    upload_profile_ids: Sequence[UploadProfileId] | None,
) -> list[Stored[Image]]:
    """Return the best picture of each hash that the project knows.

    What pages can show is better than what is still being made, and newer is better than older; of
    what failed, or never came, nothing is known. `upload_profile_ids` leaves out what came by
    others; None leaves none out.

    Raises:
        NotFound, PermissionDenied: Of the project; see `picstore_kit.pg.access`.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            _IN_PROJECT,
            {
                **access.parameters(),
                "project_id": project_id,
                "sha256s": sha256s,
                "upload_profile_ids": upload_profile_ids,
            },
        )
        rows = await cursor.fetchall()
    if not rows:
        raise NotFound.of("Project", project_id)
    if not all([row.pop("allowed") for row in rows]):
        raise access.denied(projects.resource(project_id))
    return [stored(**row) for row in rows if row["id"] is not None]


async def find_everywhere(
    conn: AsyncConnection[TupleRow],
    access: Access,
    sha256s: Sequence[bytes],
    *,
    upload_profile_ids: Sequence[UploadProfileId] | None,
) -> list[Stored[Image]]:
    """Return the best picture of each hash in all projects where the caller is allowed.

    It is chosen as `find_in_project` does.
    """
    return await fetch_all(
        conn,
        stored,
        _EVERYWHERE,
        {"sha256s": sha256s, "upload_profile_ids": upload_profile_ids},
        access=access,
    )
