"""The rules that a conversion profile is made of: one for each format, one for each size.

Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from picstore_imaging.formats import Format, SourceFormat


class Fit(StrEnum):
    """How a picture meets a box of another aspect ratio."""

    INSIDE = "inside"
    """As large as fits into the box, aspect ratio kept; a missing side does not constrain."""
    COVER = "cover"
    """Fills the box, aspect ratio kept; what sticks out is cropped by the gravity."""
    CONTAIN = "contain"
    """As `INSIDE`, then padded to the box with the background."""
    FILL = "fill"
    """Stretched to the box."""


class Gravity(StrEnum):
    """Which part of a picture `COVER` keeps, or where `CONTAIN` puts it."""

    CENTRE = "centre"
    NORTH = "north"
    NORTH_EAST = "north_east"
    EAST = "east"
    SOUTH_EAST = "south_east"
    SOUTH = "south"
    SOUTH_WEST = "south_west"
    WEST = "west"
    NORTH_WEST = "north_west"
    ATTENTION = "attention"
    """What draws the eye: edges, saturated colours, skin tones. `CONTAIN` takes it as `CENTRE`."""


class When(StrEnum):
    """For which sources a size is made at all; a size equal to the source's passes each of them."""

    ALWAYS = "always"
    ONLY_DOWNSIZE = "only_downsize"
    """Not where it would enlarge the source."""
    ONLY_UPSIZE = "only_upsize"
    """Not where it would reduce the source; needs `enlarge`."""


class Chroma(StrEnum):
    """How many samples of colour are kept beside those of brightness."""

    SUBSAMPLED = "420"
    """One for four pixels: what photos hide."""
    FULL = "444"
    """One for each pixel: coloured letters and thin lines stay sharp."""


class MetadataPolicy(StrEnum):
    """What an output keeps of the source's EXIF, XMP and IPTC blocks."""

    STRIP = "strip"
    """Nothing: only the colour profile where one is needed."""
    KEEP_COPYRIGHT = "keep_copyright"
    """Who made it and who owns it."""
    KEEP_ALL = "keep_all"
    """What a picture can be described by, except the place, the orientation, thumbnails and the
    blocks that only a camera's maker can read."""


class ColourPolicy(StrEnum):
    """Which colours an output can have."""

    SRGB = "srgb"
    """Those of sRGB, which needs no profile."""
    KEEP_WIDE = "keep_wide"
    """Those of Display P3, its profile embedded, where the source's profile reaches beyond sRGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions:
    """What single encoders can do besides quality and effort; None for what the effort implies."""

    near_lossless: int | None = None
    """WebP: 0 (most is changed) to 99 (least), in steps of 20: how much pixels may be rounded
    before they are kept exactly. It takes the place of a quality."""
    colours: int | None = None
    """PNG: a palette of 2, 4, 16 or 256 colours."""
    dithering: float | None = None
    """PNG with a palette: 0 (flat areas) to 1 (error diffusion in full)."""
    progressive: bool | None = None
    """JPEG: coarse first; otherwise from effort 4 on."""
    optimise_scans: bool | None = None
    """JPEG, progressive: the best split into scans is searched; otherwise from effort 7 on."""
    trellis: bool | None = None
    """JPEG: trellis quantisation and deringing; otherwise from effort 7 on."""
    chroma: Chroma | None = None
    """JPEG and AVIF; otherwise 4:2:0 below quality 90 and 4:4:4 from there on, and for an AVIF with
    fine colour, as graphics have it."""
    bit_depth: int | None = None
    """AVIF: 8 or 10 bits for each sample; otherwise 10 where the source has more than 8."""

    def to_json(self) -> dict[str, Any]:
        """Only what is given."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> EncoderOptions:
        """Read what `to_json` wrote."""
        known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
        if "chroma" in known:
            known["chroma"] = Chroma(known["chroma"])
        return cls(**known)


NO_OPTIONS: Final = EncoderOptions()


class Metric(StrEnum):
    """How likeness to the original is measured."""

    SSIMULACRA2 = "ssimulacra2"
    """100 for the same; 90 is not to be told apart, 80 hardly, 70 is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoQuality:
    """The quality of each output is the smallest one that looks as good as is wanted."""

    metric: Metric = Metric.SSIMULACRA2
    target: float
    """What it is to score."""
    min_quality: int | None = None
    """No lower one is tried, on the encoder's own scale; None for the format's default."""
    max_quality: int | None = None
    """No higher one is; an output that needs one is made with this. None for the default."""

    def to_json(self) -> dict[str, Any]:
        """Only what is given; 80 and 80.0 are the same."""
        fields = asdict(self) | {"target": float(self.target)}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> AutoQuality:
        """Read what `to_json` wrote."""
        return cls(
            metric=Metric(fields["metric"]),
            target=float(fields["target"]),
            min_quality=fields.get("min_quality"),
            max_quality=fields.get("max_quality"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatRule:
    """One format to write, and how."""

    format: Format
    quality: int | None = None
    """1 to 100 on the encoder's own scale; None for the default. A PNG with a quality below 100
    is quantised to a palette, a WebP with 100 is lossless."""
    lossless: bool = False
    effort: int | None = None
    """0 (fast) to 9 (small), capped where a format ends earlier; None for the default."""
    only_from: frozenset[SourceFormat] = frozenset()
    """Make it only from these source formats; empty for every one."""
    not_from: frozenset[SourceFormat] = frozenset()
    """Never make it from these source formats."""
    options: EncoderOptions = NO_OPTIONS
    auto_quality: AutoQuality | None = None
    """In place of a quality."""

    def applies_to(self, source: SourceFormat) -> bool:
        """Whether the conditions let this format be made from `source`."""
        return (not self.only_from or source in self.only_from) and source not in self.not_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """A pixel density that a size is made for: 2 makes twice the pixels on each side."""

    ratio: float = 1.0
    quality: int | None = None
    """1 to 100, before any quality of the format; None for the format's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """One size to make; with neither width nor height it is the source's own size."""

    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.INSIDE
    gravity: Gravity | None = None
    """None for the picture's focal point, or the centre where it has none."""
    when: When = When.ALWAYS
    enlarge: bool = False
    """Whether a source that is too small is enlarged; where not, the box is scaled down to it."""
    densities: tuple[Density, ...] = (Density(),)
