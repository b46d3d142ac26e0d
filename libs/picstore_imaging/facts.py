"""What the header of a picture says, as a value that any process can hold and pass on.

Pure: importable by every process; `probe` fills a `Probe` inside a sandboxed child.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from picstore_imaging.colour_signal import ColourSignal
from picstore_imaging.formats import ANIMATED, PAGED, WHOLE_DECODE, SourceFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What planning needs to know of a source."""

    format: SourceFormat
    width: int
    """In pixels, after the EXIF orientation is applied."""
    height: int
    """In pixels, after the EXIF orientation is applied."""
    has_alpha: bool = False
    frames: int = 1
    """Frames of an animation, pages of a TIFF."""
    interlaced: bool = False
    """A progressive JPEG or an interlaced PNG."""

    @property
    def pixels(self) -> int:
        """Width x height, summed over the frames; of pages, only the first counts."""
        return self.width * self.height * (1 if self.format in PAGED else self.frames)

    @property
    def animated(self) -> bool:
        """Whether outputs that can move will."""
        return self.frames > 1 and self.format in ANIMATED

    @property
    def decoded_whole(self) -> bool:
        """Whether the decoder holds all pixels at once, instead of streaming them row by row."""
        return self.interlaced or self.animated or self.format in WHOLE_DECODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """All that the header of a picture says."""

    format: SourceFormat
    width: int
    """In pixels, after the EXIF orientation is applied."""
    height: int
    """In pixels, after the EXIF orientation is applied."""
    bytes: int
    """Length of the file."""
    orientation: int = 1
    """The EXIF orientation, 1 to 8, that is still to be applied to the decoded pixels."""
    bands: int = 3
    """Channels of a decoded pixel, alpha included."""
    bit_depth: int = 8
    """Bits of one channel, as stored."""
    has_alpha: bool = False
    frames: int = 1
    """Frames of an animation, pages of a TIFF."""
    interlaced: bool = False
    """A progressive JPEG or an interlaced PNG."""
    icc_name: str | None = None
    """The description of the embedded colour profile; empty where it has none."""
    icc_bytes: int = 0
    exif_bytes: int = 0
    xmp_bytes: int = 0
    has_gps: bool = False
    """Whether the EXIF block or the XMP packet says where the picture was taken."""
    trailing_bytes: int = 0
    """Bytes that follow the end of the picture; harmless, and in no output."""
    signal: ColourSignal | None = None
    """What it says of its colours in numbers, where that goes before a profile."""
    extra_samples: int = 0
    """Of a pixel of a TIFF, behind its colour; 0 where the file does not speak of any."""
    alpha_sample: int | None = None
    """Which of these, counted from 0, is its transparency."""

    def facts(self) -> SourceFacts:
        """The part that planning needs."""
        return SourceFacts(
            format=self.format,
            width=self.width,
            height=self.height,
            has_alpha=self.has_alpha,
            frames=self.frames,
            interlaced=self.interlaced,
        )

    def to_json(self) -> dict[str, Any]:
        """For the answer of a sandboxed child."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Probe:
        """Read what `to_json` wrote; other fields beside are ignored."""
        known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
        signal = known.get("signal")
        return cls(
            **known
            | {
                "format": SourceFormat(fields["format"]),
                "signal": None if signal is None else ColourSignal.from_json(signal),
            }
        )
