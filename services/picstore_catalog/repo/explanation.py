"""What there is to explain of a picture, in Postgres.

The caller has fetched the picture, and so checked the permission, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from picstore_catalog.model.child_death import ChildDeath
from picstore_catalog.model.explanation import (
    Accepted,
    ExplainedGeneration,
    ExplainedJob,
    ExplainedOutput,
    ExplainedRender,
    RenderSource,
)
from picstore_catalog.model.image import Image, Original
from picstore_catalog.model.job import Failure, JobState, Lane
from picstore_catalog.model.render import Render
from picstore_catalog.repo import output as outputs
from picstore_imaging.formats import SourceFormat
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import Reason
from picstore_kit.ids import ConversionProfileId, ImageId

_Places: TypeAlias = Mapping[tuple[str, str], tuple[ImageId, int]]
"""Whose original, of which generation, an object is, by its location and key."""


async def generations(
    conn: AsyncConnection[TupleRow], image: Image
) -> tuple[ExplainedGeneration, ...]:
    """Return the served generation, the pending one and the newest, as far as they are there.

    One whose original is still to be drawn, or could not be, is there as well.
    """
    of_image = {"image_id": image.id}
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
        """,
        of_image,
    )
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
        {**of_image, "generations": [row["generation"] for row in found]},
    )
    jobs = await _rows(
        conn,
        """
        SELECT j.id, j.generation, j.lane, j.state, j.attempt, j.failure_reason,
               j.failure_message, j.worker, j.run_at, j.child_deaths, j.deaths, j.render, j.recipe
        FROM jobs j
        JOIN images i ON i.team_id = j.team_id AND i.id = j.image_id
            AND j.generation IN (i.generation, i.pending_generation, i.last_generation)
        WHERE j.image_id = %(image_id)s
        ORDER BY j.id
        """,
        of_image,
    )
    places = await _places_of(conn, jobs)
    accepted = {row["generation"]: row for row in found}
    numbers = sorted({*accepted, *(job["generation"] for job in jobs)}, reverse=True)
    return tuple(
        _generation(
            number,
            accepted.get(number),
            outputs=[_output(**row) for row in made if row["generation"] == number],
            jobs=[_job(image, places, **job) for job in jobs if job["generation"] == number],
            filename=image.filename,
        )
        for number in numbers
    )


async def _places_of(conn: AsyncConnection[TupleRow], jobs: Sequence[Mapping[str, Any]]) -> _Places:
    """Find the originals that these jobs draw from, as far as they are still there."""
    stored = [
        original
        for job in jobs
        if (render := job["render"])
        for original in (render["base"], *(layer["original"] for layer in render["images"]))
    ]
    if not stored:
        return {}
    cursor = await conn.execute(
        """
        SELECT o.location_id, o.object_key, o.image_id, o.generation
        FROM originals o
        JOIN unnest(%s::text[], %s::text[]) AS drawn (location_id, object_key)
            ON o.location_id = drawn.location_id AND o.object_key = drawn.object_key
        """,
        ([one["location_id"] for one in stored], [one["object_key"] for one in stored]),
    )
    return {
        (location, key): (ImageId(image_id), generation)
        for location, key, image_id, generation in await cursor.fetchall()
    }


async def _rows(
    conn: AsyncConnection[TupleRow], statement: Any, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


def _generation(
    generation: int,
    row: dict[str, Any] | None,
    *,
    outputs: Sequence[ExplainedOutput],
    jobs: Sequence[ExplainedJob],
    filename: str,
) -> ExplainedGeneration:
    """Put together what there is of one; `filename` is for one that has no original yet."""
    return ExplainedGeneration(
        generation=generation,
        filename=row["filename"] if row else filename,
        accepted=_accepted(**row) if row else None,
        outputs=tuple(outputs),
        jobs=tuple(jobs),
    )


def _accepted(
    *,
    generation: int,
    filename: str,
    format: str,
    conversion_profile_id: ConversionProfileId,
    conversion_profile_revision: int,
    committed_at: datetime,
    **columns: Any,
) -> Accepted:
    return Accepted(
        original=Original(format=SourceFormat(format), **columns),
        conversion_profile_id=conversion_profile_id,
        conversion_profile_revision=conversion_profile_revision,
        committed_at=committed_at,
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
    image: Image,
    places: _Places,
    *,
    generation: int,
    lane: str,
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    run_at: datetime,
    deaths: Sequence[Mapping[str, Any]],
    render: Mapping[str, Any] | None,
    recipe: Mapping[str, Any] | None,
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
        render=None if render is None else _render(image, places, Render.from_json(render), recipe),
        **columns,
    )


def _render(
    image: Image, places: _Places, render: Render, recipe: Mapping[str, Any] | None
) -> ExplainedRender:
    derived = image.derived_from
    assert derived is not None  # nothing else is drawn

    def source(image_id: ImageId, original: Original) -> RenderSource:
        owner, generation = places.get((original.location_id, original.object_key), (None, 0))
        return RenderSource(
            image_id=image_id,
            generation=generation if owner == image_id else 0,
            original=original,
        )

    return ExplainedRender(
        render=render,
        derived_from=derived,
        base=source(derived.image_id, render.base),
        images=tuple(source(layer.image_id, layer.original) for layer in render.images),
        recipe=None if recipe is None else Recipe.from_json(recipe),
    )
