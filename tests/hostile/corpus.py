"""Every hostile file, by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.hostile import (
    damage,
    disguise,
    gif,
    gif_codes,
    heif,
    heif_items,
    jpeg,
    jpeg_coding,
    jpeg_metadata,
    png,
    png_chunks,
    sides,
    svg,
    svg_loops,
    tiff,
    tiff_tags,
    webp,
    webp_chunks,
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
    "jpeg metadata": jpeg_metadata.cases,
    "png": png.cases,
    "png chunks": png_chunks.cases,
    "gif": gif.cases,
    "gif codes": gif_codes.cases,
    "webp": webp.cases,
    "webp chunks": webp_chunks.cases,
    "heif": heif.cases,
    "heif items": heif_items.cases,
    "tiff": tiff.cases,
    "tiff tags": tiff_tags.cases,
    "svg": svg.cases,
    "svg loops": svg_loops.cases,
}
"""By name: its files."""
