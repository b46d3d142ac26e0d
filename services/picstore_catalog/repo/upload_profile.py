"""Upload profiles in the database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload_profile import Reference, UploadProfile
from picstore_catalog.repo.conflicts import conflicts_named, overtaken, references_named
from picstore_kit.errors import Resource
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one
from picstore_kit.usage import NAMED, Usage

_ONE: Final = """
    SELECT u.id, u.project_id, u.short_name, u.display_name, u.originals_location_id,
           u.originals_path, u.outputs_location_id, u.outputs_path, u.conversion_profile_id,
           u.version, u.created_at, u.updated_at,
           (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s)) AS allowed
    FROM upload_profiles u
    WHERE u.team_id = %(team_id)s AND u.id = %(profile_id)s
      AND (%(visible_everywhere)s OR u.project_id = ANY(%(visible_on)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF u"


def resource(profile_id: str) -> Resource:
    """Name an upload profile in an error."""
    return Resource(type="UploadProfile", name=profile_id)


async def fetch(
    conn: AsyncConnection[TupleRow],
    access: Access,
    profile_id: UploadProfileId,
    *,
    lock: bool = False,
) -> Stored[UploadProfile]:
    """Return an upload profile; `lock` keeps others from changing or using it meanwhile.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
    """
    return await fetch_one(
        conn,
        _stored,
        _ONE_LOCKED if lock else _ONE,
        {"profile_id": profile_id},
        access=access,
        resource=resource(profile_id),
    )


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    project_id: ProjectId,
    short_name: str,
    after: UploadProfileId | None,
    limit: int,
) -> list[Stored[UploadProfile]]:
    """Return a project's upload profiles, oldest first, from behind `after`.

    An empty `short_name` finds all of them.
    """
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT u.id, u.project_id, u.short_name, u.display_name, u.originals_location_id,
               u.originals_path, u.outputs_location_id, u.outputs_path, u.conversion_profile_id,
               u.version, u.created_at, u.updated_at
        FROM upload_profiles u
        WHERE u.team_id = %(team_id)s AND u.project_id = %(project_id)s
          AND (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s))
          AND (%(short_name)s = '' OR u.short_name = %(short_name)s)
          AND (%(after)s::text IS NULL OR u.id > %(after)s)
        ORDER BY u.id
        LIMIT %(limit)s
        """,
        {"project_id": project_id, "short_name": short_name, "after": after, "limit": limit},
        access=access,
    )


async def find_by_projects(
    conn: AsyncConnection[TupleRow], access: Access, project_ids: Collection[ProjectId]
) -> list[Stored[UploadProfile]]:
    """Return all upload profiles of the projects."""
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT u.id, u.project_id, u.short_name, u.display_name, u.originals_location_id,
               u.originals_path, u.outputs_location_id, u.outputs_path, u.conversion_profile_id,
               u.version, u.created_at, u.updated_at
        FROM upload_profiles u
        WHERE u.team_id = %(team_id)s AND u.project_id = ANY(%(project_ids)s)
          AND (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s))
        ORDER BY u.id
        """,
        {"project_ids": list(project_ids)},
        access=access,
    )


async def find_unusable(
    conn: AsyncConnection[TupleRow], access: Access, profile: UploadProfile
) -> list[Reference]:
    """Return which references of `profile` are missing, another team's or another project's.

    What is of a project that the caller does not see is missing too. References that are usable
    stay so until the transaction ends.
    """
    async with conn.cursor(row_factory=class_row(Reference)) as cursor:
        await cursor.execute(
            """
            WITH locations AS (
                SELECT l.id, l.project_id
                FROM storage_locations l
                WHERE l.team_id = %(team_id)s AND l.id IN (%(originals)s, %(outputs)s)
                  AND (l.project_id IS NULL OR %(visible_everywhere)s
                       OR l.project_id = ANY(%(visible_on)s))
                FOR SHARE
            ), conversions AS (
                SELECT c.id, c.project_id
                FROM conversion_profiles c
                WHERE c.team_id = %(team_id)s AND c.id = %(conversion)s
                  AND (c.project_id IS NULL OR %(visible_everywhere)s
                       OR c.project_id = ANY(%(visible_on)s))
                FOR SHARE
            ), found AS (
                SELECT id, project_id FROM locations
                UNION ALL
                SELECT id, project_id FROM conversions
            )
            SELECT r.field, r.kind, r.id, f.id IS NOT NULL AS elsewhere
            FROM (VALUES
                (1, 'originals_location_id', 'StorageLocation', %(originals)s),
                (2, 'outputs_location_id', 'StorageLocation', %(outputs)s),
                (3, 'conversion_profile_id', 'ConversionProfile', %(conversion)s)
            ) AS r (position, field, kind, id)
            LEFT JOIN found f ON f.id = r.id
            WHERE f.id IS NULL OR f.project_id <> %(project_id)s
            ORDER BY r.position
            """,
            {
                **access.parameters(),
                "originals": profile.originals_location_id,
                "outputs": profile.outputs_location_id,
                "conversion": profile.conversion_profile_id,
                "project_id": profile.project_id,
            },
        )
        return await cursor.fetchall()


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, profile: UploadProfile
) -> Stored[UploadProfile]:
    """Add an upload profile.

    Raises:
        PermissionDenied: The caller must not, in this project.
        AlreadyExists: The short name or the id is taken.
        NotFound: What it refers to was deleted just now.
    """
    taken = {
        "upload_profiles_short_name": ("short_name", profile.short_name),
        "upload_profiles_pkey": ("id", profile.id),
    }
    with conflicts_named("UploadProfile", taken), references_named(_references(profile)):
        return await write_one(
            conn,
            _stored,
            """
            INSERT INTO upload_profiles
                (team_id, id, project_id, short_name, display_name, originals_location_id,
                 originals_path, outputs_location_id, outputs_path, conversion_profile_id)
            SELECT %(team_id)s, %(id)s, %(project_id)s, %(short_name)s, %(display_name)s,
                   %(originals_location_id)s, %(originals_path)s, %(outputs_location_id)s,
                   %(outputs_path)s, %(conversion_profile_id)s
            WHERE %(allowed_everywhere)s OR %(project_id)s = ANY(%(allowed_on)s)
            RETURNING id, project_id, short_name, display_name, originals_location_id,
                      originals_path, outputs_location_id, outputs_path, conversion_profile_id,
                      version, created_at, updated_at
            """,
            _columns(profile),
            access=access,
        )


