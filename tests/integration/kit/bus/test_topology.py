"""Streams and consumers, declared on a real broker."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import RetentionPolicy, StreamConfig
from structlog.testing import capture_logs

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import EVENTS, JOBS, TOPOLOGY, DestructiveChange, apply_topology


async def test_every_stream_and_consumer_of_the_table_exists(bus: Bus) -> None:
    for stream in TOPOLOGY:
        info = await bus.js.stream_info(stream.name)
        assert info.config.subjects == list(stream.subjects)
        assert info.config.retention == stream.retention
        assert info.config.max_age == stream.max_age_s
        assert info.config.duplicate_window == 600
        for consumer in stream.consumers:
            config = (await bus.js.consumer_info(stream.name, consumer.name)).config
            assert config.filter_subject == consumer.filter_subject
            assert config.ack_wait == consumer.ack_wait_s
            assert config.max_deliver == consumer.max_deliver


async def test_applying_again_changes_nothing(bus: Bus, publisher: Publisher) -> None:
    await publisher.publish(Lane.FAST.subject, b"job", headers={}, msg_id=None)
    before = await bus.js.stream_info(JOBS)
    with capture_logs() as logs:
        await apply_topology(bus.js)
    assert logs == []
    after = await bus.js.stream_info(JOBS)
    assert after.state.messages == 1
    assert after.created == before.created


async def test_settings_that_drifted_are_put_right(bus: Bus) -> None:
    events = (await bus.js.stream_info(EVENTS)).config
    await bus.js.update_stream(events.evolve(max_age=60, max_msgs=100, duplicate_window=30))
    lane = (await bus.js.consumer_info(JOBS, Lane.FAST.consumer)).config
    await bus.js.add_consumer(JOBS, lane.evolve(ack_wait=7))
    await apply_topology(bus.js)
    repaired = (await bus.js.stream_info(EVENTS)).config
    assert (repaired.max_age, repaired.max_msgs, repaired.duplicate_window) == (7 * 86400, -1, 600)
    assert (await bus.js.consumer_info(JOBS, Lane.FAST.consumer)).config.ack_wait == 30


async def test_change_that_would_lose_messages_is_refused(bus: Bus) -> None:
    await bus.js.delete_stream(JOBS)
    other = StreamConfig(
        name=JOBS,
        subjects=[Lane.FAST.subject, "picstore.job.other"],
        retention=RetentionPolicy.LIMITS,
    )
    await bus.js.add_stream(other)
    with pytest.raises(DestructiveChange, match=r"retention .* picstore\.job\.other"):
        await apply_topology(bus.js)
    kept = (await bus.js.stream_info(JOBS)).config
    assert kept.subjects == [Lane.FAST.subject, "picstore.job.other"]


async def test_stream_made_anew_numbers_its_messages_from_higher_up(
    bus: Bus, publisher: Publisher
) -> None:
    await publisher.publish(Lane.FAST.subject, b"job", headers={}, msg_id=None)
    before = (await bus.js.stream_info(JOBS)).state.last_seq
    await bus.js.delete_stream(JOBS)
    await apply_topology(bus.js)
    await publisher.publish(Lane.FAST.subject, b"job", headers={}, msg_id=None)
    assert (await bus.js.stream_info(JOBS)).state.first_seq > before


async def test_two_that_declare_lost_streams_at_once_both_go_on(bus: Bus) -> None:
    for _ in range(10):
        for stream in TOPOLOGY:
            await bus.js.delete_stream(stream.name)

        await asyncio.gather(*(apply_topology(bus.js) for _ in range(4)))

    for stream in TOPOLOGY:
        assert (await bus.js.stream_info(stream.name)).config.name == stream.name
