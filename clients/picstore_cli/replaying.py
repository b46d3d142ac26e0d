"""Doing a picture's jobs once more on this machine, and comparing what comes of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from picstore.catalog.v1.conversion_pb2 import Recipe
from picstore.catalog.v1.explanation_pb2 import (
    ExplainedGeneration,
    ExplainedJob,
    ExplainedOutput,
    ExplainImageRequest,
)
from picstore.catalog.v1.image_pb2 import Output
from picstore_cli.explaining import drawing_text, signal_name, spec_text
from picstore_cli.originals import Wanted
from picstore_client import PicStoreClient
from picstore_client.methods import EXPLAIN_IMAGE
from picstore_kit.errors import FailedPrecondition, NotFound, PermissionDenied, Reason
from picstore_kit.ids import ImageId, LocationId, OutputId

if TYPE_CHECKING:  # the converter is loaded when something is replayed, and only then
    from picstore_converter.replay import Made, NotMade
    from picstore_kit.sandbox.limits import SandboxLimits

_PLAYED: Final = frozenset(
    {Output.STATE_QUEUED, Output.STATE_CONVERTING, Output.STATE_READY, Output.STATE_FAILED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """An output, or a drawing, as it is recorded, and what came of it here."""

    id: str
    """The output's; or of the job that draws."""
    what: str
    """Such as `avif 960×640`."""
    is_drawing: bool
    sha256: str
    """As recorded; empty where nothing is stored to compare with."""
    reason: str
    """As recorded, of one that was not made."""
    recipe: Recipe | None
    """As recorded."""
    result: Made | NotMade

    @property
    def verdict(self) -> str:
        """`same` or `differs`, `made` where nothing is recorded to compare, `failed` or `died`."""
        from picstore_converter.replay import NotMade

        if isinstance(self.result, NotMade):
            return "failed" if self.result.death is None else "died"
        if not self.sha256:
            return "made"
        return "same" if self.sha256 == self.result.sha256 else "differs"

    @property
    def note(self) -> str:
        """What is to be known of a difference that need not be one of versions."""
        if self.verdict != "differs" or self.recipe is None or not self.recipe.metric:
            return ""
        if self.recipe.HasField("start_quality"):
            return ""
        return (
            "its recipe, from before that was kept, does not say where the search for its quality "
            "began; here it began at what it came to then"
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        from picstore_converter.replay import NotMade

        recipe, result = self.recipe or Recipe(), self.result
        told: dict[str, Any] = {
            "job_id" if self.is_drawing else "output_id": self.id,
            "verdict": self.verdict,
            "recorded": {
                "sha256": self.sha256,
                "reason": self.reason,
                "cpu_ms": recipe.cpu_ms,
                "peak_rss_bytes": recipe.peak_rss_bytes,
                "encoder": f"{recipe.encoder} {recipe.encoder_version}".strip(),
            },
        }
        if self.note:
            told["note"] = self.note
        if isinstance(result, NotMade):
            told |= {"reason": result.reason.value, "message": result.message}
            if result.death is not None:
                told["death"] = {
                    "signal": signal_name(result.death.signal) if result.death.signal else "",
                    "exit_code": result.death.exit_code,
                    "limit": result.death.limit,
                    "peak_rss_bytes": result.death.peak_rss_bytes,
                    "output": result.death.output,
                }
            return told
        return told | {
            "sha256": result.sha256,
            "size_bytes": result.size_bytes,
            "recipe": result.recipe.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What of a generation is to be done once more."""

    image_id: str
    generation: ExplainedGeneration
    drawings: tuple[ExplainedJob, ...]
    output_ids: frozenset[str]

    @property
    def originals(self) -> Iterator[Wanted]:
        """What it is made of."""
        if self.output_ids:
            yield Wanted(
                image_id=self.image_id,
                generation=self.generation.generation,
                facts=self.generation.source,
            )
        for job in self.drawings:
            for source in (job.render.base, *job.render.images):
                yield Wanted(
                    image_id=source.image_id, generation=source.generation, facts=source.source
                )


async def plan_of(client: PicStoreClient, image_id: str, only: Collection[str]) -> Plan:
    """Plan to replay the newest generation of a picture, or of one that has them those of `only`.

    These are outputs, and jobs that draw.

    Raises:
        NotFound: The picture has no original yet, or no such output or drawing.
        PermissionDenied: The caller may not know what it is drawn from.
    """
    explanation = await client.call(EXPLAIN_IMAGE, ExplainImageRequest(image_id=image_id))
    if not explanation.generations:
        raise NotFound(Reason.RESOURCE_NOT_FOUND, "the picture has no original yet")
    wanted = set(only)
    for generation in explanation.generations:
        outputs = {one.output.id: one for one in generation.outputs}
        drawings = {job.id: job for job in generation.jobs if job.HasField("render")}
        if wanted <= {*outputs, *drawings}:
            break
    else:
        raise NotFound(
            Reason.RESOURCE_NOT_FOUND, "no generation of the picture has all that is named"
        )
    drawn = [job for job in drawings.values() if not wanted or job.id in wanted]
    if drawn and explanation.abridged:
        raise PermissionDenied(
            Reason.PERMISSION_MISSING,
            "drawing it once more needs the permission image:original; outputs that --only names "
            "can be made without it where --file names the original",
            metadata={"permission": "image:original"},
        )
    played = {id for id, one in outputs.items() if one.job_id and one.output.state in _PLAYED}
    return Plan(
        image_id=image_id,
        generation=generation,
        drawings=tuple(drawn),
        output_ids=frozenset(outputs.keys() & wanted if wanted else played),
    )


async def replay_jobs(
    plan: Plan,
    originals: Mapping[str, Path],
    *,
    scratch: Path,
    keep: Path | None,
    fonts_dir: Path | None,
) -> list[Replayed]:
    """Do what is planned, each job by itself, with the limits of the last time.

    `originals` are files by their hashes.

    Raises:
        FailedPrecondition: What makes pictures is not installed.
    """
    from picstore_converter.replay import missing

    if absent := missing():
        raise FailedPrecondition(
            Reason.STATE_WRONG,
            f"pictures cannot be made here: {', '.join(absent)} is not installed; "
            "`pip install 'picstore[converter]'` brings it",
        )
    replayed = [
        await _redrawn(
            plan.generation, job, originals, scratch=scratch, keep=keep, fonts_dir=fonts_dir
        )
        for job in plan.drawings
    ]
    for job in plan.generation.jobs:
        replayed += await _made_again(
            plan, job, originals, scratch=scratch, keep=keep, fonts_dir=fonts_dir
        )
    return replayed


async def _made_again(
    plan: Plan,
    job: ExplainedJob,
    originals: Mapping[str, Path],
    *,
    scratch: Path,
    keep: Path | None,
    fonts_dir: Path | None,
) -> list[Replayed]:
    """Make those of a job's outputs that are planned."""
    from picstore_converter import mapping
    from picstore_converter.model import WantedOutput
    from picstore_converter.replay import replay

    generation = plan.generation
    explained = {OutputId(one.output.id): one for one in generation.outputs if one.job_id == job.id}
    wanted = explained.keys() & plan.output_ids
    if not wanted:
        return []
    results = await replay(
        originals[generation.source.sha256],
        mapping.facts_from(generation.source),
        [
            WantedOutput(
                id=output_id, spec=mapping.spec_from(one.output.spec), start_quality=_start(one)
            )
            for output_id, one in explained.items()
        ],
        only=wanted,
        limits=_limits(generation),
        scratch=scratch,
        keep=keep,
        fonts_dir=fonts_dir,
    )
    return [
        Replayed(
            id=output_id,
            what=spec_text(one.output),
            is_drawing=False,
            sha256=one.output.sha256,
            reason=one.output.reason,
            recipe=one.recipe if one.HasField("recipe") else None,
            result=results[output_id],
        )
        for output_id, one in explained.items()
        if output_id in results
    ]


def _start(one: ExplainedOutput) -> int | None:
    """Say where a search begins: where it began, or, where that was not kept, at its result.

    From there it mostly comes to the same again, but not always.
    """
    if one.recipe.HasField("start_quality"):
        return one.recipe.start_quality
    return one.recipe.quality or None


async def _redrawn(
    generation: ExplainedGeneration,
    job: ExplainedJob,
    originals: Mapping[str, Path],
    *,
    scratch: Path,
    keep: Path | None,
    fonts_dir: Path | None,
) -> Replayed:
    from picstore_converter import mapping
    from picstore_converter.model import LayerSource, Rendering
    from picstore_converter.replay import redraw
    from picstore_imaging.geometry import Point
    from picstore_imaging.overlay.template import Overlay

    render = job.render
    point = render.focal_point
    rendering = Rendering(
        overlay=Overlay.from_json(json.loads(render.overlay)),
        focal_point=Point(point.x, point.y) if render.HasField("focal_point") else None,
        images=tuple(
            LayerSource(
                id=ImageId(layer.image_id),
                location=LocationId(""),
                key="",
                facts=mapping.facts_from(layer.source),
            )
            for layer in render.images
        ),
        object_key="",
        abandoned_keys=(),
    )
    result = await redraw(
        originals[render.base.source.sha256],
        mapping.facts_from(render.base.source),
        rendering,
        {ImageId(layer.image_id): originals[layer.source.sha256] for layer in render.images},
        limits=_limits(generation),
        scratch=scratch,
        keep=None if keep is None else keep / f"{job.id}.png",
        fonts_dir=fonts_dir,
    )
    return Replayed(
        id=job.id,
        what=drawing_text(generation),
        is_drawing=True,
        sha256=generation.source.sha256,
        reason=job.failure_reason if job.state == ExplainedJob.STATE_FAILED else "",
        recipe=render.recipe if render.HasField("recipe") else None,
        result=result,
    )


def _limits(generation: ExplainedGeneration) -> SandboxLimits:
    """Return what the child may use: what the last one that died might, or a converter's usual."""
    from picstore_converter.settings import ConversionSettings, limits_of
    from picstore_kit.sandbox.limits import SandboxLimits

    deaths = [death for job in generation.jobs for death in job.deaths]
    if not deaths or not deaths[-1].limits.memory_bytes:
        return limits_of(ConversionSettings())
    told = deaths[-1].limits
    return SandboxLimits(
        memory_bytes=told.memory_bytes,
        cpu_s=told.cpu_seconds,
        wall_s=told.wall_seconds,
        file_bytes=told.file_bytes,
        open_files=told.open_files,
    )
