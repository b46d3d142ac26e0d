"""What is clear, and how much, in every kind of source and every format of output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from picstore_imaging.formats import Format
from tests.clear_kinds import CLEAR_KINDS
from tests.integration.imaging.patches import HEIGHT, WIDTH, opened, patches

Convert = Callable[..., dict[Format, bytes]]

LOSS: Final = {Format.PNG: 0, Format.JPEG: 5, Format.WEBP: 6, Format.AVIF: 6}
"""How far an encoder at its default quality may be off, in steps of 255."""
BACKGROUND: Final = np.array([10, 200, 120])


@pytest.mark.parametrize("name", CLEAR_KINDS)
def test_what_is_clear_is_so_to_the_same_degree(name: str, convert: Convert) -> None:
    kind = CLEAR_KINDS[name]
    share = kind.alphas[..., None] / 255
    on_ground = kind.colours * share + BACKGROUND * (1 - share)
    for format, data in convert(kind.make(), background="#0ac878").items():
        bound = kind.bound + LOSS[format]
        if format is Format.JPEG:
            assert np.abs(patches(opened(data)) - on_ground).max() <= bound, format
            continue
        pixels = opened(data, "RGBA")
        assert pixels.shape == (HEIGHT, WIDTH, 4), format
        found = patches(pixels)
        assert np.abs(found[..., 3] - kind.alphas).max() <= bound, format
        # A colour counts as much as is seen of it.
        seen = np.abs(found[..., :3] - kind.colours) * share
        assert seen.max() <= bound, (format, seen.max())
