"""Storage locations in the database; their secrets are sealed in all that is here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, kwargs_row

from picstore_catalog.model.storage_location import (
    LocalDirectory,
    Provider,
    S3Bucket,
    StorageLocation,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo.conflicts import conflicts_named, overtaken, references_named
from picstore_kit.errors import Resource
from picstore_kit.ids import LocationId
from picstore_kit.pg.access import Access, delete_one, fetch_all, fetch_one, write_one
from picstore_kit.usage import NAMED, Usage


def resource(location_id: str) -> Resource:
    """Name a storage location in an error."""
    return Resource(type="StorageLocation", name=location_id)


_ONE: Final = """
    SELECT l.id, l.project_id, l.short_name, l.display_name, l.provider, l.s3_endpoint,
           l.s3_region, l.s3_bucket, l.s3_prefix, l.s3_access_key_id, l.s3_secret_access_key,
           l.local_directory, l.public_base_url, l.cache_control, l.operator_managed,
           l.version, l.created_at, l.updated_at,
           (%(allowed_everywhere)s OR l.project_id = ANY(%(allowed_on)s)
            OR (l.project_id IS NULL AND %(allowed_on_shared)s)) AS allowed
    FROM storage_locations l
    WHERE l.team_id = %(team_id)s AND l.id = %(location_id)s
      AND (%(visible_everywhere)s OR l.project_id = ANY(%(visible_on)s)
           OR (l.project_id IS NULL AND %(visible_somewhere)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF l"


async def fetch(
    conn: AsyncConnection[TupleRow],
    access: Access,
    location_id: LocationId,
    *,
    lock: bool = False,
) -> Stored[StorageLocation]:
    """Return a storage location to a caller who may do with it what `access` is for.

    `lock` keeps others from changing it, or beginning to use it, meanwhile.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
    """
    return await fetch_one(
        conn,
        _stored,
        _ONE_LOCKED if lock else _ONE,
        {"location_id": location_id},
        access=access,
        resource=resource(location_id),
    )


async def find_all(
    conn: AsyncConnection[TupleRow],
    access: Access,
    *,
    short_name: str,
    after: LocationId | None,
    limit: int,
) -> list[Stored[StorageLocation]]:
    """Return locations that the caller may read, oldest first, from behind `after`.

    An empty `short_name` means those of any.
    """
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT l.id, l.project_id, l.short_name, l.display_name, l.provider, l.s3_endpoint,
               l.s3_region, l.s3_bucket, l.s3_prefix, l.s3_access_key_id, l.s3_secret_access_key,
               l.local_directory, l.public_base_url, l.cache_control, l.operator_managed,
               l.version, l.created_at, l.updated_at
        FROM storage_locations l
        WHERE l.team_id = %(team_id)s
          AND (%(allowed_everywhere)s OR l.project_id = ANY(%(allowed_on)s)
               OR (l.project_id IS NULL AND %(allowed_on_shared)s))
          AND (%(short_name)s = '' OR l.short_name = %(short_name)s)
          AND (%(after)s::text IS NULL OR l.id > %(after)s)
        ORDER BY l.id
        LIMIT %(limit)s
        """,
        {"short_name": short_name, "after": after, "limit": limit},
        access=access,
    )


async def find_by_ids(
    conn: AsyncConnection[TupleRow], location_ids: Collection[LocationId]
) -> list[Stored[StorageLocation]]:
    """Return those of the locations that the transaction reaches: for services, not for users."""
    async with conn.cursor(row_factory=kwargs_row(_stored)) as cursor:
        await cursor.execute(
            """
            SELECT l.id, l.project_id, l.short_name, l.display_name, l.provider, l.s3_endpoint,
                   l.s3_region, l.s3_bucket, l.s3_prefix, l.s3_access_key_id,
                   l.s3_secret_access_key, l.local_directory, l.public_base_url, l.cache_control,
                   l.operator_managed, l.version, l.created_at, l.updated_at
            FROM storage_locations l
            WHERE l.id = ANY(%s)
            ORDER BY l.id
            """,
            (list(location_ids),),
        )
        return await cursor.fetchall()


async def find_by_short_names(
    conn: AsyncConnection[TupleRow], access: Access, short_names: Collection[str]
) -> list[Stored[StorageLocation]]:
    """Return those of the team's locations that the caller may change."""
    return await fetch_all(
        conn,
        _stored,
        """
        SELECT l.id, l.project_id, l.short_name, l.display_name, l.provider, l.s3_endpoint,
               l.s3_region, l.s3_bucket, l.s3_prefix, l.s3_access_key_id, l.s3_secret_access_key,
               l.local_directory, l.public_base_url, l.cache_control, l.operator_managed,
               l.version, l.created_at, l.updated_at
        FROM storage_locations l
        WHERE l.team_id = %(team_id)s AND l.short_name = ANY(%(short_names)s)
          AND (%(allowed_everywhere)s OR l.project_id = ANY(%(allowed_on)s))
        ORDER BY l.id
        """,
        {"short_names": list(short_names)},
        access=access,
    )


async def insert(
    conn: AsyncConnection[TupleRow], access: Access, location: StorageLocation
) -> Stored[StorageLocation]:
    """Add a location.

    Raises:
        PermissionDenied: The caller must not, for this project or for the whole team.
        AlreadyExists: The short name or the id is taken.
        NotFound: The project was deleted just now.
    """
    taken = {
        "storage_locations_short_name": ("short_name", location.short_name),
        "storage_locations_pkey": ("id", location.id),
    }
    project = Resource(type="Project", name=location.project_id or "")
    references = {"storage_locations_project": project}
    with references_named(references), conflicts_named("StorageLocation", taken):
        return await write_one(
            conn,
            _stored,
            """
            INSERT INTO storage_locations
                (team_id, id, project_id, short_name, display_name, provider, s3_endpoint,
                 s3_region, s3_bucket, s3_prefix, s3_access_key_id, s3_secret_access_key,
                 local_directory, public_base_url, cache_control, operator_managed)
            SELECT %(team_id)s, %(id)s, %(project_id)s, %(short_name)s, %(display_name)s,
                   %(provider)s, %(s3_endpoint)s, %(s3_region)s, %(s3_bucket)s, %(s3_prefix)s,
                   %(s3_access_key_id)s, %(s3_secret_access_key)s, %(local_directory)s,
                   %(public_base_url)s, %(cache_control)s, %(operator_managed)s
            WHERE %(allowed_everywhere)s OR %(project_id)s::text = ANY(%(allowed_on)s)
            RETURNING id, project_id, short_name, display_name, provider, s3_endpoint, s3_region,
                      s3_bucket, s3_prefix, s3_access_key_id, s3_secret_access_key,
                      local_directory, public_base_url, cache_control, operator_managed,
                      version, created_at, updated_at
            """,
            _columns(location),
            access=access,
        )


async def update(
    conn: AsyncConnection[TupleRow],
    access: Access,
    seen: Stored[StorageLocation],
    location: StorageLocation,
) -> Stored[StorageLocation]:
    """Write all but the id and the short name of a location, if it is still as `seen`.

    Raises:
        Aborted: It is not (CONFLICT_RETRY).
    """
    return await write_one(
        conn,
        _stored,
        """
        UPDATE storage_locations l
        SET project_id = %(project_id)s, display_name = %(display_name)s, provider = %(provider)s,
            s3_endpoint = %(s3_endpoint)s, s3_region = %(s3_region)s, s3_bucket = %(s3_bucket)s,
            s3_prefix = %(s3_prefix)s, s3_access_key_id = %(s3_access_key_id)s,
            s3_secret_access_key = %(s3_secret_access_key)s,
            local_directory = %(local_directory)s, public_base_url = %(public_base_url)s,
            cache_control = %(cache_control)s, operator_managed = %(operator_managed)s,
            version = l.version + 1, updated_at = now()
        WHERE l.team_id = %(team_id)s AND l.id = %(id)s AND l.version = %(version)s
          AND (%(allowed_everywhere)s
               OR (l.project_id = ANY(%(allowed_on)s)
                   AND %(project_id)s::text = ANY(%(allowed_on)s)))
        RETURNING id, project_id, short_name, display_name, provider, s3_endpoint, s3_region,
                  s3_bucket, s3_prefix, s3_access_key_id, s3_secret_access_key,
                  local_directory, public_base_url, cache_control, operator_managed,
                  version, created_at, updated_at
        """,
        {**_columns(location), "version": seen.version},
        access=access,
        otherwise=overtaken(resource(location.id)),
    )


async def find_usages(
    conn: AsyncConnection[TupleRow], access: Access, location_id: LocationId
) -> list[Usage]:
    """Return what uses a location; nothing begins to while the location is locked."""
    async with conn.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(
            """
            WITH profiles AS (
                SELECT u.id
                FROM upload_profiles u
                WHERE u.team_id = %(team_id)s
                  AND %(location_id)s IN (u.originals_location_id, u.outputs_location_id)
            )
            SELECT 'upload profiles' AS what,
                   ARRAY(SELECT id FROM profiles ORDER BY id LIMIT %(named)s) AS ids,
                   (SELECT count(*) FROM profiles) AS count
            """,
            {"team_id": access.team_id, "location_id": location_id, "named": NAMED},
        )
        profiles = await cursor.fetchall()
    return [*profiles, await find_kept(conn, access, location_id)]


async def find_kept(
    conn: AsyncConnection[TupleRow], access: Access, location_id: LocationId
) -> Usage:
    """Return the pictures of which something is kept in a location, or will be."""
    async with conn.cursor(row_factory=class_row(Usage)) as cursor:
        await cursor.execute(
            """
            WITH kept AS (
                SELECT i.id
                FROM images i
                WHERE i.team_id = %(team_id)s AND i.originals_location_id = %(location_id)s
                UNION
                SELECT o.image_id
                FROM originals o
                WHERE o.team_id = %(team_id)s AND o.location_id = %(location_id)s
                UNION
                SELECT o.image_id
                FROM outputs o
                WHERE o.team_id = %(team_id)s AND o.location_id = %(location_id)s
                UNION
                SELECT j.image_id
                FROM jobs j
                WHERE j.team_id = %(team_id)s AND j.outputs_location_id = %(location_id)s
            )
            SELECT 'pictures' AS what,
                   ARRAY(SELECT id FROM kept ORDER BY id LIMIT %(named)s) AS ids,
                   (SELECT count(*) FROM kept) AS count
            """,
            {"team_id": access.team_id, "location_id": location_id, "named": NAMED},
        )
        [kept] = await cursor.fetchall()
    return kept


async def delete(conn: AsyncConnection[TupleRow], access: Access, location_id: LocationId) -> None:
    """Delete a location that is locked and that nothing uses.

    Raises:
        PermissionDenied: The caller must not.
    """
    await delete_one(
        conn,
        """
        DELETE FROM storage_locations l
        WHERE l.team_id = %(team_id)s AND l.id = %(location_id)s
          AND (%(allowed_everywhere)s OR l.project_id = ANY(%(allowed_on)s))
        """,
        {"location_id": location_id},
        access=access,
        resource=resource(location_id),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """The secret of one location, of whatever team."""

    location_id: LocationId
    sealed: bytes


async def lock_secrets(
    conn: AsyncConnection[TupleRow], *, after: LocationId | None, limit: int
) -> list[SealedSecret]:
    """Return secrets by the order of their locations from behind `after`: for the operator.

    They stay as they are until the transaction ends, which reaches all teams.
    """
    async with conn.cursor(row_factory=class_row(SealedSecret)) as cursor:
        await cursor.execute(
            """
            SELECT l.id AS location_id, l.s3_secret_access_key AS sealed
            FROM storage_locations l
            WHERE l.s3_secret_access_key IS NOT NULL
              AND (%(after)s::text IS NULL OR l.id > %(after)s)
            ORDER BY l.id
            LIMIT %(limit)s
            FOR NO KEY UPDATE OF l
            """,
            {"after": after, "limit": limit},
        )
        return await cursor.fetchall()


async def replace_secret(conn: AsyncConnection[TupleRow], secret: SealedSecret) -> None:
    """Store the same secret under another key; to those who see the location nothing changes."""
    await conn.execute(
        "UPDATE storage_locations SET s3_secret_access_key = %s WHERE id = %s",
        (secret.sealed, secret.location_id),
    )


def _columns(location: StorageLocation) -> dict[str, Any]:
    s3 = location.provider if isinstance(location.provider, S3Bucket) else None
    local = location.provider if isinstance(location.provider, LocalDirectory) else None
    return {
        "id": location.id,
        "project_id": location.project_id,
        "short_name": location.short_name,
        "display_name": location.display_name,
        "provider": "s3" if s3 else "local",
        "s3_endpoint": s3.endpoint if s3 else None,
        "s3_region": s3.region if s3 else None,
        "s3_bucket": s3.bucket if s3 else None,
        "s3_prefix": s3.prefix if s3 else None,
        "s3_access_key_id": s3.access_key_id or None if s3 else None,
        "s3_secret_access_key": s3.sealed_secret if s3 else None,
        "local_directory": local.directory if local else None,
        "public_base_url": location.public_base_url,
        "cache_control": location.cache_control,
        "operator_managed": location.operator_managed,
    }


def _stored(
    *,
    provider: str,
    s3_endpoint: str,
    s3_region: str,
    s3_bucket: str,
    s3_prefix: str,
    s3_access_key_id: str | None,
    s3_secret_access_key: bytes | None,
    local_directory: str,
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[StorageLocation]:
    place: Provider
    if provider == "s3":
        place = S3Bucket(
            endpoint=s3_endpoint,
            region=s3_region,
            bucket=s3_bucket,
            prefix=s3_prefix,
            access_key_id=s3_access_key_id or "",
            sealed_secret=s3_secret_access_key,
        )
    else:
        place = LocalDirectory(directory=local_directory)
    return Stored(
        value=StorageLocation(provider=place, **columns),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
