"""The originals of pictures in Postgres, one for each generation, and the locks that commits take.

Commits of the same upload, and commits of the same bytes, go one after the other: each takes an
advisory lock before it looks whether the other was there. A transaction locks the upload before
the bytes, and both before any row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row

from picstore_catalog.model.description import comparable
from picstore_catalog.model.image import Original, Placeholder
from picstore_catalog.model.upload import UploadTarget
from picstore_imaging.formats import SourceFormat
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    LocationId,
    TeamId,
    UploadId,
    UploadProfileId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedOriginal:
    """The original of one generation of a picture."""

    generation: int
    upload_id: UploadId
    """The upload that it came by."""
    filename: str
    original: Original
    conversion_profile_id: ConversionProfileId
    """What the outputs of the generation are made by."""
    conversion_profile_revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What became of an upload that was committed."""

    image_id: ImageId
    sha256: bytes


async def lock_upload(conn: AsyncConnection[TupleRow], upload_id: UploadId) -> None:
    """Wait until no other transaction commits the upload, and let none begin before this ends."""
    await _lock(conn, f"uploads {upload_id}")


async def lock_content(
    conn: AsyncConnection[TupleRow], target: UploadTarget, sha256: bytes
) -> None:
    """Wait until no other transaction brings the same bytes by the same upload profile."""
    await _lock(conn, f"originals {target.project_id} {target.upload_profile_id} {sha256.hex()}")


async def insert(
    conn: AsyncConnection[TupleRow],
    committed: CommittedOriginal,
    *,
    team_id: TeamId,
    image_id: ImageId,
) -> None:
    """Add the original of a generation, which has no placeholder yet."""
    original = committed.original
    await conn.execute(
        """
        INSERT INTO originals (team_id, image_id, generation, upload_id, filename, filename_key,
                               location_id, object_key, format, width, height, frames,
                               has_alpha, has_gps, trailing_bytes, size_bytes, sha256,
                               conversion_profile_id, conversion_profile_revision)
        VALUES (%(team_id)s, %(image_id)s, %(generation)s, %(upload_id)s, %(filename)s,
                %(filename_key)s, %(location_id)s, %(object_key)s, %(format)s, %(width)s,
                %(height)s, %(frames)s, %(has_alpha)s, %(has_gps)s, %(trailing_bytes)s,
                %(size_bytes)s, %(sha256)s, %(conversion_profile_id)s,
                %(conversion_profile_revision)s)
        """,
        {
            "team_id": team_id,
            "image_id": image_id,
            "generation": committed.generation,
            "upload_id": committed.upload_id,
            "filename": committed.filename,
            "filename_key": comparable(committed.filename),
            "location_id": original.location_id,
            "object_key": original.object_key,
            "format": original.format.value,
            "width": original.width,
            "height": original.height,
            "frames": original.frames,
            "has_alpha": original.has_alpha,
            "has_gps": original.has_gps,
            "trailing_bytes": original.trailing_bytes,
            "size_bytes": original.size_bytes,
            "sha256": original.sha256,
            "conversion_profile_id": committed.conversion_profile_id,
            "conversion_profile_revision": committed.conversion_profile_revision,
        },
    )


async def find(
    conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int
) -> CommittedOriginal | None:
    """Return the original of a generation of a picture that the transaction has locked."""
    async with conn.cursor(row_factory=kwargs_row(_committed)) as cursor:
        await cursor.execute(
            """
            SELECT generation, upload_id, filename, location_id, object_key, format, width, height,
                   frames, has_alpha, has_gps, trailing_bytes, size_bytes, sha256,
                   conversion_profile_id, conversion_profile_revision
            FROM originals
            WHERE image_id = %s AND generation = %s
            """,
            (image_id, generation),
        )
        return await cursor.fetchone()


async def find_upload(conn: AsyncConnection[TupleRow], upload_id: UploadId) -> Upload | None:
    """Return what an upload became, if it was committed."""
    cursor = await conn.execute(
        "SELECT image_id, sha256 FROM originals WHERE upload_id = %s", (upload_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else Upload(image_id=ImageId(row[0]), sha256=row[1])


async def find_object(
    conn: AsyncConnection[TupleRow], location_id: LocationId, object_key: str
) -> ImageId | None:
    """Return the picture of which an object is an original, of whatever generation."""
    cursor = await conn.execute(
        "SELECT image_id FROM originals WHERE location_id = %s AND object_key = %s",
        (location_id, object_key),
    )
    row = await cursor.fetchone()
    return None if row is None else ImageId(row[0])


async def find_duplicate(
    conn: AsyncConnection[TupleRow],
    team_id: TeamId,
    upload_profile_id: UploadProfileId,
    sha256: bytes,
) -> ImageId | None:
    """Return the newest usable picture that has, or is getting, an original with these bytes.

    Only what came by the same upload profile, and so to the same project, is looked at. The picture
    is not deleted before the transaction ends.
    """
    cursor = await conn.execute(
        """
        SELECT i.id
        FROM originals o
        JOIN images i ON i.team_id = o.team_id AND i.id = o.image_id
            AND o.generation IN (i.generation, i.pending_generation)
        WHERE o.team_id = %(team_id)s AND o.sha256 = %(sha256)s
          AND i.upload_profile_id = %(upload_profile_id)s AND i.state IN ('READY', 'CONVERTING')
        ORDER BY i.created_at DESC, i.id DESC
        LIMIT 1
        FOR KEY SHARE OF i
        """,
        {"team_id": team_id, "sha256": sha256, "upload_profile_id": upload_profile_id},
    )
    row = await cursor.fetchone()
    return None if row is None else ImageId(row[0])


async def set_placeholder(
    conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int, placeholder: Placeholder
) -> None:
    """Record what to show until the outputs of a generation are there."""
    await conn.execute(
        """
        UPDATE originals
        SET thumbhash = %s, dominant_colour = %s, palette = %s, preview = %s
        WHERE image_id = %s AND generation = %s
        """,
        (
            placeholder.thumbhash,
            placeholder.dominant_colour,
            list(placeholder.palette),
            placeholder.preview or None,
            image_id,
            generation,
        ),
    )


async def _lock(conn: AsyncConnection[TupleRow], name: str) -> None:
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


def _committed(
    *,
    generation: int,
    upload_id: UploadId,
    filename: str,
    format: str,
    conversion_profile_id: ConversionProfileId,
    conversion_profile_revision: int,
    **columns: Any,
) -> CommittedOriginal:
    return CommittedOriginal(
        generation=generation,
        upload_id=upload_id,
        filename=filename,
        original=Original(format=SourceFormat(format), **columns),
        conversion_profile_id=conversion_profile_id,
        conversion_profile_revision=conversion_profile_revision,
    )
