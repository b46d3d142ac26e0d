"""Lanes, their subjects and their priority."""

from __future__ import annotations

import pytest

from picstore_kit.bus.lanes import Lane


def test_lanes_are_declared_by_priority() -> None:
    assert list(Lane) == [Lane.INTERACTIVE, Lane.FAST, Lane.SLOW, Lane.BULK]


@pytest.mark.parametrize("lane", Lane)
def test_lane_is_known_by_its_subject(lane: Lane) -> None:
    assert lane.subject == f"picstore.job.convert.{lane}"
    assert Lane.of(lane.subject) is lane


@pytest.mark.parametrize("subject", ["picstore.job.convert.other", "fast.fast", ""])
def test_other_subjects_are_no_lane(subject: str) -> None:
    with pytest.raises(ValueError, match="not a valid Lane"):
        Lane.of(subject)
