"""What a worker is handed with a job."""

from __future__ import annotations

from dataclasses import dataclass

from picstore_catalog.model.image import Original
from picstore_catalog.model.job import Job
from picstore_imaging.plan import OutputSpec
from picstore_kit.ids import OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """The original that a job works on, and how its outputs are sent."""

    original: Original
    cache_control: str
    """Of the outputs; empty for the default."""
    wants_placeholder: bool
    is_stale: bool
    """Whether its outputs are of no use any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOutput:
    """An output that is still to be made."""

    id: OutputId
    spec: OutputSpec
    better_id: OutputId | None = None
    """Beside which it is of no use if it is much larger; None where it is kept in any case."""
    better_size_bytes: int = 0
    """Of that one, or of what is better than it where it is not kept; 0 while it is not made."""
    skip_if_larger_percent: int = 0
    start_quality: int | None = None
    """Where the search for an automatic quality is to begin; None where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job in the hands of one worker."""

    job: Job
    order: WorkOrder
    outputs: tuple[WantedOutput, ...]
    """Still to be made, cheap ones first."""
