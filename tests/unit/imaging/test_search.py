"""The search for a quality: few encodes, nothing larger than needed, the same each time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_imaging.search import MAX_ENCODES, Found, find_quality

TOLERANCE = 0.5


def search(
    curve: Callable[[int], float],
    *,
    target: float = 80,
    start: int = 70,
    lowest: int = 20,
    highest: int = 95,
) -> tuple[Found[str], list[int]]:
    tried: list[int] = []

    def measure(quality: int) -> tuple[float, str]:
        assert quality not in tried
        tried.append(quality)
        return curve(quality), f"file at {quality}"

    found = find_quality(
        measure,
        start=start,
        lowest=lowest,
        highest=highest,
        target=target,
        tolerance=TOLERANCE,
    )
    return found, tried


def bent(steepness: float, offset: float) -> Callable[[int], float]:
    """Rises fast and then ever slower, as scores do."""
    return lambda quality: 100 - 100 * math.exp(-(quality + offset) / steepness)


def test_search_at_a_good_start_encodes_once() -> None:
    found, tried = search(lambda quality: quality + 10.2)
    assert tried == [70]
    assert found == Found(quality=70, score=80.2, encodes=1, data="file at 70", reached=True)


def test_search_corrects_a_start_that_is_too_high() -> None:
    found, tried = search(lambda quality: quality * 0.6 + 32, start=95)
    assert (found.quality, found.score) == (80, 80)
    assert len(tried) == 2


def test_search_says_where_the_highest_quality_is_not_enough() -> None:
    found, _ = search(lambda quality: quality * 0.5)
    assert (found.quality, found.reached, found.data) == (95, False, "file at 95")


def test_search_ends_at_the_lowest_quality_where_all_are_good_enough() -> None:
    found, _ = search(lambda quality: 95 + quality / 100)
    assert found.quality == 20
    assert found.reached


def test_search_with_one_quality_allowed_encodes_once() -> None:
    found, tried = search(lambda quality: 50, lowest=60, highest=60)
    assert tried == [60]
    assert not found.reached


def test_search_on_a_step_takes_the_first_quality_above_it_within_its_encodes() -> None:
    found, tried = search(lambda quality: 90 if quality >= 72 else 60, start=71)
    assert found.reached
    assert found.quality >= 72
    assert len(tried) <= MAX_ENCODES


@given(
    steepness=st.floats(20, 60),
    offset=st.floats(-10, 40),
    target=st.floats(55, 90),
    start=st.integers(1, 100),
)
def test_search_on_a_monotone_curve_is_good_enough_wherever_it_starts(
    steepness: float, offset: float, target: float, start: int
) -> None:
    curve = bent(steepness, offset)
    found, tried = search(curve, target=target, start=start)
    assert len(tried) == found.encodes <= MAX_ENCODES
    assert found.data == f"file at {found.quality}"
    assert found.score == curve(found.quality)
    assert found.reached == (curve(95) >= target - TOLERANCE)
    if not found.reached:
        assert found.quality == 95


@given(
    steepness=st.floats(20, 60),
    offset=st.floats(-10, 40),
    target=st.floats(55, 90),
    away=st.integers(-15, 15),
)
def test_search_that_starts_near_the_right_quality_finds_it_or_the_next(
    steepness: float, offset: float, target: float, away: int
) -> None:
    curve = bent(steepness, offset)
    right = next((quality for quality in range(20, 96) if curve(quality) >= target - TOLERANCE), 95)
    found, _ = search(curve, target=target, start=right + away)
    assert found.score <= target + TOLERANCE or found.quality <= right + 1


@given(
    steepness=st.floats(20, 60),
    offset=st.floats(-10, 40),
    target=st.floats(55, 90),
    start=st.integers(1, 100),
    noise=st.lists(st.floats(-0.8, 0.8), min_size=101, max_size=101),
)
def test_search_on_a_slightly_uneven_curve_keeps_the_smallest_good_file_that_it_made(
    steepness: float, offset: float, target: float, start: int, noise: list[float]
) -> None:
    even = bent(steepness, offset)

    def curve(quality: int) -> float:
        return even(quality) + noise[quality]

    found, tried = search(curve, target=target, start=start)
    enough = [quality for quality in tried if curve(quality) >= target - TOLERANCE]
    assert found.encodes <= MAX_ENCODES
    assert found.quality == (min(enough) if enough else 95)
    assert found.reached == bool(enough)
    assert search(curve, target=target, start=start) == (found, tried)


@pytest.mark.parametrize("start", [40, 60, 75, 90])
def test_search_on_a_usual_curve_takes_three_encodes_at_most(start: int) -> None:
    found, _ = search(
        lambda quality: 45 + 0.45 * quality - 0.0002 * (80 - quality) ** 2, start=start
    )
    assert abs(found.score - 80) <= TOLERANCE
    assert found.encodes <= 3
