"""What a walk through a container says, and the bound on how long it may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from picstore_imaging.colour_signal import ColourSignal
from picstore_kit.errors import InvalidArgument, Reason


class DrawnSize(NamedTuple):
    """The size that a drawing gives itself, in CSS pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What the container says of itself."""

    truncated: bool
    """Whether the file ends before the picture does."""
    trailing_bytes: int = 0
    """Bytes after the end of the picture."""
    frames: int = 1
    """Frames of an animation, as its header announces them; pages of a TIFF."""
    has_gps: bool = False
    """Whether a TIFF or a GIF says where it was taken, which libvips does not read."""
    drawn_size: DrawnSize | None = None
    """Of an SVG."""
    embedded_pixels: int = 0
    """Of all pictures in an SVG together."""
    canvas_pixels: int | None = None
    """Of one frame of a WebP, for which libvips makes room when it opens the file, or an APNG."""
    signal: ColourSignal | None = None
    """What a PNG, an AVIF or a HEIC says of its colours in numbers."""
    extra_samples: int = 0
    """Of a pixel of a TIFF, behind its colour; 0 where the file does not speak of any."""
    alpha_sample: int | None = None
    """Which of these, counted from 0, is its transparency."""


TRUNCATED: Final = Integrity(truncated=True)

MAX_PARTS: Final = 1_000_000
"""Segments, chunks or boxes that a walk visits, about half a second; real files have thousands."""


def parts() -> Iterator[None]:
    """Step through a walk, and end one that a hostile file would make endless."""
    for _ in range(MAX_PARTS):
        yield
    raise damaged("the picture is made of too many parts")


def damaged(message: str) -> InvalidArgument:
    """Say that the picture is not what its format demands."""
    return InvalidArgument(Reason.IMAGE_CORRUPT, message)
