"""How a picture's outputs came to be, or why they did not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from picstore_catalog.model.child_death import ChildDeath
from picstore_catalog.model.derived import DerivedFrom
from picstore_catalog.model.image import Image, Original
from picstore_catalog.model.job import MAX_CHILD_DEATHS, Failure, JobState, Lane
from picstore_catalog.model.output import Output
from picstore_catalog.model.render import Render
from picstore_imaging.recipe import Recipe
from picstore_kit.ids import ConversionProfileId, ImageId, JobId, OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedOutput:
    """An output, with what else is known of it; its file has its recipe."""

    output: Output
    job_id: JobId | None
    awaited: bool
    estimated_cpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSource:
    """An original that another is drawn from."""

    image_id: ImageId
    generation: int
    """The one of the picture's whose original was taken; 0 where that is gone."""
    original: Original | None
    """None where nobody is to be told of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRender:
    """What the original of a derived picture is drawn from, and how it was."""

    render: Render
    derived_from: DerivedFrom
    base: RenderSource
    images: tuple[RenderSource, ...]
    recipe: Recipe | None
    """None until it is drawn."""

    def abridged(self) -> ExplainedRender:
        """Leave out what is known of the originals."""
        return replace(
            self,
            base=replace(self.base, original=None),
            images=tuple(replace(one, original=None) for one in self.images),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedJob:
    """A job, as far as it explains outputs, or an original that was to be drawn."""

    id: JobId
    lane: Lane
    state: JobState
    attempt: int
    failure: Failure | None
    """Of the last attempt that failed."""
    worker: str
    run_at: datetime
    child_deaths: int
    deaths: tuple[ChildDeath, ...]
    """Those that were told of in full, oldest first."""
    render: ExplainedRender | None
    """What it draws; None where it makes outputs."""

    def abridged(self) -> ExplainedJob:
        """Leave out what is for those who reproduce a failure: it may name paths of a converter."""
        return replace(
            self,
            deaths=tuple(death.abridged() for death in self.deaths),
            render=self.render and self.render.abridged(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Why an original is not tried again."""

    job_ids: tuple[JobId, ...]
    failure: Failure
    suspects: tuple[OutputId, ...]
    """What the processes were at when they died, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An original, and by what its outputs are made."""

    original: Original
    conversion_profile_id: ConversionProfileId
    conversion_profile_revision: int
    committed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedGeneration:
    """One original of a picture, and what was made of it."""

    generation: int
    filename: str
    accepted: Accepted | None
    """None while the original is not drawn, or where it could not be."""
    outputs: tuple[ExplainedOutput, ...]
    jobs: tuple[ExplainedJob, ...]

    @property
    def quarantine(self) -> Quarantine | None:
        """Whether a job is given up for the processes that it and the others killed."""
        killers = [
            job
            for job in self.jobs
            if job.state is JobState.FAILED and job.child_deaths and job.failure
        ]
        deaths = sum(job.child_deaths for job in self.jobs)
        if not killers or deaths < MAX_CHILD_DEATHS:
            return None
        suspects = {
            death.report.output_ids[0]: None
            for job in self.jobs
            for death in job.deaths
            if death.report.output_ids
        }
        failure = killers[-1].failure
        assert failure is not None  # asked for above
        return Quarantine(
            job_ids=tuple(job.id for job in killers), failure=failure, suspects=tuple(suspects)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A picture, and all of its generations that are of interest, newest first."""

    image: Image
    generations: tuple[ExplainedGeneration, ...]
    is_abridged: bool = False

    def abridged(self) -> Explanation:
        """Leave out what only serves to reproduce things."""
        return replace(
            self,
            generations=tuple(
                replace(one, jobs=tuple(job.abridged() for job in one.jobs))
                for one in self.generations
            ),
            is_abridged=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOriginal:
    """Where an original can be read for a while."""

    url: str = field(repr=False)
    """Whoever has it needs no credential."""
    expiry: datetime
    filename: str
    generation: int
    original: Original
