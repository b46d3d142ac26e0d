"""The ledger of jobs in Postgres.

A transition is: `lock` the row, ask `picstore_catalog.model.job` what becomes of it, `save` that.
The lock makes it a compare-and-set on the number of the attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, kwargs_row
from psycopg.types.json import Jsonb

from picstore_catalog.model.child_death import ChildDeath
from picstore_catalog.model.ingest import NewJob
from picstore_catalog.model.job import Failure, Job, JobKind, JobState, Lane
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import NotFound, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, TeamId


async def clock(conn: AsyncConnection[TupleRow]) -> datetime:
    """Return the database's time; ask after locking, as a lock may take a while to get."""
    cursor = await conn.execute("SELECT clock_timestamp()")
    row = await cursor.fetchone()
    assert row is not None  # a select without FROM has one row
    now: datetime = row[0]
    return now


async def insert(
    conn: AsyncConnection[TupleRow],
    new: NewJob,
    *,
    team_id: TeamId,
    image_id: ImageId,
    generation: int,
    outputs_location_id: LocationId,
    output_key_prefix: str,
    grace: timedelta,
) -> Job:
    """Queue a job; the sweeper leaves it to the bus for the time of `grace`."""
    async with conn.cursor(row_factory=kwargs_row(_job)) as cursor:
        await cursor.execute(
            """
            INSERT INTO jobs (id, team_id, image_id, generation, lane, kind, render,
                              outputs_location_id, output_key_prefix, sweep_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() + %s)
            RETURNING id, team_id, image_id, generation, lane, kind, outputs_location_id,
                      output_key_prefix, state, attempt, child_deaths, worker, run_at, lease_until,
                      sweep_at, sweeps, failure_reason, failure_message
            """,
            (
                new.id,
                team_id,
                image_id,
                generation,
                new.lane.value,
                (JobKind.RENDER if new.render else JobKind.CONVERT).value,
                Jsonb(new.render.to_json()) if new.render else None,
                outputs_location_id,
                output_key_prefix,
                grace,
            ),
        )
        row = await cursor.fetchone()
    assert row is not None  # the insert either returned it or raised
    return row


