"""The outputs of pictures in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row
from psycopg.types.json import Jsonb

from picstore_catalog.model.image import Tally
from picstore_catalog.model.ingest import NewOutput
from picstore_catalog.model.job import REPLACED, Failure
from picstore_catalog.model.output import Output, OutputState, StoredFile, Useless
from picstore_catalog.model.work import WantedOutput
from picstore_imaging.plan import OutputSpec
from picstore_imaging.recipe import Recipe
from picstore_kit.blobs.keys import public_url
from picstore_kit.errors import InvalidField, NotFound, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId, TeamId


async def insert(
    conn: AsyncConnection[TupleRow],
    outputs: Sequence[NewOutput],
    *,
    team_id: TeamId,
    image_id: ImageId,
    generation: int,
    location_id: LocationId,
    skip_if_larger_percent: int | None = None,
) -> None:
    """Add the outputs of a generation, QUEUED or SKIPPED.

    The percentage is of those that have a better one.
    """
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO outputs (id, team_id, image_id, generation, job_id, location_id, spec,
                                 spec_hash, awaited, estimated_cpu_ms, state, reason, message,
                                 better_id, skip_if_larger_percent)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    output.id,
                    team_id,
                    image_id,
                    generation,
                    output.job_id,
                    location_id,
                    Jsonb(output.spec.to_json()),
                    bytes.fromhex(output.spec.digest()),
                    output.awaited,
                    output.estimated_cpu_ms,
                    (OutputState.SKIPPED if output.skipped else OutputState.QUEUED).value,
                    output.skipped.value if output.skipped else None,
                    output.message,
                    output.better_id,
                    skip_if_larger_percent if output.better_id else None,
                )
                for output in outputs
            ],
        )


async def begin(conn: AsyncConnection[TupleRow], job_id: JobId) -> list[WantedOutput]:
    """Mark the outputs of a job that are still to be made CONVERTING; return them, cheap first."""
    cursor = await conn.execute(
        """
        WITH begun AS (
            UPDATE outputs
            SET state = 'CONVERTING'
            WHERE job_id = %s AND state IN ('QUEUED', 'CONVERTING')
            RETURNING id, spec, estimated_cpu_ms, better_id, skip_if_larger_percent
        )
        SELECT id, spec, better_id, coalesce(skip_if_larger_percent, 0)
        FROM begun
        ORDER BY estimated_cpu_ms, id
        """,
        (job_id,),
    )
    begun = await cursor.fetchall()
    sizes = await _kept_sizes(conn, job_id) if any(row[2] for row in begun) else {}
    return [
        WantedOutput(
            id=OutputId(id),
            spec=OutputSpec.from_json(spec),
            better_id=better_id,
            better_size_bytes=sizes.get(better_id, 0),
            skip_if_larger_percent=percent,
        )
        for id, spec, better_id, percent in begun
    ]


async def _kept_sizes(
    conn: AsyncConnection[TupleRow], job_id: JobId
) -> Mapping[OutputId | None, int]:
    """Return what outputs of a job are to be compared with; what is not kept hands it on."""
    cursor = await conn.execute(
        """
        WITH RECURSIVE kept AS (
            SELECT id, size_bytes FROM outputs WHERE job_id = %(job_id)s AND state = 'READY'
            UNION
            SELECT o.id, kept.size_bytes
            FROM outputs o
            JOIN kept ON kept.id = o.better_id
            WHERE o.job_id = %(job_id)s AND o.state = 'SKIPPED'
        )
        SELECT id, size_bytes FROM kept
        """,
        {"job_id": job_id},
    )
    return {OutputId(id): size for id, size in await cursor.fetchall()}


async def requeue(conn: AsyncConnection[TupleRow], job_id: JobId) -> None:
    """Mark the outputs that an attempt left unfinished QUEUED again."""
    await conn.execute(
        "UPDATE outputs SET state = 'QUEUED' WHERE job_id = %s AND state = 'CONVERTING'", (job_id,)
    )


async def store(
    conn: AsyncConnection[TupleRow], output_id: OutputId, file: StoredFile, *, job_id: JobId
) -> bool:
    """Make an output READY; return False, changing nothing, if it was terminal already.

    Raises:
        NotFound: The job has no such output.
    """
    cursor = await conn.execute(
        """
        UPDATE outputs
        SET state = 'READY', object_key = %s, width = %s, height = %s, size_bytes = %s,
            sha256 = %s, encode_cpu_ms = %s, recipe = %s, ready_at = clock_timestamp()
        WHERE id = %s AND job_id = %s AND state IN ('QUEUED', 'CONVERTING')
        """,
        (
            file.object_key,
            file.width,
            file.height,
            file.size_bytes,
            file.sha256,
            file.encode_cpu_ms,
            Jsonb(file.recipe.to_json()) if file.recipe else None,
            output_id,
            job_id,
        ),
    )
    return cursor.rowcount == 1 or await _refuse_stranger(conn, output_id, job_id)


async def fail(
    conn: AsyncConnection[TupleRow], output_id: OutputId, failure: Failure, *, job_id: JobId
) -> bool:
    """Make an output FAILED; return False, changing nothing, if it was terminal already.

    Raises:
        NotFound: The job has no such output.
    """
    cursor = await conn.execute(
        """
        UPDATE outputs
        SET state = 'FAILED', reason = %s, message = %s
        WHERE id = %s AND job_id = %s AND state IN ('QUEUED', 'CONVERTING')
        """,
        (failure.reason.value, failure.message, output_id, job_id),
    )
    return cursor.rowcount == 1 or await _refuse_stranger(conn, output_id, job_id)


async def skip(
    conn: AsyncConnection[TupleRow], output_id: OutputId, useless: Useless, *, job_id: JobId
) -> bool:
    """Make an output SKIPPED; return False, changing nothing, if it was terminal already.

    Raises:
        NotFound: The job has no such output.
        InvalidField: It is to be kept in any case.
    """
    cursor = await conn.execute(
        """
        UPDATE outputs
        SET state = 'SKIPPED', reason = %s, message = %s
        WHERE id = %s AND job_id = %s AND state IN ('QUEUED', 'CONVERTING')
        RETURNING better_id
        """,
        (Reason.LARGER_THAN_BETTER.value, useless.message, output_id, job_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return await _refuse_stranger(conn, output_id, job_id)
    if row[0] is None:
        raise InvalidField("skipped", "must not be said of an output that is kept in any case")
    return True


async def fail_rest(conn: AsyncConnection[TupleRow], job_id: JobId, failure: Failure) -> None:
    """Make every output that a job has not finished FAILED."""
    await conn.execute(
        """
        UPDATE outputs
        SET state = 'FAILED', reason = %s, message = %s
        WHERE job_id = %s AND state IN ('QUEUED', 'CONVERTING')
        """,
        (failure.reason.value, failure.message, job_id),
    )


async def skip_replaced(conn: AsyncConnection[TupleRow], job_ids: Sequence[JobId]) -> None:
    """Make every output SKIPPED that jobs of a replaced generation have not finished."""
    await conn.execute(
        """
        UPDATE outputs
        SET state = 'SKIPPED', reason = %s, message = %s
        WHERE job_id = ANY(%s) AND state IN ('QUEUED', 'CONVERTING')
        """,
        (Reason.JOB_FINISHED.value, REPLACED, list(job_ids)),
    )


async def has_open(conn: AsyncConnection[TupleRow], job_id: JobId) -> bool:
    """Return whether a job has an output that is not terminal."""
    cursor = await conn.execute(
        "SELECT FROM outputs WHERE job_id = %s AND state IN ('QUEUED', 'CONVERTING') LIMIT 1",
        (job_id,),
    )
    return await cursor.fetchone() is not None


async def tally(conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int) -> Tally:
    """Count the outputs of a generation; the picture must be locked, or the count is a guess."""
    cursor = await conn.execute(
        """
        SELECT count(*) FILTER (WHERE state IN ('QUEUED', 'CONVERTING')),
               count(*) FILTER (WHERE state IN ('QUEUED', 'CONVERTING') AND awaited),
               count(*) FILTER (WHERE state = 'READY'),
               (array_agg(reason ORDER BY id) FILTER (WHERE state = 'FAILED'))[1],
               (array_agg(message ORDER BY id) FILTER (WHERE state = 'FAILED'))[1]
        FROM outputs
        WHERE image_id = %s AND generation = %s
        """,
        (image_id, generation),
    )
    row = await cursor.fetchone()
    assert row is not None  # aggregates without GROUP BY have one row
    open, awaited_open, ready, reason, message = row
    return Tally(
        open=open,
        awaited_open=awaited_open,
        ready=ready,
        first_failure=(
            None if reason is None else Failure(reason=Reason(reason), message=message or "")
        ),
    )


async def of_generation(
    conn: AsyncConnection[TupleRow], image_id: ImageId, generation: int
) -> list[Output]:
    """Return the outputs of a generation in the profile's order.

    The caller has fetched the picture, and so checked the permission, in this transaction.
    """
    async with conn.cursor(row_factory=kwargs_row(output_of)) as cursor:
        await cursor.execute(
            """
            SELECT o.id, o.generation, o.spec, o.state, o.reason, o.message, o.object_key, o.width,
                   o.height, o.size_bytes, o.sha256, o.encode_cpu_ms, o.ready_at,
                   (o.recipe ->> 'quality')::integer AS found_quality,
                   (o.recipe ->> 'score')::float8 AS score, l.public_base_url
            FROM outputs o
            JOIN storage_locations l ON l.team_id = o.team_id AND l.id = o.location_id
            WHERE o.image_id = %s AND o.generation = %s
            ORDER BY o.id
            """,
            (image_id, generation),
        )
        return await cursor.fetchall()


async def _refuse_stranger(
    conn: AsyncConnection[TupleRow], output_id: OutputId, job_id: JobId
) -> bool:
    cursor = await conn.execute(
        "SELECT FROM outputs WHERE id = %s AND job_id = %s", (output_id, job_id)
    )
    if await cursor.fetchone() is None:
        raise NotFound.of("Output", output_id)
    return False


def output_of(
    *,
    spec: Mapping[str, Any],
    state: str,
    reason: str | None,
    message: str | None,
    ready_at: datetime | None,
    id: OutputId,
    generation: int,
    public_base_url: str,
    found_quality: int | None = None,
    score: float | None = None,
    recipe: Recipe | None = None,
    **columns: Any,
) -> Output:
    """Make an output of its columns and those of its location; `recipe` may be among them."""
    file = StoredFile(**columns, recipe=recipe) if ready_at else None
    if recipe is not None:
        found_quality, score = recipe.quality, recipe.score
    return Output(
        id=id,
        generation=generation,
        spec=OutputSpec.from_json(spec),
        state=OutputState(state),
        reason=reason or "",
        message=message or "",
        file=file,
        url=public_url(public_base_url, file.object_key) if file and public_base_url else "",
        ready_time=ready_at,
        found_quality=found_quality,
        score=score,
    )
