"""Conversion profiles and their revisions in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

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
from picstore_catalog.repo.revisioned import Kind, RevisionedRows
from picstore_imaging.profile import Profile
from picstore_kit.ids import ConversionProfileId
from picstore_kit.pg.access import Access, fetch_all
from picstore_kit.usage import NAMED, Usage


def _to_columns(profile: Profile) -> Mapping[str, Any]:
    return {
        "formats": Jsonb(formats_to_json(profile.formats)),
        "sizes": Jsonb(sizes_to_json(profile.sizes)),
        "background": profile.background,
        "policies": Jsonb(policies_to_json(profile)),
    }


def _value(profile: Profile, **columns: Any) -> ConversionProfile:
    return ConversionProfile(profile=profile, **columns)


def _revision(profile: Profile, **columns: Any) -> ConversionProfileRevision:
    return ConversionProfileRevision(profile=profile, **columns)


ROWS: Final = RevisionedRows[
    ConversionProfileId, ConversionProfile, ConversionProfileRevision, Profile
](
    Kind(
        name="ConversionProfile",
        objects="conversion_profiles",
        revisions="conversion_profile_revisions",
        object_id="conversion_profile_id",
        columns=("formats", "sizes", "background", "policies"),
        to_columns=_to_columns,
        from_columns=profile_from_json,
        content=lambda profile: profile.profile,
        value=_value,
        revision=_revision,
    )
)

resource = ROWS.resource
fetch = ROWS.fetch
find_all = ROWS.find_all
find_revisions = ROWS.find_revisions
insert = ROWS.insert
update = ROWS.update
delete = ROWS.delete


async def find_by_short_names(
    conn: AsyncConnection[TupleRow], access: Access, short_names: Collection[str]
) -> list[Stored[ConversionProfile]]:
    """Return those of the team's profiles that the caller may change."""
    return await fetch_all(
        conn,
        ROWS.stored,
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
