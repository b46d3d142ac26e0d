"""Colours as profiles write them."""

from __future__ import annotations


def rgb(colour: str | None) -> list[int]:
    """Read `#rrggbb` as the three bands of a pixel; white where none is given."""
    return list(bytes.fromhex((colour or "#ffffff").removeprefix("#")))
