"""What there is to explain of a picture, in Postgres.

The caller has fetched the picture, and so checked the permission, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from picstore_catalog.model.child_death import ChildDeath
from picstore_catalog.model.explanation import ExplainedGeneration, ExplainedJob, ExplainedOutput
from picstore_catalog.model.image import Original
from picstore_catalog.model.job import Failure, JobState, Lane
from picstore_catalog.repo import output as outputs
from picstore_imaging.formats import SourceFormat
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import Reason
from picstore_kit.ids import ImageId


async def generations(
    conn: AsyncConnection[TupleRow], image_id: ImageId
) -> tuple[ExplainedGeneration, ...]:
    """Return the served generation, the pending one and the newest, as far as they are there."""
    found = await _rows(
        conn,
        """
        SELECT o.generation, o.filename, o.location_id, o.object_key, o.format, o.width, o.height,
               o.frames, o.has_alpha, o.has_gps, o.trailing_bytes, o.size_bytes, o.sha256,
               o.conversion_profile_id, o.conversion_profile_revision, o.committed_at
        FROM originals o
        JOIN images i ON i.team_id = o.team_id AND i.id = o.image_id
            AND o.generation IN (i.generation, i.pending_generation, i.last_generation)
        WHERE o.image_id = %(image_id)s
        ORDER BY o.generation DESC
        """,
        {"image_id": image_id},
    )
    numbers = {"image_id": image_id, "generations": [row["generation"] for row in found]}
    made = await _rows(
        conn,
        """
        SELECT o.id, o.generation, o.job_id, o.awaited, o.estimated_cpu_ms, o.spec, o.state,
               o.reason, o.message, o.object_key, o.width, o.height, o.size_bytes, o.sha256,
               o.encode_cpu_ms, o.recipe, o.ready_at, l.public_base_url
        FROM outputs o
        JOIN storage_locations l ON l.team_id = o.team_id AND l.id = o.location_id
        WHERE o.image_id = %(image_id)s AND o.generation = ANY(%(generations)s)
        ORDER BY o.id
        """,
        numbers,
    )
    jobs = await _rows(
        conn,
        """
        SELECT id, generation, lane, state, attempt, failure_reason, failure_message, worker,
               run_at, child_deaths, deaths
        FROM jobs
        WHERE image_id = %(image_id)s AND generation = ANY(%(generations)s)
        ORDER BY id
        """,
        numbers,
    )
    return tuple(_generation(row, made, jobs) for row in found)


async def _rows(
    conn: AsyncConnection[TupleRow], statement: Any, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


def _generation(
    row: dict[str, Any], made: Sequence[dict[str, Any]], jobs: Sequence[dict[str, Any]]
) -> ExplainedGeneration:
    own = {
        name: row.pop(name)
        for name in (
            "generation",
            "filename",
            "conversion_profile_id",
            "conversion_profile_revision",
            "committed_at",
        )
    }
    format = SourceFormat(row.pop("format"))
    return ExplainedGeneration(
        **own,
        original=Original(format=format, **row),
        outputs=tuple(_output(**m) for m in made if m["generation"] == own["generation"]),
        jobs=tuple(_job(**job) for job in jobs if job["generation"] == own["generation"]),
    )


def _output(
    *,
    job_id: Any,
    awaited: bool,
    estimated_cpu_ms: int,
    recipe: Mapping[str, Any] | None,
    **columns: Any,
) -> ExplainedOutput:
    return ExplainedOutput(
        output=outputs.output_of(
            **columns, recipe=None if recipe is None else Recipe.from_json(recipe)
        ),
        job_id=job_id,
        awaited=awaited,
        estimated_cpu_ms=estimated_cpu_ms,
    )


def _job(
    *,
    generation: int,
    lane: str,
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    run_at: datetime,
    deaths: Sequence[Mapping[str, Any]],
    **columns: Any,
) -> ExplainedJob:
    return ExplainedJob(
        lane=Lane(lane),
        state=JobState(state),
        failure=(
            Failure(reason=Reason(failure_reason), message=failure_message or "")
            if failure_reason
            else None
        ),
        run_at=run_at,
        deaths=tuple(map(ChildDeath.from_json, deaths)),
        **columns,
    )
