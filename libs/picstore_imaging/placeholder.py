"""What a page shows until the picture is there: a thumbhash and the dominant colour."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from picstore_imaging import thumbhash, vips
from picstore_imaging.geometry import Size, resolve
from picstore_imaging.ladder import Ladder
from picstore_imaging.rules import SizeRule
from picstore_imaging.samples import in_bytes

SIDE: Final = 32
"""The longest side in pixels of the picture that both are taken from; a thumbhash holds at most
seven waves, so more pixels would say nothing more."""

_BOX: Final = SizeRule(width=SIDE, height=SIDE)
_OPAQUE_ENOUGH: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """Both, as text that fits a database and a page."""

    thumbhash: str
    """In base64."""
    dominant_colour: str
    """`#rrggbb`."""


def placeholder_size(source: Size) -> Size:
    """The size of the picture that both are taken from."""
    return resolve(_BOX, source, ratio=1.0).size


def placeholder(ladder: Ladder, source: Size) -> Placeholder:
    """Take both from a small rung of the ladder."""
    with vips.corrupt_on_error():
        image = in_bytes(ladder.rung(placeholder_size(source)))
        pixels = bytes((image if image.hasalpha() else image.addalpha()).write_to_memory())
    return Placeholder(
        thumbhash=base64.b64encode(thumbhash.encode(image.width, image.height, pixels)).decode(),
        dominant_colour=_dominant(pixels),
    )


def _dominant(rgba: bytes) -> str:
    """Average the pixels of the fullest of 16 x 16 x 16 boxes of colours; white for none at all."""
    boxes: dict[tuple[int, int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for red, green, blue, alpha in zip(*(rgba[band::4] for band in range(4)), strict=True):
        if alpha >= _OPAQUE_ENOUGH:
            boxes[red >> 4, green >> 4, blue >> 4].append((red, green, blue))
    fullest = max(boxes.values(), key=len, default=[(255, 255, 255)])
    means = (round(sum(band) / len(fullest)) for band in zip(*fullest, strict=True))
    return "#" + bytes(means).hex()
