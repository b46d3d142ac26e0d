"""Sets texts with Pango: what they cover, and what they look like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Final

import pyvips

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.fitting import ENDLESS, Ink, Setting
from picstore_imaging.overlay.template import TextAlignment, TextLayer

_DPI: Final = 72
"""So that a point is a pixel."""
_UNITS: Final = 1024
"""Of Pango to a point."""
_ALIGN: Final = {
    TextAlignment.START: "low",
    TextAlignment.CENTRE: "centre",
    TextAlignment.END: "high",
}
"""Pango itself turns the sides around for a paragraph that runs from right to left."""

_LAST: Final = "|"
"""Put into a line of its own below a text, it tells how many lines are above; and, as it is drawn
last, whether all of them were drawn."""
_NOTHING: Final = "no text to render"
_TOO_LARGE: Final = "too big"
"""As libvips and cairo put it, which draws no more than 32,767 pixels in either direction."""
_REFERENCE: Final = 100.0
"""A size at which a font's own distance of lines is measured."""

_MAX_EXTENT: Final = 100_000
"""Pixels; Pango counts up to 2,097,151, where letters may be ten times as wide as estimated."""
_MAX_PIXELS: Final = 64_000_000
"""What is measured is rasterised, so what can't fit is to be known before."""
_MIN_PIXELS: Final = 1_000_000
_WASTE: Final = 8
"""How many times its room a text may be estimated to cover before it is measured at all. The
estimate takes a letter to be as wide as high, twice of what it is in most alphabets."""
_LOOSEST: Final = 1.5
"""Distance of lines in the loosest fonts, by the size."""

_SAFE: Final = 32.0
"""Pixels. FreeType does not rasterise intricate letters at some small sizes ("raster overflow"):
U+FDFD of Noto Sans Arabic at most fractions of a pixel below 19. cairo then draws nothing more of a
text, and libvips does not ask whether it did. Such a text is drawn in letters of at least this size
and scaled down."""
_MAX_ENLARGED_PIXELS: Final = 4_000_000
"""Of such a text as it is drawn."""