async def lock(conn: AsyncConnection[TupleRow], job_id: JobId) -> Job:
    """Lock a job for a transition.

    Raises:
        NotFound: There is no such job within the transaction's reach.
    """
    async with conn.cursor(row_factory=kwargs_row(_job)) as cursor:
        await cursor.execute(
            """
            SELECT id, team_id, image_id, generation, lane, kind, outputs_location_id,
                   output_key_prefix, state, attempt, child_deaths, worker, run_at, lease_until,
                   sweep_at, sweeps, failure_reason, failure_message
            FROM jobs
            WHERE id = %s
            FOR NO KEY UPDATE
            """,
            (job_id,),
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound.of("Job", job_id)
    return row


async def lock_next_to_sweep(conn: AsyncConnection[TupleRow]) -> Job | None:
    """Lock the job whose time to be swept came first and that nobody else has locked.

    By `now()`, the begin of the transaction: the index knows nothing of a clock that goes on.
    """
    async with conn.cursor(row_factory=kwargs_row(_job)) as cursor:
        await cursor.execute(
            """
            SELECT id, team_id, image_id, generation, lane, kind, outputs_location_id,
                   output_key_prefix, state, attempt, child_deaths, worker, run_at, lease_until,
                   sweep_at, sweeps, failure_reason, failure_message
            FROM jobs
            WHERE sweep_at <= now()
            ORDER BY sweep_at
            LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
            """
        )
        row = await cursor.fetchone()
    return row


async def time_to_next_sweep(conn: AsyncConnection[TupleRow]) -> timedelta | None:
    """Return how long from now the next job is to be swept; None where there is none."""
    cursor = await conn.execute("SELECT min(sweep_at) - clock_timestamp() FROM jobs")
    row = await cursor.fetchone()
    pause: timedelta | None = row[0] if row is not None else None
    return pause


async def save(conn: AsyncConnection[TupleRow], job: Job) -> None:
    """Write what became of a locked job."""
    failure = job.failure
    await conn.execute(
        """
        UPDATE jobs
        SET state = %(state)s,
            attempt = %(attempt)s,
            child_deaths = %(child_deaths)s,
            worker = %(worker)s,
            run_at = %(run_at)s,
            lease_until = %(lease_until)s,
            sweep_at = %(sweep_at)s,
            sweeps = %(sweeps)s,
            failure_reason = %(failure_reason)s,
            failure_message = %(failure_message)s,
            updated_at = clock_timestamp()
        WHERE id = %(id)s
        """,
        {
            "id": job.id,
            "state": job.state.value,
            "attempt": job.attempt,
            "child_deaths": job.child_deaths,
            "worker": job.worker,
            "run_at": job.run_at,
            "lease_until": job.lease_until,
            "sweep_at": job.sweep_at,
            "sweeps": job.sweeps,
            "failure_reason": failure.reason.value if failure else None,
            "failure_message": failure.message if failure else None,
        },
    )


async def count_other_deaths(conn: AsyncConnection[TupleRow], job: Job) -> int:
    """Count the children that other jobs of the same original have lost."""
    cursor = await conn.execute(
        """
        SELECT coalesce(sum(child_deaths), 0)::integer
        FROM jobs
        WHERE image_id = %s AND generation = %s AND id <> %s
        """,
        (job.image_id, job.generation, job.id),
    )
    row = await cursor.fetchone()
    assert row is not None  # an aggregate always has a row
    count: int = row[0]
    return count


async def add_death(conn: AsyncConnection[TupleRow], job_id: JobId, death: ChildDeath) -> None:
    """Keep what is known of a child that a locked job has killed."""
    await conn.execute(
        "UPDATE jobs SET deaths = deaths || %s WHERE id = %s", (Jsonb([death.to_json()]), job_id)
    )


async def set_recipe(conn: AsyncConnection[TupleRow], job_id: JobId, recipe: Recipe) -> None:
    """Keep how a locked job drew its original."""
    await conn.execute(
        "UPDATE jobs SET recipe = %s WHERE id = %s", (Jsonb(recipe.to_json()), job_id)
    )


async def is_stale(conn: AsyncConnection[TupleRow], job: Job) -> bool:
    """Return whether what a locked job would make is of no use any more."""
    cursor = await conn.execute(
        """
        SELECT FROM images
        WHERE team_id = %s AND id = %s AND %s NOT IN (generation, pending_generation)
        """,
        (job.team_id, job.image_id, job.generation),
    )
    return await cursor.fetchone() is not None


async def close_stale(conn: AsyncConnection[TupleRow], image_id: ImageId) -> list[JobId]:
    """Close the jobs of a locked picture whose outputs are of no use any more; return which.

    A job that somebody else has locked is left to them, or to the sweeper: jobs are locked before
    pictures, so waiting for it could be for ever.
    """
    cursor = await conn.execute(
        """
        UPDATE jobs
        SET state = 'DONE', lease_until = NULL, sweep_at = NULL, updated_at = clock_timestamp()
        WHERE id IN (
            SELECT j.id
            FROM jobs j
            JOIN images i ON i.team_id = j.team_id AND i.id = j.image_id
            WHERE i.id = %s AND j.generation NOT IN (i.generation, i.pending_generation)
              AND j.state IN ('QUEUED', 'RUNNING')
            FOR NO KEY UPDATE OF j SKIP LOCKED
        )
        RETURNING id
        """,
        (image_id,),
    )
    return [JobId(id) for (id,) in await cursor.fetchall()]


def _job(
    *,
    lane: str,
    kind: str,
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    **columns: Any,
) -> Job:
    return Job(
        lane=Lane(lane),
        kind=JobKind(kind),
        state=JobState(state),
        failure=(
            Failure(reason=Reason(failure_reason), message=failure_message or "")
            if failure_reason
            else None
        ),
        **columns,
    )
