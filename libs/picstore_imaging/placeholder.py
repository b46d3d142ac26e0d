"""What a page shows until the picture is there: a thumbhash, a tiny preview and colours."""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import pyvips

from picstore_imaging import thumbhash, vips
from picstore_imaging.geometry import Size, resolve, round_side
from picstore_imaging.ladder import Ladder
from picstore_imaging.rules import SizeRule
from picstore_imaging.samples import in_bytes
from picstore_imaging.steps.colour import to_srgb
from picstore_imaging.steps.scale import scaled

SIDE: Final = 32
"""The longest side in pixels of the picture that all are taken from; a thumbhash holds at most
seven waves, so more pixels would say nothing more."""

_BOX: Final = SizeRule(width=SIDE, height=SIDE)
_OPAQUE_ENOUGH: Final = 128

MAX_COLOURS: Final = 5
_CLEARLY_OTHER: Final = 48.0
"""The distance in RGB from which on two colours are two."""

MAX_PREVIEW_BYTES: Final = 280
"""Of the file: 376 characters in base64, and with `data:image/webp;base64,` just under 400."""
_PREVIEW_QUALITIES: Final = (40, 20, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """All of it, as text that fits a database and a page."""

    thumbhash: str
    """In base64."""
    dominant_colour: str
    """`#rrggbb`."""
    palette: tuple[str, ...]
    """Up to five colours that differ, as `#rrggbb`: what there is most of first, so that the first
    is the dominant one."""
    preview: str
    """A WebP of at most `MAX_PREVIEW_BYTES`, in base64."""


def placeholder_size(source: Size) -> Size:
    """The size of the picture that all are taken from."""
    return resolve(_BOX, source, ratio=1.0).size


def placeholder(ladder: Ladder, source: Size) -> Placeholder:
    """Take all of it from a small rung of the ladder."""
    with vips.corrupt_on_error():
        image = in_bytes(to_srgb(ladder.rung(placeholder_size(source))))
        preview = _preview(image)
        pixels = bytes((image if image.hasalpha() else image.addalpha()).write_to_memory())
    palette = _palette(pixels)
    return Placeholder(
        thumbhash=base64.b64encode(thumbhash.encode(image.width, image.height, pixels)).decode(),
        dominant_colour=palette[0],
        palette=palette,
        preview=base64.b64encode(preview).decode(),
    )


def _preview(image: pyvips.Image) -> bytes:
    """Encode it at the best quality that is small enough; a smaller one where none is."""
    for side in (SIDE, SIDE // 2, SIDE // 4):
        scale = min(1.0, side / max(image.width, image.height))
        size = Size(round_side(image.width * scale), round_side(image.height * scale))
        small = scaled(image, size)
        for quality in _PREVIEW_QUALITIES:
            preview = bytes(small.webpsave_buffer(keep=0, Q=quality, effort=4, alpha_q=quality))
            if len(preview) <= MAX_PREVIEW_BYTES:
                return preview
    return preview


def _palette(rgba: bytes) -> tuple[str, ...]:
    """Average the fullest of 16 x 16 x 16 boxes of colours, leaving out neighbours of one chosen.

    White for no pixels at all.
    """
    boxes: dict[tuple[int, int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for red, green, blue, alpha in zip(*(rgba[band::4] for band in range(4)), strict=True):
        if alpha >= _OPAQUE_ENOUGH:
            boxes[red >> 4, green >> 4, blue >> 4].append((red, green, blue))
    chosen: list[list[int]] = []
    for box in sorted(boxes.values(), key=len, reverse=True):
        colour = [round(sum(band) / len(box)) for band in zip(*box, strict=True)]
        if all(math.dist(colour, other) >= _CLEARLY_OTHER for other in chosen):
            chosen.append(colour)
        if len(chosen) == MAX_COLOURS:
            break
    return tuple("#" + bytes(colour).hex() for colour in chosen or [[255, 255, 255]])
