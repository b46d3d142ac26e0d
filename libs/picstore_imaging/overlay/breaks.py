"""Where a text may be cut off: after words, or else between letters. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"

_DANGLING: Final = " \n,;:-–—…"
"""What does not stand before an ellipsis."""
_JOINER: Final = "\u200d"
_VIRAMA: Final = 9
"""The combining class of what joins two consonants of an Indian script."""
_HANGUL: Final = ("\uac00", "\ud7a3")
"""From and to: syllables that are written in words."""
_TONES: Final = ("\U0001f3fb", "\U0001f3ff")
_TAGS: Final = ("\U000e0020", "\U000e007f")
_FLAGS: Final = ("\U0001f1e6", "\U0001f1ff")
_TRAILING: Final = frozenset({"Mn", "Mc", "Me"})


def cut(text: str, end: int) -> str:
    """Return the beginning of a text, with an ellipsis for the rest."""
    return text[:end].rstrip(_DANGLING) + ELLIPSIS


def after_words(text: str) -> list[int]:
    """Return the places after words, but the last; characters of Chinese and Japanese are words."""
    return [
        place
        for place in range(1, len(text))
        if _between_words(text[place - 1], text[place]) and _between_letters(text, place)
    ]


def after_letters(text: str) -> list[int]:
    """Return the places between what readers see as letters, or as one emoji."""
    return [place for place in range(1, len(text)) if _between_letters(text, place)]


def _between_words(before: str, after: str) -> bool:
    if after.isspace():
        return not before.isspace()
    return (_is_word(before) or _is_word(after)) and not unicodedata.category(after).startswith("P")


def _is_word(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in "WF"
    letter = unicodedata.category(character) == "Lo"
    return wide and letter and not _is_in(character, _HANGUL)


def _between_letters(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if unicodedata.category(after) in _TRAILING or _is_in(after, _TONES) or _is_in(after, _TAGS):
        return False
    if _JOINER in (before, after) or unicodedata.combining(before) == _VIRAMA:
        return False
    if _is_in(before, _FLAGS) and _is_in(after, _FLAGS):
        return _flags_before(text, place) % 2 == 0
    return True


def _flags_before(text: str, place: int) -> int:
    """Count the regional indicators that end at a place; two of them are one flag."""
    begin = place
    while begin and _is_in(text[begin - 1], _FLAGS):
        begin -= 1
    return place - begin


def _is_in(character: str, span: tuple[str, str]) -> bool:
    return span[0] <= character <= span[1]
