"""What a conversion is, and what an error makes of it. Pure: no I/O, no proto."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.plan import OutputSpec
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import Code, NotFound, PicstoreError, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId
from picstore_kit.sandbox.errors import ChildDied, Death
from picstore_kit.sandbox.limits import SandboxLimits


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
    start_quality: int | None = None
    """Where the search for an automatic quality begins; None where nothing is known."""


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
    recipe: Recipe
    """How the child says that it was drawn."""


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
    recipe: Recipe
    """How the child says that it was made."""


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
class Setup:
    """What children are, and may use."""

    limits: SandboxLimits
    versions: Mapping[str, str]
    """Of what does the work, by name."""
    sandbox: Mapping[str, str]
    """The layers, by name, each with whether it is active and a detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What there is to find out why a child died."""

    death: Death
    output_ids: tuple[OutputId, ...]
    """What it had not delivered, in the order in which it works."""
    setup: Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the ledger is told of an attempt that could not finish."""

    reason: Reason
    message: str
    retryable: bool
    crash: Crash | None = None
    """Where a child died."""


class SourceMissing(NotFound):
    """The original is not where it was stored."""

    def __init__(self) -> None:
        super().__init__(Reason.SOURCE_MISSING, "the original is not where it was stored")


# Whose child died may be luckier with another (the machine was short of memory, say); the ledger
# allows such reasons fewer attempts than the others.
_CHILD_DIED = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})
_GONE = frozenset({Reason.SOURCE_MISSING, Reason.RESOURCE_NOT_FOUND})


def verdict_of(
    error: PicstoreError, *, setup: Setup | None = None, owed: Iterable[OutputId] = ()
) -> Verdict:
    """Decide whether an attempt that ended with `error` is worth repeating.

    It is, unless the picture is at fault or gone: stores, credentials and services get mended.
    `owed` are the outputs that were still to come.
    """
    at_fault = error.code is Code.INVALID_ARGUMENT and error.reason not in _CHILD_DIED
    return Verdict(
        reason=error.reason,
        message=error.message,
        retryable=not at_fault and error.reason not in _GONE,
        crash=(
            Crash(death=death, output_ids=tuple(owed), setup=setup)
            if setup is not None and (death := death_of(error)) is not None
            else None
        ),
    )


def death_of(error: PicstoreError) -> Death | None:
    """Return what is known of a child's end; one that merely misbehaved is ended, too.

    None where the child was not the reason.
    """
    if error.reason not in _CHILD_DIED:
        return None
    if isinstance(error, ChildDied):
        return error.death
    return Death(limit="memory" if error.reason is Reason.CHILD_MEMORY else "")