async def update(
    conn: AsyncConnection[TupleRow],
    access: Access,
    seen: Stored[UploadProfile],
    profile: UploadProfile,
) -> Stored[UploadProfile]:
    """Write what can change of an upload profile, if it is still as `seen`.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
        NotFound: What it refers to was deleted just now.
    """
    with references_named(_references(profile)):
        return await write_one(
            conn,
            _stored,
            """
            UPDATE upload_profiles u
            SET display_name = %(display_name)s,
                originals_location_id = %(originals_location_id)s,
                originals_path = %(originals_path)s, outputs_location_id = %(outputs_location_id)s,
                outputs_path = %(outputs_path)s, conversion_profile_id = %(conversion_profile_id)s,
                version = u.version + 1, updated_at = now()
            WHERE u.team_id = %(team_id)s AND u.id = %(id)s AND u.version = %(version)s
              AND (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s))
            RETURNING id, project_id, short_name, display_name, originals_location_id,
                      originals_path, outputs_location_id, outputs_path, conversion_profile_id,
                      version, created_at, updated_at
            """,
            {**_columns(profile), "version": seen.version},
            access=access,
            otherwise=overtaken(resource(profile.id)),
        )


async def find_usages(
    conn: AsyncConnection[TupleRow], access: Access, profile_id: UploadProfileId
) -> list[Usage]:
    """Return what came by an upload profile; nothing does while the profile is locked."""
    async with conn.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(
            """
            SELECT 'pictures' AS what,
                   ARRAY(SELECT i.id FROM images i
                         WHERE i.team_id = %(team_id)s AND i.upload_profile_id = %(profile_id)s
                         ORDER BY i.id LIMIT %(named)s) AS ids,
                   (SELECT count(*) FROM images i
                    WHERE i.team_id = %(team_id)s
                      AND i.upload_profile_id = %(profile_id)s) AS count
            """,
            {"team_id": access.team_id, "profile_id": profile_id, "named": NAMED},
        )
        return await cursor.fetchall()


async def delete(
    conn: AsyncConnection[TupleRow], access: Access, profile_id: UploadProfileId
) -> None:
    """Delete an upload profile that is locked and that no picture came by.

    Raises:
        PermissionDenied: The caller must not.
    """
    await delete_one(
        conn,
        """
        DELETE FROM upload_profiles u
        WHERE u.team_id = %(team_id)s AND u.id = %(profile_id)s
          AND (%(allowed_everywhere)s OR u.project_id = ANY(%(allowed_on)s))
        """,
        {"profile_id": profile_id},
        access=access,
        resource=resource(profile_id),
    )


def _references(profile: UploadProfile) -> dict[str, Resource]:
    return {
        "upload_profiles_project": Resource(type="Project", name=profile.project_id),
        "upload_profiles_originals_location": Resource(
            type="StorageLocation", name=profile.originals_location_id
        ),
        "upload_profiles_outputs_location": Resource(
            type="StorageLocation", name=profile.outputs_location_id
        ),
        "upload_profiles_conversion_profile": Resource(
            type="ConversionProfile", name=profile.conversion_profile_id
        ),
    }


def _columns(profile: UploadProfile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "project_id": profile.project_id,
        "short_name": profile.short_name,
        "display_name": profile.display_name,
        "originals_location_id": profile.originals_location_id,
        "originals_path": profile.originals_path,
        "outputs_location_id": profile.outputs_location_id,
        "outputs_path": profile.outputs_path,
        "conversion_profile_id": profile.conversion_profile_id,
    }


def _stored(
    *, version: int, created_at: datetime, updated_at: datetime, **columns: Any
) -> Stored[UploadProfile]:
    return Stored(
        value=UploadProfile(**columns),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
