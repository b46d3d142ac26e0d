"""The qualities that were found for outputs, in Postgres."""

from __future__ import annotations

from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row

from picstore_catalog.model.found_quality import FoundQuality
from picstore_imaging.formats import Format
from picstore_kit.ids import ImageId, JobId

_MOST: Final = 400
"""Rows that are looked at: two generations of the largest profile."""
_PICTURES: Final = 20


async def of_picture(conn: AsyncConnection[TupleRow], image_id: ImageId) -> list[FoundQuality]:
    """Return what was found for a picture, newest first."""
    async with conn.cursor(row_factory=kwargs_row(_found)) as cursor:
        await cursor.execute(
            """
            SELECT spec ->> 'format' AS format, width, height,
                   (spec -> 'auto_quality' ->> 'target')::float8 AS target,
                   (recipe ->> 'quality')::integer AS quality
            FROM outputs
            WHERE image_id = %s AND state = 'READY' AND spec ? 'auto_quality'
              AND recipe ->> 'quality' IS NOT NULL
            ORDER BY generation DESC, id
            LIMIT %s
            """,
            (image_id, _MOST),
        )
        return await cursor.fetchall()


async def of_profile(conn: AsyncConnection[TupleRow], job_id: JobId) -> list[FoundQuality]:
    """Return what was found for the pictures that came last by the conversion profile of a job."""
    async with conn.cursor(row_factory=kwargs_row(_found)) as cursor:
        await cursor.execute(
            """
            WITH recent AS (
                SELECT o.image_id, o.generation
                FROM jobs j
                JOIN originals mine ON mine.image_id = j.image_id AND mine.generation = j.generation
                JOIN originals o ON o.conversion_profile_id = mine.conversion_profile_id
                WHERE j.id = %s AND o.image_id <> j.image_id
                ORDER BY o.committed_at DESC
                LIMIT %s
            )
            SELECT o.spec ->> 'format' AS format, o.width, o.height,
                   (o.spec -> 'auto_quality' ->> 'target')::float8 AS target,
                   (o.recipe ->> 'quality')::integer AS quality
            FROM recent
            JOIN outputs o ON o.image_id = recent.image_id AND o.generation = recent.generation
            WHERE o.state = 'READY' AND o.spec ? 'auto_quality'
              AND o.recipe ->> 'quality' IS NOT NULL
            LIMIT %s
            """,
            (job_id, _PICTURES, _MOST),
        )
        return await cursor.fetchall()


def _found(*, format: str, width: int, height: int, target: float, quality: int) -> FoundQuality:
    return FoundQuality(
        format=Format(format), width=width, height=height, target=target, quality=quality
    )
