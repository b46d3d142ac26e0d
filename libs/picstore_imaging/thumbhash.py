"""ThumbHash: a picture in about 25 bytes, as a few cosine coefficients of its colours.

After Evan Wallace's algorithm (https://evanw.github.io/thumbhash/). The Python package of that
name holds Pillow below 11 and loads it into the process that decodes hostile files; this is
the encoder alone, with the cosine transform split into rows and columns. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

MAX_SIDE = 100
"""The largest picture that `encode` takes; 32 px give the same hash, ten times as fast."""


class _Channel(NamedTuple):
    """The cosine coefficients of one channel: the mean, the rest as 0 to 1, and their scale."""

    mean: float
    rest: list[float]
    scale: float


def encode(width: int, height: int, rgba: bytes) -> bytes:
    """Hash an 8-bit RGBA picture (straight alpha) of at most 100 x 100 pixels."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and len(rgba) == 4 * width * height):
        raise ValueError(f"{width} x {height} with {len(rgba)} bytes is no picture to hash")
    alpha = [value / 255 for value in rgba[3::4]]
    has_alpha = min(rgba[3::4]) < 255
    red, green, blue = (_over_average(rgba[band::4], alpha) for band in range(3))

    most = 5 if has_alpha else 7
    across = max(1, _rounded(most * width / max(width, height)))
    down = max(1, _rounded(most * height / max(width, height)))
    luma = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    magenta = [r - g for r, g in zip(red, green, strict=True)]
    l_channel = _transform(luma, width, height, max(3, across), max(3, down))
    p_channel = _transform(yellow, width, height, 3, 3)
    q_channel = _transform(magenta, width, height, 3, 3)

    landscape = width > height
    head = (
        _rounded(63 * l_channel.mean)
        | _rounded(31.5 + 31.5 * p_channel.mean) << 6
        | _rounded(31.5 + 31.5 * q_channel.mean) << 12
        | _rounded(31 * l_channel.scale) << 18
        | has_alpha << 23
        | (down if landscape else across) << 24
        | _rounded(63 * p_channel.scale) << 27
        | _rounded(63 * q_channel.scale) << 33
        | landscape << 39
    ).to_bytes(5, "little")
    rest = l_channel.rest + p_channel.rest + q_channel.rest
    if has_alpha:
        a_channel = _transform(alpha, width, height, 5, 5)
        head += bytes([_rounded(15 * a_channel.mean) | _rounded(15 * a_channel.scale) << 4])
        rest += a_channel.rest
    nibbles = [_rounded(15 * value) for value in rest]
    nibbles += [0] * (len(nibbles) % 2)
    return head + bytes(
        low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)
    )


def _over_average(band: Sequence[int], alpha: Sequence[float]) -> list[float]:
    """Compose a band, as 0 to 1, over its own mean, so that transparent pixels are unobtrusive."""
    opacity = sum(alpha)
    weighted = [a * value / 255 for a, value in zip(alpha, band, strict=True)]
    mean = sum(weighted) / opacity if opacity else 0.0
    return [mean * (1 - a) + value for a, value in zip(alpha, weighted, strict=True)]


def _transform(
    channel: Sequence[float], width: int, height: int, across: int, down: int
) -> _Channel:
    """Take the low corner of a cosine transform in two dimensions: what lies above its diagonal."""
    row_waves, column_waves = _waves(width, across), _waves(height, down)
    rows = [channel[at : at + width] for at in range(0, width * height, width)]
    by_row = [[_dot(row, wave) for wave in row_waves] for row in rows]
    coefficients = [
        _dot([row[x] for row in by_row], column_waves[y]) / (width * height)
        for y in range(down)
        for x in range(across)
        if x * down < across * (down - y)
    ]
    mean, *rest = coefficients
    scale = max(map(abs, rest), default=0.0)
    if scale:
        rest = [0.5 + 0.5 / scale * value for value in rest]
    return _Channel(mean, rest, scale)


def _waves(length: int, count: int) -> list[list[float]]:
    return [
        [math.cos(math.pi / length * wave * (at + 0.5)) for at in range(length)]
        for wave in range(count)
    ]


def _dot(values: Sequence[float], wave: Sequence[float]) -> float:
    return sum(value * factor for value, factor in zip(values, wave, strict=True))


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)
