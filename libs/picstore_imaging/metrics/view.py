"""What is looked at of a picture to score it: 8-bit RGB, and not too much of it.

- What is transparent is looked at on black and on white, one beside the other.
- Of an animation: its first, its middle and its last frame, one below the other.
- Of more than 2 MP: tiles of 512 px, spread evenly over the picture, put together. So the score of
  a large picture takes no more time and memory than that of a medium one. It differs from that of
  the whole by half a point, most often.

They are put together to one picture, so there is one score, in which bad places count for more than
good ones, whichever frame they are in.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyvips

from picstore_imaging.metrics.ssimulacra2 import Pixels
from picstore_imaging.quality import SCORED_PIXELS
from picstore_imaging.samples import in_bytes

_TILE: Final = 512
_BLACK, _WHITE = 0, 255


def look_at(image: pyvips.Image) -> Pixels:
    """Return the pixels to compare; images of one size give the same places.

    `image` is in memory, and an animation a strip of frames with its `page-height`. Its numbers are
    taken for sRGB, whichever profile it has: both sides have the same. Raises `pyvips.Error`.
    """
    frames = [_sampled(frame) for frame in _frames(image)]
    seen = pyvips.Image.arrayjoin([on for frame in frames for on in _opaque(frame)], across=1)
    pixels = np.frombuffer(seen.write_to_memory(), dtype=np.uint8)
    return pixels.reshape(seen.height, seen.width, seen.bands)


def _frames(image: pyvips.Image) -> list[pyvips.Image]:
    height = image.get_page_height()
    count = image.height // height
    chosen = sorted({0, count // 2, count - 1})
    return [image.crop(0, index * height, image.width, height) for index in chosen]


def _opaque(image: pyvips.Image) -> list[pyvips.Image]:
    image = in_bytes(image)
    grounds = [_BLACK, _WHITE] if image.hasalpha() else [None]
    on = [image if ground is None else image.flatten(background=ground) for ground in grounds]
    return [one.colourspace("srgb") if one.bands < 3 else one for one in on]


def _sampled(image: pyvips.Image) -> pyvips.Image:
    width, height = image.width, image.height
    if width * height <= SCORED_PIXELS:
        return image
    wide, tall = min(_TILE, width), min(_TILE, height)
    tiles = SCORED_PIXELS // (wide * tall)
    across = min(max(1, round((tiles * width / height) ** 0.5)), tiles, width // wide)
    down = min(tiles // across, height // tall)
    return pyvips.Image.arrayjoin(
        [
            image.crop(
                (2 * column + 1) * width // (2 * across) - wide // 2,
                (2 * row + 1) * height // (2 * down) - tall // 2,
                wide,
                tall,
            )
            for row in range(down)
            for column in range(across)
        ],
        across=across,
    )
