"""What a change of the topology may do to streams that exist."""

from __future__ import annotations

from typing import Any

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.topology import JOBS, TOPOLOGY, destructive_changes

EXISTING = StreamConfig(
    name="S",
    subjects=["a", "b"],
    retention=RetentionPolicy.LIMITS,
    storage=StorageType.FILE,
    max_age=100,
    max_msgs=10,
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"retention": RetentionPolicy.WORK_QUEUE}, "retention"),
        ({"storage": StorageType.MEMORY}, "storage"),
        ({"subjects": ["a", "c"]}, "without the subjects b"),
        ({"max_age": 99}, "max_age"),
        ({"max_msgs": 9}, "max_msgs"),
    ],
)
def test_change_that_would_drop_messages_is_destructive(change: dict[str, Any], told: str) -> None:
    (found,) = destructive_changes(EXISTING, EXISTING.evolve(**change))
    assert told in found


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"subjects": ["a", "b", "c"]},
        {"max_age": 101},
        {"max_age": 0},
        {"max_msgs": -1},
        {"duplicate_window": 5},
        {"discard": DiscardPolicy.NEW},
        {"num_replicas": 3},
    ],
)
def test_change_that_keeps_every_message_is_not(change: dict[str, Any]) -> None:
    assert destructive_changes(EXISTING, EXISTING.evolve(**change)) == []


def test_limit_where_there_was_none_is_destructive() -> None:
    unlimited = EXISTING.evolve(max_age=0, max_msgs=-1)
    assert len(destructive_changes(unlimited, EXISTING)) == 2


def test_lanes_have_one_consumer_each_and_do_not_overlap() -> None:
    (jobs,) = [stream for stream in TOPOLOGY if stream.name == JOBS]
    assert jobs.retention is RetentionPolicy.WORK_QUEUE
    filters = [consumer.filter_subject for consumer in jobs.consumers]
    assert filters == [lane.subject for lane in Lane]
    assert set(filters) == set(jobs.subjects)
