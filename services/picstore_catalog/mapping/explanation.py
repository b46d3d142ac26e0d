"""What explains a picture, on the wire."""

from __future__ import annotations

import json
from typing import Final

from picstore.catalog.v1 import (
    conversion_pb2,
    explanation_pb2,
    image_pb2,
    image_service_pb2,
)
from picstore_catalog.mapping.image import optional_timestamp, output_message, state_number
from picstore_catalog.mapping.ingest import facts_message
from picstore_catalog.mapping.recipe import recipe_message
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.child_death import ChildDeath, ChildLimits, CrashReport
from picstore_catalog.model.explanation import (
    ExplainedGeneration,
    ExplainedJob,
    ExplainedOutput,
    ExplainedRender,
    Explanation,
    Quarantine,
    RenderSource,
    SignedOriginal,
)
from picstore_catalog.model.image import ImageState
from picstore_kit.errors import InvalidField
from picstore_kit.ids import OutputId, parse_id

_MAX_PRINTED: Final = 2000
_MAX_WORD: Final = 200
_MAX_ENTRIES: Final = 20
_MAX_OUTPUTS: Final = 1000
_LIMITS: Final = frozenset({"", "memory", "cpu", "wall", "file_size"})


def explanation_message(explanation: Explanation) -> explanation_pb2.ExplainImageResponse:
    """Return what explains a picture."""
    image = explanation.image
    return explanation_pb2.ExplainImageResponse(
        image_id=image.id,
        state=state_number(image.state),
        failure_reason=image.failure.reason.value if image.failure else "",
        failure_message=image.failure.message if image.failure else "",
        generations=[
            _generation(
                one,
                served=image.state is ImageState.READY and one.generation == image.generation,
                pending=one.generation == image.pending_generation,
            )
            for one in explanation.generations
        ],
        abridged=explanation.is_abridged,
    )


def signed_message(signed: SignedOriginal) -> image_service_pb2.SignOriginalResponse:
    """Return where an original can be read."""
    return image_service_pb2.SignOriginalResponse(
        url=signed.url,
        expire_time=timestamp(signed.expiry),
        filename=signed.filename,
        sha256=signed.original.sha256.hex(),
        size_bytes=signed.original.size_bytes,
        generation=signed.generation,
    )


def read_crash(message: conversion_pb2.ChildDeath) -> CrashReport:
    """Read what a worker says of a child that died.

    Raises:
        InvalidField: It is too long, or impossible.
    """
    for field, entries in (("versions", message.versions), ("sandbox", message.sandbox)):
        short = all(
            len(text) <= _MAX_WORD and text.isprintable()
            for name, value in entries.items()
            for text in (name, value)
        )
        if len(entries) > _MAX_ENTRIES or not short:
            raise InvalidField(f"death.{field}", "must be a few short entries")
    if message.limit not in _LIMITS:
        raise InvalidField("death.limit", "must be one that there is")
    if len(message.output_ids) > _MAX_OUTPUTS:
        raise InvalidField("death.output_ids", f"must be at most {_MAX_OUTPUTS}")
    if message.peak_rss_bytes < 0 or message.signal < 0:
        raise InvalidField("death", "must not have negative numbers")
    printed = "".join(c for c in message.output if c.isprintable() or c == "\n")
    limits = message.limits
    return CrashReport(
        signal=message.signal,
        exit_code=message.exit_code if message.HasField("exit_code") else None,
        limit=message.limit,
        output=printed[-_MAX_PRINTED:],
        peak_rss_bytes=message.peak_rss_bytes,
        output_ids=tuple(
            parse_id(OutputId, text, field="death.output_ids") for text in message.output_ids
        ),
        limits=ChildLimits(
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            wall_seconds=limits.wall_seconds,
            file_bytes=limits.file_bytes,
            open_files=limits.open_files,
        ),
        versions=dict(message.versions),
        sandbox=dict(message.sandbox),
    )


