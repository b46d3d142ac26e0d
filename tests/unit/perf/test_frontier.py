"""The arithmetic of the AVIF bench, and its plot."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.perf.imaging.frontier import TARGETS, OutOfReach, Point, at_score, compare
from tests.perf.imaging.plot import Mark, draw


def curve(*, bytes_factor: float = 1.0, cpu_ms: float = 10.0) -> list[Point]:
    """An encoder whose bytes double with every ten points."""
    return [
        Point(score=score, bytes=bytes_factor * 1000 * 2 ** (score / 10), cpu_ms=cpu_ms)
        for score in (90.0, 60.0, 70.0, 80.0)
    ]


def test_between_two_points_bytes_grow_by_factors() -> None:
    point = at_score(curve(), 65)
    assert point.bytes == pytest.approx(1000 * 2**6.5)
    assert point.cpu_ms == 10


@pytest.mark.parametrize("score", [59.9, 90.1])
def test_nothing_is_made_up_beyond_the_points(score: float) -> None:
    with pytest.raises(OutOfReach, match=str(score)):
        at_score(curve(), score)


def test_an_encoder_is_compared_at_equal_scores() -> None:
    compared = compare([curve(bytes_factor=1.2, cpu_ms=5)] * 2, [curve()] * 2)
    assert compared.bytes_ratio == pytest.approx(1.2)
    assert compared.time_ratio == pytest.approx(0.5)
    assert compared.cpu_ms == pytest.approx(5)
    assert all(60 <= target <= 90 for target in TARGETS)


def test_the_plot_shows_each_encoder_that_fits(tmp_path: Path) -> None:
    marks = [
        Mark(name="slow", time_ratio=1.0, bytes_ratio=1.0, effort=7),
        Mark(name="fast", time_ratio=0.1, bytes_ratio=1.1, effort=3),
        Mark(name="old", time_ratio=0.05, bytes_ratio=1.5, effort=None),
        Mark(name="hopeless", time_ratio=0.05, bytes_ratio=2.5, effort=None),
    ]
    draw(path := tmp_path / "docs/a.svg", marks)
    plot = ElementTree.fromstring(path.read_text())
    texts = [text.text for text in plot.iter("{http://www.w3.org/2000/svg}text")]
    assert {"7: slow", "3: fast", "old"} <= set(texts)
    assert "hopeless" not in texts
    dots = plot.findall("{http://www.w3.org/2000/svg}circle")
    left = {dot.get("class"): float(dot.get("cx") or 0) for dot in dots}
    assert left["other"] < left["ours"]
