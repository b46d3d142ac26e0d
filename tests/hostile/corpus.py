"""Every hostile file, by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.hostile import (
    damage, disguise, gif, heif, jpeg, jpeg_coding, png, sides, svg, tiff, webp,
)
from tests.hostile.case import Case

KINDS: Final[dict[str, Callable[[], Iterator[Case]]]] = {
    "truncated": damage.truncated,
    "flipped": damage.flipped,
    "mismatched": disguise.mismatched,
    "polyglots": disguise.polyglots,
    "sides": sides.cases,
    "jpeg": jpeg.cases,
    "jpeg coding": jpeg_coding.cases,
    "png": png.cases,
    "gif": gif.cases,
    "webp": webp.cases,
    "heif": heif.cases,
    "tiff": tiff.cases,
    "svg": svg.cases,
}
"""By name: its files."""
