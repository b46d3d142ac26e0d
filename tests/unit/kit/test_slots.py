"""Which lanes have room for one more job, as a decision without a broker."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.slots import Slots

FAST, SLOW, BULK, INTERACTIVE = Lane.FAST, Lane.SLOW, Lane.BULK, Lane.INTERACTIVE
QUICK = (INTERACTIVE, FAST)


@pytest.mark.parametrize(
    ("running", "quick", "dear"),
    [
        ([], 2, 2),
        ([FAST], 1, 1),
        ([SLOW], 1, 1),
        ([SLOW, BULK], 1, 0),
        ([SLOW, FAST], 0, 0),
        ([FAST, INTERACTIVE], 0, 0),
        ([SLOW, SLOW, FAST], 0, 0),
    ],
)
def test_an_express_slot_opens_only_where_dear_jobs_have_all(
    running: Sequence[Lane], quick: int, dear: int
) -> None:
    slots = Slots(usual=2, express=1)

    assert {slots.room(lane, running) for lane in QUICK} == {quick}
    assert {slots.room(lane, running) for lane in (SLOW, BULK)} == {dear}


@given(
    usual=st.integers(1, 5),
    express=st.integers(0, 3),
    arrivals=st.lists(st.tuples(st.sampled_from(Lane), st.booleans()), max_size=60),
)
def test_whatever_comes_and_goes_no_more_run_than_there_are_slots(
    usual: int, express: int, arrivals: list[tuple[Lane, bool]]
) -> None:
    slots = Slots(usual=usual, express=express)
    running: list[Lane] = []
    for lane, ends in arrivals:
        if ends and running:
            running.pop(0)
        room = slots.room(lane, running)
        assert room >= 0
        if room:
            running.append(lane)
        assert sum(lane.is_dear for lane in running) <= usual
        assert len(running) <= usual + express
        if express and all(lane.is_dear for lane in running):
            assert slots.room(FAST, running) > 0
