"""From a plan to rows: which outputs a new generation has, and which jobs make them.

The cheap outputs are one job on the fast lane; the dear ones are a second job on the slow lane,
which the generation does not wait for. Where all are dear there is one job, on the slow lane, and
the generation waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from picstore_catalog.model.job import Lane
from picstore_catalog.model.render import Render
from picstore_imaging.cost import estimate_cpu_ms, is_dear
from picstore_imaging.formats import SourceFormat
from picstore_imaging.plan import OutputSpec, PlannedOutput
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import JobId, OutputId, new_id

_IN_WORDS: Final = {
    Reason.CONDITION_NOT_MET: "the profile does not make this format of such an original",
    Reason.WOULD_ENLARGE: "the picture is smaller, and this size only reduces",
    Reason.WOULD_REDUCE: "the picture is larger, and this size only enlarges",
    Reason.WOULD_FREEZE: "the picture moves, and pages would show this still of it",
    Reason.LIMIT_SIDE: "a side would be longer than the format can have",
    Reason.LIMIT_PIXELS: "it would have more pixels than an output may have",
    Reason.SAME_AS_ANOTHER: "it would equal another output of the picture",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be queued."""

    id: JobId
    lane: Lane
    render: Render | None = None
    """What it draws; None where it makes outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutput:
    """An output to be made by a job, or skipped with the reason."""

    id: OutputId
    spec: OutputSpec
    job_id: JobId | None
    skipped: Reason | None
    message: str
    """Why it is skipped, in words; empty otherwise."""
    awaited: bool
    """Whether the generation is not whole without it."""
    estimated_cpu_ms: int
    better_id: OutputId | None = None
    """Made by the same job: beside it, this one is of no use if it is larger by more than the
    profile's percentage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The rows of one generation, outputs in the profile's order."""

    jobs: tuple[NewJob, ...]
    outputs: tuple[NewOutput, ...]


def lay_out(planned: Sequence[PlannedOutput], *, source: SourceFormat, frames: int = 1) -> Layout:
    """Give every planned output an id and a job; `frames` are those of an animation.

    Raises:
        FailedPrecondition: None of them would be made (PROFILE_YIELDS_NOTHING).
    """
    made = [output.spec for output in planned if output.skipped is None]
    if not made:
        raise FailedPrecondition(
            Reason.PROFILE_YIELDS_NOTHING,
            f"the conversion profile makes no output of this {source.value} picture",
            metadata={"format": source.value},
        )
    jobs = {
        lane: NewJob(id=new_id(JobId), lane=lane)
        for lane in (Lane.FAST, Lane.SLOW)
        if any(_lane(spec, frames) is lane for spec in made)
    }
    awaited_lane = next(iter(jobs))
    ids = [new_id(OutputId) for _ in planned]

    def better_id(output: PlannedOutput) -> OutputId | None:
        # What is served already is not taken back, so one that is made apart is not compared.
        if output.better is None:
            return None
        better = planned[output.better].spec
        return ids[output.better] if _lane(better, frames) is _lane(output.spec, frames) else None

    return Layout(
        jobs=tuple(jobs.values()),
        outputs=tuple(
            NewOutput(
                id=id,
                spec=output.spec,
                job_id=jobs[_lane(output.spec, frames)].id if output.skipped is None else None,
                skipped=output.skipped,
                message=_IN_WORDS[output.skipped] if output.skipped else "",
                awaited=output.skipped is None and _lane(output.spec, frames) is awaited_lane,
                estimated_cpu_ms=round(estimate_cpu_ms(output.spec, frames=frames)),
                better_id=better_id(output),
            )
            for id, output in zip(ids, planned, strict=True)
        ),
    )


def _lane(spec: OutputSpec, frames: int) -> Lane:
    return Lane.SLOW if is_dear(spec, frames=frames) else Lane.FAST