def _generation(
    one: ExplainedGeneration, *, served: bool, pending: bool
) -> explanation_pb2.ExplainedGeneration:
    accepted = one.accepted
    return explanation_pb2.ExplainedGeneration(
        generation=one.generation,
        served=served,
        pending=pending,
        filename=one.filename,
        source=facts_message(accepted.original) if accepted else None,
        conversion_profile_id=accepted.conversion_profile_id if accepted else "",
        conversion_profile_revision=accepted.conversion_profile_revision if accepted else 0,
        commit_time=timestamp(accepted.committed_at) if accepted else None,
        outputs=[_output(output) for output in one.outputs],
        jobs=[_job(job) for job in one.jobs],
        quarantine=_quarantine(one.quarantine) if one.quarantine else None,
    )


def _output(explained: ExplainedOutput) -> explanation_pb2.ExplainedOutput:
    file = explained.output.file
    return explanation_pb2.ExplainedOutput(
        output=output_message(explained.output),
        job_id=explained.job_id or "",
        awaited=explained.awaited,
        estimated_cpu_ms=explained.estimated_cpu_ms,
        recipe=recipe_message(file.recipe) if file and file.recipe else None,
    )


def _job(job: ExplainedJob) -> explanation_pb2.ExplainedJob:
    return explanation_pb2.ExplainedJob(
        id=job.id,
        lane=job.lane.value,
        state=explanation_pb2.ExplainedJob.State.Value(f"STATE_{job.state.name}"),
        attempt=job.attempt,
        failure_reason=job.failure.reason.value if job.failure else "",
        failure_message=job.failure.message if job.failure else "",
        worker=job.worker,
        run_time=optional_timestamp(job.run_at),
        child_deaths=job.child_deaths,
        deaths=[_death(death) for death in job.deaths],
        render=_render(job.render) if job.render else None,
    )


def _render(explained: ExplainedRender) -> explanation_pb2.ExplainedRender:
    derived, point = explained.derived_from, explained.render.focal_point
    return explanation_pb2.ExplainedRender(
        overlay_template_id=derived.overlay_template_id,
        overlay_template_revision=derived.overlay_template_revision,
        variables=derived.variables,
        overlay=json.dumps(explained.render.overlay.to_json(), ensure_ascii=False),
        focal_point=None if point is None else image_pb2.FocalPoint(x=point.x, y=point.y),
        base=_render_source(explained.base),
        images=[_render_source(one) for one in explained.images],
        recipe=recipe_message(explained.recipe) if explained.recipe else None,
    )


def _render_source(source: RenderSource) -> explanation_pb2.RenderSource:
    return explanation_pb2.RenderSource(
        image_id=source.image_id,
        generation=source.generation,
        source=facts_message(source.original) if source.original else None,
    )


def _death(death: ChildDeath) -> conversion_pb2.ChildDeath:
    report = death.report
    limits = report.limits
    return conversion_pb2.ChildDeath(
        attempt=death.attempt,
        death_time=timestamp(death.time),
        worker=death.worker,
        reason=death.reason.value,
        message=death.message,
        signal=report.signal,
        exit_code=report.exit_code,
        limit=report.limit,
        output=report.output,
        peak_rss_bytes=report.peak_rss_bytes,
        output_ids=report.output_ids,
        limits=conversion_pb2.ChildLimits(
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            wall_seconds=limits.wall_seconds,
            file_bytes=limits.file_bytes,
            open_files=limits.open_files,
        ),
        versions=report.versions,
        sandbox=report.sandbox,
    )


def _quarantine(quarantine: Quarantine) -> explanation_pb2.Quarantine:
    return explanation_pb2.Quarantine(
        job_ids=quarantine.job_ids,
        reason=quarantine.failure.reason.value,
        message=quarantine.failure.message,
        suspect_output_ids=quarantine.suspects,
    )
