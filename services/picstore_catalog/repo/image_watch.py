"""Whether pictures that are watched have changed, without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.ids import ImageId
from picstore_kit.pg.access import Access

Mark: TypeAlias = tuple[int, int]
"""Differs between two moments if the picture, or the state of an output, does."""


async def marks(
    conn: AsyncConnection[TupleRow], access: Access, image_ids: Sequence[ImageId]
) -> dict[ImageId, Mark]:
    """Return a mark for each picture that is there and that the caller may see."""
    cursor = await conn.execute(
        """
        SELECT i.id, i.version, count(o.id)
        FROM images i
        LEFT JOIN outputs o ON o.image_id = i.id AND o.state NOT IN ('QUEUED', 'CONVERTING')
        WHERE i.team_id = %(team_id)s AND i.id = ANY(%(ids)s)
          AND (%(allowed_everywhere)s OR i.project_id = ANY(%(allowed_on)s))
        GROUP BY i.id, i.version
        """,
        {**access.parameters(), "ids": list(image_ids)},
    )
    return {ImageId(id): (version, made) for id, version, made in await cursor.fetchall()}
