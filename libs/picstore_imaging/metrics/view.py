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

from bisect import bisect_right
from itertools import accumulate
from typing import Final

import numpy as np
import pyvips

from picstore_imaging.metrics.ssimulacra2 import Pixels
from picstore_imaging.quality import SCORED_PIXELS
from picstore_imaging.samples import in_bytes

_TILE: Final = 512
_BLACK, _WHITE = 0, 255


class View:
    """What is looked at of an original, and at the same places and times of others.

    Images are in memory, and an animation is a strip of frames with its `page-height`. Numbers are
    taken for sRGB, whichever profile an image has: all of them have the same.
    """

    def __init__(self, original: pyvips.Image) -> None:
        """Choose by the original; raises `pyvips.Error`."""
        self._has_alpha = original.hasalpha()
        starts = _starts(original)
        chosen = sorted({0, len(starts) // 2, len(starts) - 1})
        self._moments = [starts[index] for index in chosen]

    def of(self, image: pyvips.Image) -> Pixels:
        """Return the pixels to compare of the original, or of another; raises `pyvips.Error`."""
        frames = [_sampled(in_bytes(frame)) for frame in self._frames(image)]
        seen = [opaque for frame in frames for opaque in self._opaque(frame)]
        joined = pyvips.Image.arrayjoin(seen, across=1)
        pixels = np.frombuffer(joined.write_to_memory(), dtype=np.uint8)
        return pixels.reshape(joined.height, joined.width, joined.bands)

    def _frames(self, image: pyvips.Image) -> list[pyvips.Image]:
        # By time: an encoder makes one frame of several that are the same.
        starts, height = _starts(image), image.get_page_height()
        indexes = [bisect_right(starts, moment) - 1 for moment in self._moments]
        return [image.crop(0, index * height, image.width, height) for index in indexes]

    def _opaque(self, image: pyvips.Image) -> list[pyvips.Image]:
        if self._has_alpha:
            image = image if image.hasalpha() else image.addalpha()
            return [_rgb(image.flatten(background=ground)) for ground in (_BLACK, _WHITE)]
        # An encoder may write an alpha channel that hides nothing, but hardly does.
        return [_rgb(image.flatten() if image.hasalpha() else image)]


def look_at(original: pyvips.Image) -> Pixels:
    """Return what is looked at of a picture by itself; raises `pyvips.Error`."""
    return View(original).of(original)


def _starts(image: pyvips.Image) -> list[int]:
    """Say when each frame is first shown, in milliseconds; a still picture has one."""
    count = image.height // image.get_page_height()
    delays = list(image.get("delay")) if "delay" in image.get_fields() else []
    shown = [max(delay, 1) for delay in delays[: count - 1]]
    shown += [1] * (count - 1 - len(shown))
    return list(accumulate(shown, initial=0))


def _rgb(image: pyvips.Image) -> pyvips.Image:
    return image.colourspace("srgb") if image.bands < 3 else image


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
