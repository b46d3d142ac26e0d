"""Fitting trusts only what was measured; here letters are as wide as high, and lines as high."""

from __future__ import annotations

import math
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.breaks import ELLIPSIS, after_letters, after_words
from picstore_imaging.overlay.fitting import Ink, Overflows, Setting, fit
from picstore_imaging.overlay.template import Overflow

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE = "\U0001f44b\U0001f3fd"
FLAG = "\U0001f1e9\U0001f1ea"


class Typewriter:
    """Measures letters that are all alike."""

    def __init__(self, width: int) -> None:
        self._width = width

    def __call__(self, text: str, size: float, *, break_words: bool) -> Ink | None:
        if not text.strip():
            return None
        lines = textwrap.wrap(
            text, max(1, int(self._width / size)), break_long_words=break_words
        ) or [""]
        return Ink(
            left=0,
            top=0,
            width=math.ceil(max(map(len, lines)) * size),
            height=math.ceil(len(lines) * size),
            lines=len(lines),
            pitch=size,
        )


def set_text(
    text: str,
    room: Size,
    *,
    size: float = 20,
    min_size: float = 10,
    max_lines: int | None = None,
    overflow: Overflow = Overflow.SHRINK,
) -> Setting | None:
    return fit(
        text,
        room,
        Typewriter(room.width),
        size=size,
        min_size=min_size,
        max_lines=max_lines,
        overflow=overflow,
    )


def test_a_text_that_fits_is_left_as_it_is() -> None:
    found = set_text("two words", Size(200, 40))
    assert found is not None
    assert (found.text, found.size, found.break_words) == ("two words", 20, False)


def test_letters_become_no_smaller_than_they_must() -> None:
    found = set_text("abcdefghij", Size(150, 40))
    assert found is not None
    assert found.text == "abcdefghij"
    assert 14.8 <= found.size <= 15


def test_what_is_too_much_for_the_smallest_letters_is_cut_off_at_a_word() -> None:
    found = set_text("one two three four five", Size(100, 20))
    assert found is not None
    assert (found.text, found.size) == ("one two three…", 10)


def test_no_comma_stands_before_an_ellipsis() -> None:
    found = set_text("one, two, three", Size(100, 10))
    assert found is not None
    assert found.text == "one, two…"


def test_letters_stay_as_large_as_they_are_where_they_are_to_be_cut_off() -> None:
    found = set_text("one two three four", Size(200, 20), overflow=Overflow.ELLIPSIS)
    assert found is not None
    assert (found.text, found.size) == ("one two…", 20)


def test_a_text_that_must_be_whole_is_refused() -> None:
    with pytest.raises(Overflows):
        set_text("one two three four", Size(200, 20), overflow=Overflow.REFUSE)
    found = set_text("one two", Size(200, 20), overflow=Overflow.REFUSE)
    assert found is not None


def test_lines_are_no_more_than_allowed() -> None:
    found = set_text("one two three", Size(100, 100), max_lines=1, overflow=Overflow.ELLIPSIS)
    assert found is not None
    assert (found.text, found.ink.lines) == ("one…", 1)


def test_a_word_that_is_longer_than_a_line_is_broken() -> None:
    found = set_text("incomprehensibilities", Size(100, 40))
    assert found is not None
    assert (found.text, found.size, found.break_words) == ("incomprehensibilities", 10, True)


def test_a_word_that_is_longer_than_the_room_is_cut_off() -> None:
    found = set_text("incomprehensibilities", Size(100, 10))
    assert found is not None
    assert found.text == "incompreh…"


def test_a_room_for_no_letter_stays_empty() -> None:
    assert set_text("word", Size(5, 5)) is None
    assert set_text("word", Size(10, 10)) is not None


def test_a_text_without_ink_is_nothing() -> None:
    for overflow in Overflow:
        assert set_text("  ", Size(100, 100), overflow=overflow) is None


def test_characters_of_chinese_are_words() -> None:
    assert after_words("中文字。 ab cd") == [1, 2, 4, 7]
    assert after_words("한국어 글") == [3]


@pytest.mark.parametrize("letter", ["e\u0301", FAMILY, WAVE, FLAG, "क्षि", "\u2764\ufe0f"])
def test_what_looks_like_one_letter_is_not_cut(letter: str) -> None:
    assert after_letters(letter) == []
    assert after_letters(letter * 2) == [len(letter)]


@given(
    text=st.text(st.sampled_from("ab ,-中e\u0301\n👋🏽"), max_size=60),
    room=st.builds(Size, st.integers(1, 300), st.integers(1, 100)),
    size=st.floats(2, 60),
    share=st.floats(0.1, 1),
    max_lines=st.none() | st.integers(1, 4),
    overflow=st.sampled_from([Overflow.SHRINK, Overflow.ELLIPSIS]),
)
def test_whatever_comes_out_fits(
    text: str, room: Size, size: float, share: float, max_lines: int | None, overflow: Overflow
) -> None:
    found = set_text(
        text, room, size=size, min_size=size * share, max_lines=max_lines, overflow=overflow
    )
    if found is None:
        smallest = size * share if overflow is Overflow.SHRINK else size
        assert not text.strip() or math.ceil(smallest) > min(room)
        return
    assert found.ink.width <= room.width
    assert found.ink.height <= room.height
    assert max_lines is None or found.ink.lines <= max_lines
    assert size * share <= found.size <= size
    assert found.text == text or found.text.endswith(ELLIPSIS)