class Letters:
    """Sets texts in one style, in lines as wide as their room."""

    def __init__(self, layer: TextLayer, room: Size) -> None:
        self._layer = layer
        self._room = room
        self._colour = (layer.colour or "#000000")[:7]
        self._inks: dict[tuple[str, float, bool], Ink | None] = {}
        self._enlarged: dict[tuple[str, float, bool], int] = {}
        self._lines: dict[tuple[float, int], _Line] = {}

    def measure(self, text: str, size: float, *, break_words: bool) -> Ink | None:
        """Implement `Measure`."""
        key = (text, size, break_words)
        if key not in self._inks:
            self._inks[key] = self._measured(text, size, break_words)
        return self._inks[key]

    def draw(self, setting: Setting) -> pyvips.Image:
        """Draw what was measured: RGBA, exactly as large as its ink.

        Letters are opaque and have their colour; emoji have their own.
        """
        key = (setting.text, setting.size, setting.break_words)
        enlarged = self._enlarged.get(key, 1)
        image = self._set(*key, enlarged)
        if enlarged == 1:
            return image
        ink = setting.ink
        left, top = (image.xoffset - ink.left * enlarged, image.yoffset - ink.top * enlarged)
        whole = image.embed(left, top, ink.width * enlarged, ink.height * enlarged)
        small = whole.premultiply().shrink(enlarged, enlarged).unpremultiply()
        return small.rint().cast("uchar").copy(interpretation="srgb")

    def _measured(self, text: str, size: float, break_words: bool) -> Ink | None:
        if self._is_endless(text, size):
            return ENDLESS
        enlarged = math.ceil(_SAFE / size)
        try:
            ink = self._ink(text, size, break_words, 1)
            if ink is not _LOST or enlarged == 1:
                return ENDLESS if ink is _LOST else ink
            small = self._set(text, size, break_words, 1)
            if small.width * small.height * enlarged**2 > _MAX_ENLARGED_PIXELS:
                return ENDLESS
            self._enlarged[text, size, break_words] = enlarged
            ink = self._ink(text, size, break_words, enlarged)
        except pyvips.Error as error:
            if _NOTHING in error.detail:
                return None
            if _TOO_LARGE in error.detail:
                return ENDLESS
            raise
        return ENDLESS if ink is _LOST else ink

    def _ink(self, text: str, size: float, break_words: bool, enlarged: int) -> Ink:
        """Measure a text that is drawn so many times enlarged; `_LOST` where it isn't whole."""
        image = self._set(text, size, break_words, enlarged)
        below = self._set(f"{text}\n{_LAST}", size, break_words, enlarged)
        if _coverage(below) <= _coverage(image):
            return _LOST
        line = self._line(size, enlarged)
        lines = round((below.yoffset + below.height - line.bottom) / line.pitch)
        left, top = image.xoffset // enlarged, image.yoffset // enlarged
        return Ink(
            left=left,
            top=top,
            width=-(-(image.xoffset + image.width) // enlarged) - left,
            height=-(-(image.yoffset + image.height) // enlarged) - top,
            lines=max(1, lines),
            pitch=line.pitch / enlarged,
        )

    def _line(self, size: float, enlarged: int) -> _Line:
        key = (size, enlarged)
        if key not in self._lines:
            one, two = (
                self._set(text, size, False, enlarged) for text in (_LAST, f"{_LAST}\n{_LAST}")
            )
            bottom = one.yoffset + one.height
            pitch = two.yoffset + two.height - bottom
            self._lines[key] = _Line(bottom=bottom, pitch=max(1, pitch))
        return self._lines[key]

    def _set(self, text: str, size: float, break_words: bool, enlarged: int) -> pyvips.Image:
        layer, size = self._layer, size * enlarged
        factor = layer.line_height or _own_line_height(layer.font, layer.weight, layer.italic)
        attributes = _attributes(layer.font, layer.weight, layer.italic, size) + (
            f' foreground="{self._colour}" lang="{_language(text)}"'
            ' insert_hyphens="false"'
            f' line_height="{max(_UNITS, round(factor * size * _UNITS))}"'
        )
        return pyvips.Image.text(
            f"<span{attributes}>{escape(text)}</span>",
            font=f"{layer.font},",
            dpi=_DPI,
            rgba=True,
            width=self._room.width * enlarged,
            align=_ALIGN[layer.alignment],
            wrap="word-char" if break_words else "word",
        )

    def _is_endless(self, text: str, size: float) -> bool:
        """Whether a text is much too large for its room, from the number of its letters."""
        room = self._room
        longest = max(map(len, text.split()), default=1)
        width = max(min(len(text) * size, room.width), longest * size)
        lines = 1 + text.count("\n") + len(text) * size / room.width
        height = lines * (self._layer.line_height or _LOOSEST) * size
        most = max(_MIN_PIXELS, min(_MAX_PIXELS, _WASTE * room.width * room.height))
        return max(width, height) > _MAX_EXTENT or width * height > most


_LOST: Final = Ink(left=0, top=0, width=0, height=0, lines=0, pitch=0.0)
"""Of a text of which FreeType did not draw a letter, and cairo none behind that."""


def _coverage(image: pyvips.Image) -> int:
    """Sum up the opacity of all pixels."""
    total: float = image[3].avg() * image.width * image.height
    return round(total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What `_LAST` tells at a size, in pixels."""

    bottom: int
    """From the top of its line's box to the lower end of its ink."""
    pitch: int


def _attributes(font: str, weight: int, italic: bool, size: float) -> str:
    return (
        f' font_family="{escape(font)}" weight="{weight}" size="{math.ceil(size * _UNITS)}"'
        f' style="{"italic" if italic else "normal"}"'
    )


@lru_cache(maxsize=256)
def _own_line_height(font: str, weight: int, italic: bool) -> float:
    """Measure a font's own distance of lines, by the size."""
    attributes = _attributes(font, weight, italic, _REFERENCE)
    one, two = (
        pyvips.Image.text(f"<span{attributes}>{text}</span>", font=f"{font},", dpi=_DPI)
        for text in (_LAST, f"{_LAST}\n{_LAST}")
    )
    return float((two.height - one.height) / _REFERENCE)


def _language(text: str) -> str:
    """Guess in whose way Han characters are to be drawn: the other letters of a text tell."""
    if any("\u3040" <= c <= "\u30ff" for c in text):
        return "ja"
    if any("\uac00" <= c <= "\ud7a3" for c in text):
        return "ko"
    return "zh-cn" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"
