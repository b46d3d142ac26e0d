"""Conversion profiles and their revisions in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from picstore_catalog.model.conversion_profile import (
    ConversionProfile,
    ConversionProfileRevision,
    formats_to_json,
    policies_to_json,
    profile_from_json,
    sizes_to_json,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.conflicts import conflicts_named, overtaken, references_named
from picstore_kit.errors import NotFound, Resource
from picstore_kit.ids import ConversionProfileId
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one
from picstore_kit.usage import NAMED, Usage

_Rules: TypeAlias = Sequence[Mapping[str, Any]]

_ONE: Final = """
    SELECT c.id, c.project_id, c.short_name, c.display_name,
           coalesce(%(revision)s, c.revision) AS revision, r.formats, r.sizes, r.background,
           r.policies, c.version, c.created_at, c.updated_at,
           (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s)
            OR (c.project_id IS NULL AND %(allowed_on_shared)s)) AS allowed
    FROM conversion_profiles c
    LEFT JOIN conversion_profile_revisions r
        ON r.team_id = c.team_id AND r.conversion_profile_id = c.id
        AND r.revision = coalesce(%(revision)s, c.revision)
    WHERE c.team_id = %(team_id)s AND c.id = %(profile_id)s
      AND (%(visible_everywhere)s OR c.project_id = ANY(%(visible_on)s)
           OR (c.project_id IS NULL AND %(visible_somewhere)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF c"


def resource(profile_id: str) -> Resource:
    """Name a conversion profile in an error."""
    return Resource(type="ConversionProfile", name=profile_id)


async def fetch(
    conn: AsyncConnection[TupleRow],
    access: Access,
    profile_id: ConversionProfileId,
    *,
    revision: int | None = None,
    lock: bool = False,
) -> Stored[ConversionProfile]:
    """Return a conversion profile at a revision, the current one if none is given.

    `lock` keeps others from changing the profile, or beginning to use it, meanwhile.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`; the profile may also have
            no such revision.
    """
    stored = await fetch_one(
        conn,
        _stored_if_there,
        _ONE_LOCKED if lock else _ONE,
        {"profile_id": profile_id, "revision": revision},
        access=access,
        resource=resource(profile_id),
    )
    if stored is None:
        raise NotFound.of("ConversionProfileRevision", f"{profile_id}/revisions/{revision}")
    return stored


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    short_name: str,
    after: ConversionProfileId | None,
    limit: int,
) -> list[Stored[ConversionProfile]]:
    """Return profiles that the caller may read, oldest first, from behind `after`.

    An empty `short_name` finds all of them.
    """
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT c.id, c.project_id, c.short_name, c.display_name, c.revision,
               r.formats, r.sizes, r.background, r.policies, c.version, c.created_at, c.updated_at
        FROM conversion_profiles c
        JOIN conversion_profile_revisions r
            ON (r.team_id, r.conversion_profile_id, r.revision) = (c.team_id, c.id, c.revision)
        WHERE c.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s)
               OR (c.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(short_name)s = '' OR c.short_name = %(short_name)s)
          AND (%(after)s::text IS NULL OR c.id > %(after)s)
        ORDER BY c.id
        LIMIT %(limit)s
        """,
        {"short_name": short_name, "after": after, "limit": limit},
        access=access,
    )


async def find_revisions(
    conn: AsyncConnection[TupleRow],
    access: Access,
    profile_id: ConversionProfileId,
    *,
    before: int | None,
    limit: int,
) -> list[ConversionProfileRevision]:
    """Return revisions of a profile that the caller may read, newest first, from below `before`."""
    return await fetch_all(
        conn,
        _revision,
        """
        SELECT r.revision, r.formats, r.sizes, r.background, r.policies, r.creator, r.created_at
        FROM conversion_profiles c
        JOIN conversion_profile_revisions r
            ON r.team_id = c.team_id AND r.conversion_profile_id = c.id
        WHERE c.team_id = %(team_id)s AND c.id = %(profile_id)s
          AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s)
               OR (c.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(before)s::integer IS NULL OR r.revision < %(before)s)
        ORDER BY r.revision DESC
        LIMIT %(limit)s
        """,
        {"profile_id": profile_id, "before": before, "limit": limit},
        access=access,
    )


async def find_by_short_names(
    conn: AsyncConnection[TupleRow], access: Access, short_names: Collection[str]
) -> list[Stored[ConversionProfile]]:
    """Return those of the team's profiles that the caller may change."""
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT c.id, c.project_id, c.short_name, c.display_name, c.revision,
               r.formats, r.sizes, r.background, r.policies, c.version, c.created_at, c.updated_at
        FROM conversion_profiles c
        JOIN conversion_profile_revisions r
            ON (r.team_id, r.conversion_profile_id, r.revision) = (c.team_id, c.id, c.revision)
        WHERE c.team_id = %(team_id)s AND c.short_name = ANY(%(short_names)s)
          AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s))
        ORDER BY c.id
        """,
        {"short_names": list(short_names)},
        access=access,
    )


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, profile: ConversionProfile
) -> Stored[ConversionProfile]:
    """Add a profile with its first revision.

    Raises:
        PermissionDenied: The caller must not, for this project or for the whole team.
        AlreadyExists: The short name or the id is taken.
        NotFound: Its project was deleted just now.
    """
    taken = {
        "conversion_profiles_short_name": ("short_name", profile.short_name),
        "conversion_profiles_pkey": ("id", profile.id),
    }
    project = Resource(type="Project", name=profile.project_id or "")
    with (
        conflicts_named("ConversionProfile", taken),
        references_named({"conversion_profiles_project": project}),
    ):
        return await write_one(
            conn,
            _stored,
            """
            WITH profile AS (
                INSERT INTO conversion_profiles
                    (team_id, id, project_id, short_name, display_name, revision)
                SELECT %(team_id)s, %(id)s, %(project_id)s, %(short_name)s, %(display_name)s,
                       %(revision)s
                WHERE %(allowed_everywhere)s OR %(project_id)s::text = ANY(%(allowed_on)s)
                RETURNING team_id, id, project_id, short_name, display_name, revision,
                          version, created_at, updated_at
            ), revision AS (
                INSERT INTO conversion_profile_revisions
                    (team_id, conversion_profile_id, revision, formats, sizes, background,
                 policies, creator)
                SELECT team_id, id, revision, %(formats)s, %(sizes)s, %(background)s,
                   %(policies)s, %(caller)s
                FROM profile
                RETURNING formats, sizes, background, policies
            )
            SELECT p.id, p.project_id, p.short_name, p.display_name, p.revision,
                   r.formats, r.sizes, r.background, r.policies, p.version, p.created_at,
                   p.updated_at
            FROM profile p CROSS JOIN revision r
            """,
            _columns(profile),
            access=access,
        )


async def update(
    conn: AsyncConnection[TupleRow],
    access: Access,
    seen: Stored[ConversionProfile],
    profile: ConversionProfile,
) -> Stored[ConversionProfile]:
    """Write what can change of a profile, if it is still as `seen`.

    Another `profile` in it becomes the next revision.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
    """
    changed = profile.profile != seen.value.profile
    wanted = replace(profile, revision=seen.value.revision + changed)
    return await write_one(
        conn,
        _stored,
        """
        WITH profile AS (
            UPDATE conversion_profiles c
            SET display_name = %(display_name)s, revision = %(revision)s,
                version = c.version + 1, updated_at = now()
            WHERE c.team_id = %(team_id)s AND c.id = %(id)s AND c.version = %(version)s
              AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s))
            RETURNING team_id, id, project_id, short_name, display_name, revision,
                      version, created_at, updated_at
        ), revision AS (
            INSERT INTO conversion_profile_revisions
                (team_id, conversion_profile_id, revision, formats, sizes, background,
                 policies, creator)
            SELECT team_id, id, revision, %(formats)s, %(sizes)s, %(background)s,
                   %(policies)s, %(caller)s
            FROM profile
            WHERE %(changed)s
        )
        SELECT p.id, p.project_id, p.short_name, p.display_name, p.revision,
               %(formats)s AS formats, %(sizes)s AS sizes, %(background)s AS background,
               %(policies)s AS policies,
               p.version, p.created_at, p.updated_at
        FROM profile p
        """,
        {**_columns(wanted), "version": seen.version, "changed": changed},
        access=access,
        otherwise=overtaken(resource(profile.id)),
    )


async def find_usages(
    conn: AsyncConnection[TupleRow], access: Access, profile_id: ConversionProfileId
) -> list[Usage]:
    """Return what uses a profile; nothing begins to while the profile is locked."""
    async with conn.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(
            """
            WITH made AS (
                SELECT i.id
                FROM images i
                WHERE i.team_id = %(team_id)s AND i.conversion_profile_id = %(profile_id)s
                UNION
                SELECT o.image_id
                FROM originals o
                WHERE o.team_id = %(team_id)s AND o.conversion_profile_id = %(profile_id)s
            )
            SELECT 'upload profiles' AS what,
                   ARRAY(SELECT u.id FROM upload_profiles u
                         WHERE u.team_id = %(team_id)s AND u.conversion_profile_id = %(profile_id)s
                         ORDER BY u.id LIMIT %(named)s) AS ids,
                   (SELECT count(*) FROM upload_profiles u
                    WHERE u.team_id = %(team_id)s
                      AND u.conversion_profile_id = %(profile_id)s) AS count
            UNION ALL
            SELECT 'pictures',
                   ARRAY(SELECT id FROM made ORDER BY id LIMIT %(named)s),
                   (SELECT count(*) FROM made)
            """,
            {"team_id": access.team_id, "profile_id": profile_id, "named": NAMED},
        )
        return await cursor.fetchall()


async def delete(
    conn: AsyncConnection[TupleRow], access: Access, profile_id: ConversionProfileId
) -> None:
    """Delete a profile that is locked and that nothing uses, with all of its revisions.

    Raises:
        PermissionDenied: The caller must not.
    """
    await delete_one(
        conn,
        """
        WITH profile AS (
            DELETE FROM conversion_profiles c
            WHERE c.team_id = %(team_id)s AND c.id = %(profile_id)s
              AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s))
            RETURNING c.team_id, c.id
        )
        DELETE FROM conversion_profile_revisions r
        USING profile p
        WHERE r.team_id = p.team_id AND r.conversion_profile_id = p.id
        """,
        {"profile_id": profile_id},
        access=access,
        resource=resource(profile_id),
    )


def _columns(profile: ConversionProfile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "project_id": profile.project_id,
        "short_name": profile.short_name,
        "display_name": profile.display_name,
        "revision": profile.revision,
        "formats": Jsonb(formats_to_json(profile.profile.formats)),
        "sizes": Jsonb(sizes_to_json(profile.profile.sizes)),
        "background": profile.profile.background,
        "policies": Jsonb(policies_to_json(profile.profile)),
    }


def _stored(
    *,
    formats: _Rules,
    sizes: _Rules,
    background: str,
    policies: Mapping[str, Any],
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[ConversionProfile]:
    return Stored(
        value=ConversionProfile(
            profile=profile_from_json(
                formats=formats, sizes=sizes, background=background, policies=policies
            ),
            **columns,
        ),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _stored_if_there(*, formats: _Rules | None, **columns: Any) -> Stored[ConversionProfile] | None:
    return None if formats is None else _stored(formats=formats, **columns)


def _revision(
    *,
    formats: _Rules,
    sizes: _Rules,
    background: str,
    policies: Mapping[str, Any],
    **columns: Any,
) -> ConversionProfileRevision:
    profile = profile_from_json(
        formats=formats, sizes=sizes, background=background, policies=policies
    )
    return ConversionProfileRevision(profile=profile, **columns)
