"""What a worker needs to know besides the ledger's row."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_kit.errors import NotFound
from picstore_kit.ids import JobId, LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """Where the original of a job is, what is known of it, and how its outputs are sent."""

    is_stale: bool
    """Whether its outputs are of no use any more."""
    originals_location_id: LocationId
    original_key: str
    format: str
    width: int
    height: int
    frames: int
    has_alpha: bool
    has_gps: bool
    size_bytes: int
    sha256: bytes
    cache_control: str
    """Of the outputs; empty for the default."""
    wants_placeholder: bool


async def fetch_work_order(conn: AsyncConnection[TupleRow], job_id: JobId) -> WorkOrder:
    """Return what the worker of a job needs to know.

    Raises:
        NotFound: There is no such job within the transaction's reach.
    """
    async with conn.cursor(row_factory=class_row(WorkOrder)) as cursor:
        await cursor.execute(
            """
            SELECT j.generation NOT IN (i.generation, i.pending_generation) AS is_stale,
                   i.originals_location_id, i.original_key, i.format, i.width, i.height, i.frames,
                   i.has_alpha, i.has_gps, i.size_bytes, i.sha256, l.cache_control,
                   i.thumbhash IS NULL AS wants_placeholder
            FROM jobs j
            JOIN images i ON i.team_id = j.team_id AND i.id = j.image_id
            JOIN storage_locations l ON l.team_id = j.team_id AND l.id = j.outputs_location_id
            WHERE j.id = %s
            """,
            (job_id,),
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound.of("Job", job_id)
    return row
