"""Colours of templates."""

from __future__ import annotations

from typing import NamedTuple

import pyvips


class Colour(NamedTuple):
    """Red, green and blue as bytes, and an opacity of 0 to 1."""

    red: int
    green: int
    blue: int
    alpha: float

    @classmethod
    def of(cls, text: str) -> Colour:
        """Read `#rrggbb` or `#rrggbbaa`; empty is opaque black."""
        red, green, blue, *rest = bytes.fromhex((text or "#000000").removeprefix("#"))
        return cls(red, green, blue, rest[0] / 255 if rest else 1.0)

    @property
    def rgba(self) -> list[int]:
        """The four bands of a pixel."""
        return [self.red, self.green, self.blue, round(self.alpha * 255)]

    def over(self, alpha: pyvips.Image) -> pyvips.Image:
        """Lay the colour over an area, by the area's own opacity: RGBA, premultiplied floats."""
        return (alpha * [self.red, self.green, self.blue]).bandjoin(alpha)
