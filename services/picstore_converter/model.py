"""What a conversion is, and what an error makes of it. Pure: no I/O, no proto."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.plan import OutputSpec
from picstore_kit.errors import Code, NotFound, PicstoreError, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOutput:
    """One output that is still to be made."""

    id: OutputId
    spec: OutputSpec
    better_id: OutputId | None = None
    """Beside which it is of no use if it is much larger; None where it is kept in any case."""
    better_size_bytes: int = 0
    """Where an earlier attempt made the better one; 0 otherwise."""
    skip_if_larger_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSource:
    """The original of a picture that is drawn over another."""

    id: ImageId
    location: LocationId
    key: str
    facts: SourceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is to be drawn over the original of a claim."""

    overlay: Overlay
    """Filled in."""
    focal_point: Point | None
    images: tuple[LayerSource, ...]
    object_key: str
    """Of the new original, in the location of the claim's outputs."""
    abandoned_keys: tuple[str, ...]
    """What attempts that are over may have left there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is ours until its lease ends, or until another attempt begins."""

    job_id: JobId
    attempt: int
    """The fence: every report carries it."""
    lease_s: float
    """How long the lease lives unless it is extended."""
    image_id: ImageId
    generation: int
    source_location: LocationId
    source_key: str
    facts: SourceFacts
    outputs_location: LocationId
    output_key_prefix: str
    cache_control: str
    outputs: tuple[WantedOutput, ...]
    """Cheap ones first."""
    wants_placeholder: bool
    rendering: Rendering | None = None
    """What is to be drawn; None where outputs are to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnOriginal:
    """The original of a derived picture as the child wrote it, a PNG on the local disk."""

    path: Path
    width: int
    height: int
    has_alpha: bool
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedOutput:
    """An output as the child wrote it, on the local disk."""

    id: OutputId
    path: Path
    format: Format
    width: int
    height: int
    density: float
    size_bytes: int
    sha256: str
    cpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedOutput:
    """An output that can't be made, however often one tries."""

    id: OutputId
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UselessOutput:
    """An output that is much larger than the one of a better format, and so not stored."""

    id: OutputId
    size_bytes: int
    better_size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What pages show until the picture is there."""

    thumbhash: str
    dominant_colour: str
    palette: tuple[str, ...]
    preview: str
    """A WebP in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the ledger is told of an attempt that could not finish."""

    reason: Reason
    message: str
    retryable: bool


class SourceMissing(NotFound):
    """The original is not where it was stored."""

    def __init__(self) -> None:
        super().__init__(Reason.SOURCE_MISSING, "the original is not where it was stored")


# Whose child died may be luckier with another (the machine was short of memory, say); the ledger
# allows such reasons fewer attempts than the others.
_CHILD_DIED = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})
_GONE = frozenset({Reason.SOURCE_MISSING, Reason.RESOURCE_NOT_FOUND})


def verdict_of(error: PicstoreError) -> Verdict:
    """Decide whether an attempt that ended with `error` is worth repeating.

    It is, unless the picture is at fault or gone: stores, credentials and services get mended.
    """
    at_fault = error.code is Code.INVALID_ARGUMENT and error.reason not in _CHILD_DIED
    return Verdict(
        reason=error.reason,
        message=error.message,
        retryable=not at_fault and error.reason not in _GONE,
    )
