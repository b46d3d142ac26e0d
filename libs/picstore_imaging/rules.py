"""The rules that a conversion profile is made of: one for each format, one for each size.

Pure: importable by every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
    gravity: Gravity = Gravity.CENTRE
    when: When = When.ALWAYS
    enlarge: bool = False
    """Whether a source that is too small is enlarged; where not, the box is scaled down to it."""
    densities: tuple[Density, ...] = (Density(),)
