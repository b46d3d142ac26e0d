"""Conversion profiles and their revisions in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from picstore_catalog.model.conversion_profile import (
    ConversionProfile,
    formats_from_json,
    formats_to_json,
    sizes_from_json,
    sizes_to_json,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.access import Access, fetch_all, fetch_one, write_one
from picstore_catalog.repo.conflicts import conflicts_named, overtaken
from picstore_imaging.profile import Profile
from picstore_kit.errors import Resource
from picstore_kit.ids import ConversionProfileId


def resource(profile_id: str) -> Resource:
    """Name a conversion profile in an error."""
    return Resource(type="ConversionProfile", name=profile_id)


async def fetch(
    conn: AsyncConnection[TupleRow], access: Access, profile_id: ConversionProfileId
) -> Stored[ConversionProfile]:
    """Return a conversion profile, at its current revision, to a caller who may have it.

    Raises:
        NotFound, PermissionDenied: See `picstore_catalog.repo.access`.
    """
    return await fetch_one(
        conn,
        _stored,
        """
        SELECT c.id, c.project_id, c.short_name, c.display_name, c.revision,
               r.formats, r.sizes, r.background, c.version, c.created_at, c.updated_at,
               (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s)
                OR (c.project_id IS NULL AND %(allowed_on_shared)s)) AS allowed
        FROM conversion_profiles c
        JOIN conversion_profile_revisions r
            ON (r.team_id, r.conversion_profile_id, r.revision) = (c.team_id, c.id, c.revision)
        WHERE c.team_id = %(team_id)s AND c.id = %(profile_id)s
          AND (%(visible_everywhere)s OR c.project_id = ANY(%(visible_on)s)
               OR (c.project_id IS NULL AND %(visible_somewhere)s))
        """,
        {"profile_id": profile_id},
        access=access,
        resource=resource(profile_id),
    )


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    after: ConversionProfileId | None,
    limit: int,
) -> list[Stored[ConversionProfile]]:
    """Return profiles that the caller may read, oldest first, from behind `after`."""
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT c.id, c.project_id, c.short_name, c.display_name, c.revision,
               r.formats, r.sizes, r.background, c.version, c.created_at, c.updated_at
        FROM conversion_profiles c
        JOIN conversion_profile_revisions r
            ON (r.team_id, r.conversion_profile_id, r.revision) = (c.team_id, c.id, c.revision)
        WHERE c.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR c.project_id = ANY(%(allowed_on)s)
               OR (c.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(after)s::text IS NULL OR c.id > %(after)s)
        ORDER BY c.id
        LIMIT %(limit)s
        """,
        {"after": after, "limit": limit},
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
               r.formats, r.sizes, r.background, c.version, c.created_at, c.updated_at
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
    """
    taken = {
        "conversion_profiles_short_name": ("short_name", profile.short_name),
        "conversion_profiles_pkey": ("id", profile.id),
    }
    with conflicts_named("ConversionProfile", taken):
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
                    (team_id, conversion_profile_id, revision, formats, sizes, background)
                SELECT team_id, id, revision, %(formats)s, %(sizes)s, %(background)s
                FROM profile
                RETURNING formats, sizes, background
            )
            SELECT p.id, p.project_id, p.short_name, p.display_name, p.revision,
                   r.formats, r.sizes, r.background, p.version, p.created_at, p.updated_at
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
                (team_id, conversion_profile_id, revision, formats, sizes, background)
            SELECT team_id, id, revision, %(formats)s, %(sizes)s, %(background)s
            FROM profile
            WHERE %(changed)s
        )
        SELECT p.id, p.project_id, p.short_name, p.display_name, p.revision,
               %(formats)s AS formats, %(sizes)s AS sizes, %(background)s AS background,
               p.version, p.created_at, p.updated_at
        FROM profile p
        """,
        {**_columns(wanted), "version": seen.version, "changed": changed},
        access=access,
        otherwise=overtaken(resource(profile.id)),
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
    }


def _stored(
    *,
    formats: Sequence[Mapping[str, Any]],
    sizes: Sequence[Mapping[str, Any]],
    background: str,
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[ConversionProfile]:
    profile = Profile(
        formats=formats_from_json(formats), sizes=sizes_from_json(sizes), background=background
    )
    return Stored(
        value=ConversionProfile(profile=profile, **columns),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
