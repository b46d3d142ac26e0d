"""A box is placed from a corner, an edge or the middle of the canvas."""

from __future__ import annotations

import pytest

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.boxes import Rect, canvas_size, place
from picstore_imaging.overlay.template import Box, Canvas, Fit, Gravity, Length

CANVAS = Size(1000, 500)


@pytest.mark.parametrize(
    ("anchor", "corner"),
    [
        (Gravity.NORTH_WEST, (20, 10)),
        (Gravity.NORTH, (470, 10)),
        (Gravity.NORTH_EAST, (880, 10)),
        (Gravity.WEST, (20, 235)),
        (Gravity.CENTRE, (470, 235)),
        (Gravity.EAST, (880, 235)),
        (Gravity.SOUTH_WEST, (20, 440)),
        (Gravity.SOUTH, (470, 440)),
        (Gravity.SOUTH_EAST, (880, 440)),
    ],
)
def test_a_box_moves_inwards_from_its_anchor(anchor: Gravity, corner: tuple[int, int]) -> None:
    box = Box(
        anchor=anchor,
        x=Length(percent=2),
        y=Length(px=10),
        width=Length(px=100),
        height=Length(percent=10),
    )
    assert place(box, CANVAS) == Rect(*corner, 100, 50)


def test_a_box_is_the_canvas_where_nothing_else_is_said() -> None:
    assert place(Box(), CANVAS) == Rect(0, 0, 1000, 500)


def test_a_box_is_never_larger_than_the_canvas_nor_nothing() -> None:
    large = Box(width=Length(px=16_384), height=Length(px=0.1))
    assert place(large, CANVAS) == Rect(0, 250, 1000, 1)


def test_what_is_off_the_canvas_is_not_seen() -> None:
    assert Rect(-10, -20, 30, 30).within(CANVAS) == Rect(0, 0, 20, 10)
    assert Rect(990, 490, 30, 30).within(CANVAS) == Rect(990, 490, 10, 10)
    assert Rect(-30, 0, 30, 30).within(CANVAS) is None


def test_a_canvas_is_what_the_template_says_or_the_picture() -> None:
    base = Size(800, 600)
    assert canvas_size(Canvas(), base) == base
    assert canvas_size(Canvas(width=1200, height=630), base) == Size(1200, 630)
    inside = Canvas(width=400, height=400, fit=Fit.INSIDE)
    assert canvas_size(inside, base) == Size(400, 300)
    assert canvas_size(Canvas(width=4000, height=4000, fit=Fit.INSIDE), base) == base
