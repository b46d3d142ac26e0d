"""How a text is made to fit its room: smaller letters, broken words, fewer words, fewer letters.

What fits is what was measured, never what was computed, so letters cannot leave their room.
Pure: it measures through a port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.breaks import ELLIPSIS, after_letters, after_words, cut
from picstore_imaging.overlay.template import Overflow

_TOLERANCE: Final = 0.01
"""How much smaller than possible letters may be, as a part of their height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """What a text covers, in pixels from the left top corner of its first line's box."""

    left: int
    top: int
    width: int
    height: int
    lines: int
    pitch: float
    """From one line to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A text, how it is set, and what it covers so."""

    text: str
    size: float
    """Height of the letters, in pixels."""
    break_words: bool
    """Whether lines may end within a word that is too long for one."""
    ink: Ink


class Measure(Protocol):
    """Sets a text in lines as wide as the room; None where it has nothing to see.

    What is much too large for the room may be measured as `ENDLESS`.
    """

    def __call__(self, text: str, size: float, *, break_words: bool) -> Ink | None:
        """Measure a text in letters of `size` pixels."""
        ...


ENDLESS: Final = Ink(left=0, top=0, width=1 << 30, height=1 << 30, lines=1 << 30, pitch=0.0)


class Overflows(Exception):
    """A text that may be changed in no way does not fit."""


def fit(
    text: str,
    room: Size,
    measure: Measure,
    *,
    size: float,
    min_size: float,
    max_lines: int | None,
    overflow: Overflow,
) -> Setting | None:
    """Find how a text fits a room; None where nothing of it is to be seen.

    That is so of a text without ink, and of a room that does not even take an ellipsis.

    Raises:
        Overflows: It does not fit at its size, and `overflow` is `REFUSE`.
    """
    fitter = _Fitter(room, measure, max_lines)
    if measure(text, size, break_words=False) is None:
        return None
    whole = fitter.attempt(text, size, break_words=False)
    if whole is None and overflow is Overflow.REFUSE:
        raise Overflows
    if whole is None and overflow is Overflow.SHRINK:
        whole = fitter.largest(text, min(min_size, size), size)
        size = min(min_size, size)
    return whole or fitter.attempt(text, size, break_words=True) or fitter.longest(text, size)


class _Fitter:
    def __init__(self, room: Size, measure: Measure, max_lines: int | None) -> None:
        self._room = room
        self._measure = measure
        self._max_lines = max_lines

    def attempt(self, text: str, size: float, *, break_words: bool) -> Setting | None:
        """Set a text; None where it does not fit."""
        ink = self._measure(text, size, break_words=break_words)
        if ink is None or ink.width > self._room.width or ink.height > self._room.height:
            return None
        if self._max_lines is not None and ink.lines > self._max_lines:
            return None
        return Setting(text=text, size=size, break_words=break_words, ink=ink)

    def largest(self, text: str, low: float, high: float) -> Setting | None:
        """Set a whole text in the largest letters from `low` to less than `high`."""
        best = self.attempt(text, low, break_words=False)
        while best is not None and high - low > high * _TOLERANCE:
            middle = (low + high) / 2
            found = self.attempt(text, middle, break_words=False)
            if found is None:
                high = middle
            else:
                low, best = middle, found
        return best

    def longest(self, text: str, size: float) -> Setting | None:
        """Set as many words as fit, with an ellipsis; where that is none, as many letters."""
        words = after_words(text)
        return (
            self._most(text, size, words, break_words=False)
            or self._most(text, size, words, break_words=True)
            or self._most(text, size, after_letters(text), break_words=True)
            or self.attempt(ELLIPSIS, size, break_words=True)
        )

    def _most(
        self, text: str, size: float, places: Sequence[int], *, break_words: bool
    ) -> Setting | None:
        best = None
        low, high = 0, len(places)
        while low < high:
            middle = (low + high) // 2
            shorter = cut(text, places[middle])
            found = None
            if shorter != ELLIPSIS:
                found = self.attempt(shorter, size, break_words=break_words)
            if found is None and shorter != ELLIPSIS:
                high = middle
            else:
                low, best = middle + 1, found or best
        return best
