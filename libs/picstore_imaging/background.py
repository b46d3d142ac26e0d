"""Colours as profiles write them."""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging.blocks import ICC

WHITE: Final = "#ffffff"
"""What is taken where a profile names no background."""


def pixel(colour: str | None, image: pyvips.Image) -> list[int]:
    """Read `#rrggbb` as the bands of a pixel of `image`, opaque, in its own colours."""
    bands = rgb(colour)
    if image.get_typeof(ICC):
        one = pyvips.Image.new_from_memory(bytes(bands), 1, 1, 3, "uchar")
        one = one.copy(interpretation="srgb").icc_transform(
            "p3", input_profile="srgb", intent="relative"
        )
        bands = list(bytes(one.write_to_memory()))
    opaque = [*bands, 255] if image.hasalpha() else bands
    # A deep image counts to 65,535, which is 257 times as far as a byte.
    return [band * 257 for band in opaque] if image.format == "ushort" else opaque


def rgb(colour: str | None) -> list[int]:
    """Read `#rrggbb` as the three bands of a pixel; white where none is given."""
    return list(bytes.fromhex((colour or WHITE).removeprefix("#")))
