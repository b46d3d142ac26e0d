"""What a worker needs to know besides the ledger's row."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row

from picstore_catalog.model.image import Original
from picstore_catalog.model.job import Job
from picstore_catalog.model.render import Drawing, Render
from picstore_catalog.model.work import WorkOrder
from picstore_imaging.formats import SourceFormat
from picstore_kit.blobs.keys import original_key
from picstore_kit.errors import NotFound
from picstore_kit.ids import JobId


async def fetch(conn: AsyncConnection[TupleRow], job_id: JobId) -> WorkOrder:
    """Return what the worker of a job needs to know.

    Raises:
        NotFound: There is no such job within the transaction's reach.
    """
    async with conn.cursor(row_factory=kwargs_row(_order)) as cursor:
        await cursor.execute(
            """
            SELECT o.location_id, o.object_key, o.format, o.width, o.height, o.frames, o.has_alpha,
                   o.has_gps, o.trailing_bytes, o.size_bytes, o.sha256, l.cache_control,
                   o.thumbhash IS NULL AS wants_placeholder,
                   j.generation NOT IN (i.generation, i.pending_generation) AS is_stale
            FROM jobs j
            JOIN images i ON i.team_id = j.team_id AND i.id = j.image_id
            JOIN originals o ON o.team_id = j.team_id AND o.image_id = j.image_id
                AND o.generation = j.generation
            JOIN storage_locations l ON l.team_id = j.team_id AND l.id = j.outputs_location_id
            WHERE j.id = %s
            """,
            (job_id,),
        )
        order = await cursor.fetchone()
    if order is None:
        raise NotFound.of("Job", job_id)
    return order


async def begin_drawing(conn: AsyncConnection[TupleRow], job: Job) -> tuple[WorkOrder, Drawing]:
    """Give an attempt at a job that draws the key for what it draws, and what it is to draw.

    Raises:
        NotFound: There is no such job within the transaction's reach.
    """
    cursor = await conn.execute(
        """
        SELECT j.render, j.render_keys, j.generation NOT IN (i.generation, i.pending_generation)
        FROM jobs j
        JOIN images i ON i.team_id = j.team_id AND i.id = j.image_id
        WHERE j.id = %s AND j.kind = 'render'
        """,
        (job.id,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound.of("Job", job.id)
    stored, keys, is_stale = row
    render = Render.from_json(stored)
    key = original_key(
        project=render.base_path,
        path=render.originals_path,
        image=job.image_id,
        generation=job.generation,
        filename=render.filename,
    )
    await conn.execute(
        "UPDATE jobs SET render_keys = render_keys || %s::text WHERE id = %s", (key, job.id)
    )
    order = WorkOrder(
        original=render.base, cache_control="", wants_placeholder=False, is_stale=is_stale
    )
    return order, Drawing(render=render, object_key=key, abandoned_keys=tuple(keys))


def _order(
    *, cache_control: str, wants_placeholder: bool, is_stale: bool, format: str, **columns: Any
) -> WorkOrder:
    return WorkOrder(
        original=Original(format=SourceFormat(format), **columns),
        cache_control=cache_control,
        wants_placeholder=wants_placeholder,
        is_stale=is_stale,
    )
