"""A picture's states, and when a generation of its outputs becomes what pages get.

A generation settles at the first moment when

- every output that it waits for is READY or FAILED and at least one output is READY: the picture
  is READY, and outputs of the slow lane join one by one, without another flip, or
- every output is FAILED: the picture is FAILED, with the reason of the first of them.

So a page has pictures after the cheap outputs, and FAILED always means that no output could be
made. A picture that is READY already stays so: with the pending generation if something came of it,
or else with the one before, and the reason. What a generation waits for is decided when it is laid
out (`picstore_catalog.model.ingest`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from picstore_catalog.model.derived import DerivedFrom
from picstore_catalog.model.description import Description
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import Output
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from picstore_kit.ids import ConversionProfileId, ImageId, LocationId, ProjectId, UploadProfileId


class ImageState(StrEnum):
    """How far a picture is."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    CONVERTING = "CONVERTING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The file that a picture came as."""

    location_id: LocationId
    object_key: str
    format: SourceFormat
    width: int
    """In pixels, after orientation."""
    height: int
    """In pixels, after orientation."""
    frames: int
    has_alpha: bool
    has_gps: bool
    trailing_bytes: int
    """Of the file, after the end of the picture."""
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What to show until a picture is there."""

    thumbhash: bytes
    dominant_colour: str
    """As `#rrggbb`."""
    palette: tuple[str, ...] = ()
    """As `#rrggbb`, what there is most of first."""
    preview: bytes = b""
    """A WebP of a few pixels; empty for originals from before there were any."""

    @property
    def preview_uri(self) -> str:
        """The preview for a page to show; empty where there is none."""
        if not self.preview:
            return ""
        return f"data:image/webp;base64,{base64.b64encode(self.preview).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture as callers see it."""

    id: ImageId
    project_id: ProjectId
    upload_profile_id: UploadProfileId
    filename: str
    location: str
    description: Description
    state: ImageState
    failure: Failure | None
    original: Original | None
    """What is served, or the newest while nothing is; None until its bytes have come."""
    placeholder: Placeholder | None
    generation: int
    pending_generation: int
    conversion_profile_id: ConversionProfileId | None
    """What the served generation was made by, or the newest is; None before the bytes have come."""
    conversion_profile_revision: int | None
    commit_time: datetime | None
    ready_time: datetime | None
    outputs: tuple[Output, ...] = ()
    derived_from: DerivedFrom | None = None
    """What its first original was drawn from; None where it was uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far the outputs of one generation are, SKIPPED ones left aside."""

    open: int
    """QUEUED or CONVERTING."""
    awaited_open: int
    """Those of them that the generation waits for."""
    ready: int
    first_failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a picture becomes with its pending generation."""

    state: ImageState
    failure: Failure | None = None
    """Why nothing could be made of the pending generation."""

    @property
    def keeps_served(self) -> bool:
        """Whether pages go on with the generation that they had before."""
        return self.state is ImageState.READY and self.failure is not None


def settle(tally: Tally, *, serves: bool, otherwise: Failure | None = None) -> Settled | None:
    """Judge the pending generation by its outputs; None while it is too early to say.

    `serves` is whether pages have another generation of the picture, `otherwise` why it fails if no
    output says so.
    """
    if tally.ready and not tally.awaited_open:
        return Settled(state=ImageState.READY)
    if tally.open:
        return None
    return Settled(
        state=ImageState.READY if serves else ImageState.FAILED,
        failure=tally.first_failure
        or otherwise
        or Failure(reason=Reason.ENCODE_FAILED, message="no output could be made"),
    )
