"""Projects in the database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_catalog.model.project import Project
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.conflicts import conflicts_named, overtaken
from picstore_kit.errors import Resource
from picstore_kit.ids import ProjectId
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one
from picstore_kit.usage import NAMED, Usage

_ONE: Final = """
    SELECT p.id, p.short_name, p.display_name, p.base_path, p.max_bytes, p.max_pixels,
           p.version, p.created_at, p.updated_at,
           (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s)) AS allowed
    FROM projects p
    WHERE p.team_id = %(team_id)s AND p.id = %(project_id)s
      AND (%(visible_everywhere)s OR p.id = ANY(%(visible_on)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF p"


def resource(project_id: str) -> Resource:
    """Name a project in an error."""
    return Resource(type="Project", name=project_id)


async def fetch(
    conn: AsyncConnection[TupleRow], access: Access, project_id: ProjectId, *, lock: bool = False
) -> Stored[Project]:
    """Return a project; `lock` keeps others from changing it, or beginning to use it, meanwhile.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
    """
    return await fetch_one(
        conn,
        _stored,
        _ONE_LOCKED if lock else _ONE,
        {"project_id": project_id},
        access=access,
        resource=resource(project_id),
    )


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    short_name: str,
    after: ProjectId | None,
    limit: int,
) -> list[Stored[Project]]:
    """Return projects that the caller is allowed to see, oldest first.

    An empty `short_name` finds all of them; `after` is the last one of the page before.
    """
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT p.id, p.short_name, p.display_name, p.base_path, p.max_bytes, p.max_pixels,
               p.version, p.created_at, p.updated_at
        FROM projects p
        WHERE p.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s))
          AND (%(short_name)s = '' OR p.short_name = %(short_name)s)
          AND (%(after)s::text IS NULL OR p.id > %(after)s)
        ORDER BY p.id
        LIMIT %(limit)s
        """,
        {"short_name": short_name, "after": after, "limit": limit},
        access=access,
    )


async def find_by_short_names(
    conn: AsyncConnection[TupleRow], access: Access, short_names: Collection[str]
) -> list[Stored[Project]]:
    """Return those of the team's projects that the caller is allowed to reach."""
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT p.id, p.short_name, p.display_name, p.base_path, p.max_bytes, p.max_pixels,
               p.version, p.created_at, p.updated_at
        FROM projects p
        WHERE p.team_id = %(team_id)s AND p.short_name = ANY(%(short_names)s)
          AND (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s))
        ORDER BY p.id
        """,
        {"short_names": list(short_names)},
        access=access,
    )


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, project: Project
) -> Stored[Project]:
    """Add a project, which takes the permission on the team itself.

    Raises:
        PermissionDenied: The caller has it on single projects at most.
        AlreadyExists: The short name or the id is taken.
    """
    taken = {
        "projects_short_name": ("short_name", project.short_name),
        "projects_pkey": ("id", project.id),
    }
    with conflicts_named("Project", taken):
        return await write_one(
            conn,
            _stored,
            """
            INSERT INTO projects
                (team_id, id, short_name, display_name, base_path, max_bytes, max_pixels)
            SELECT %(team_id)s, %(id)s, %(short_name)s, %(display_name)s, %(base_path)s,
                   %(max_bytes)s, %(max_pixels)s
            WHERE %(allowed_everywhere)s
            RETURNING id, short_name, display_name, base_path, max_bytes, max_pixels,
                      version, created_at, updated_at
            """,
            _columns(project),
            access=access,
        )


async def update(
    conn: AsyncConnection[TupleRow], access: Access, seen: Stored[Project], project: Project
) -> Stored[Project]:
    """Write what can change of a project, if it is still as `seen`.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
    """
    return await write_one(
        conn,
        _stored,
        """
        UPDATE projects p
        SET display_name = %(display_name)s, max_bytes = %(max_bytes)s,
            max_pixels = %(max_pixels)s, version = p.version + 1, updated_at = now()
        WHERE p.team_id = %(team_id)s AND p.id = %(id)s AND p.version = %(version)s
          AND (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s))
        RETURNING id, short_name, display_name, base_path, max_bytes, max_pixels,
                  version, created_at, updated_at
        """,
        {**_columns(project), "version": seen.version},
        access=access,
        otherwise=overtaken(resource(project.id)),
    )


async def find_usages(
    conn: AsyncConnection[TupleRow], access: Access, project_id: ProjectId
) -> list[Usage]:
    """Return what belongs to a project; nothing joins it while the project is locked."""
    async with conn.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(
            """
            SELECT 'upload profiles' AS what,
                   ARRAY(SELECT u.id FROM upload_profiles u
                         WHERE u.team_id = %(team_id)s AND u.project_id = %(project_id)s
                         ORDER BY u.id LIMIT %(named)s) AS ids,
                   (SELECT count(*) FROM upload_profiles u
                    WHERE u.team_id = %(team_id)s AND u.project_id = %(project_id)s) AS count
            UNION ALL
            SELECT 'conversion profiles',
                   ARRAY(SELECT c.id FROM conversion_profiles c
                         WHERE c.team_id = %(team_id)s AND c.project_id = %(project_id)s
                         ORDER BY c.id LIMIT %(named)s),
                   (SELECT count(*) FROM conversion_profiles c
                    WHERE c.team_id = %(team_id)s AND c.project_id = %(project_id)s)
            UNION ALL
            SELECT 'overlay templates',
                   ARRAY(SELECT t.id FROM overlay_templates t
                         WHERE t.team_id = %(team_id)s AND t.project_id = %(project_id)s
                         ORDER BY t.id LIMIT %(named)s),
                   (SELECT count(*) FROM overlay_templates t
                    WHERE t.team_id = %(team_id)s AND t.project_id = %(project_id)s)
            UNION ALL
            SELECT 'storage locations',
                   ARRAY(SELECT l.id FROM storage_locations l
                         WHERE l.team_id = %(team_id)s AND l.project_id = %(project_id)s
                         ORDER BY l.id LIMIT %(named)s),
                   (SELECT count(*) FROM storage_locations l
                    WHERE l.team_id = %(team_id)s AND l.project_id = %(project_id)s)
            UNION ALL
            SELECT 'pictures',
                   ARRAY(SELECT i.id FROM images i
                         WHERE i.team_id = %(team_id)s AND i.project_id = %(project_id)s
                         ORDER BY i.id LIMIT %(named)s),
                   (SELECT count(*) FROM images i
                    WHERE i.team_id = %(team_id)s AND i.project_id = %(project_id)s)
            """,
            {"team_id": access.team_id, "project_id": project_id, "named": NAMED},
        )
        return await cursor.fetchall()


async def delete(conn: AsyncConnection[TupleRow], access: Access, project_id: ProjectId) -> None:
    """Delete a project that is locked and that nothing belongs to.

    Raises:
        PermissionDenied: The caller must not.
    """
    await delete_one(
        conn,
        """
        DELETE FROM projects p
        WHERE p.team_id = %(team_id)s AND p.id = %(project_id)s
          AND (%(allowed_everywhere)s OR p.id = ANY(%(allowed_on)s))
        """,
        {"project_id": project_id},
        access=access,
        resource=resource(project_id),
    )


def _columns(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "short_name": project.short_name,
        "display_name": project.display_name,
        "base_path": project.base_path,
        "max_bytes": project.max_bytes,
        "max_pixels": project.max_pixels,
    }


def _stored(
    *, version: int, created_at: datetime, updated_at: datetime, **columns: Any
) -> Stored[Project]:
    return Stored(
        value=Project(**columns), version=version, created_at=created_at, updated_at=updated_at
    )
