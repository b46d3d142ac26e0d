"""Publishing: confirmed, recognised when repeated, traced, and refused with a reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import JOBS, apply_topology
from picstore_kit.errors import InvalidArgument, Reason, Unavailable
from picstore_kit.settings import NATSSettings

Broker = Any

SUBJECT = Lane.FAST.subject


async def stored(bus: Bus) -> int:
    return (await bus.js.stream_info(JOBS)).state.messages


async def test_same_message_id_is_stored_once(bus: Bus, publisher: Publisher) -> None:
    for _ in range(3):
        await publisher.publish(SUBJECT, b"job", headers={}, msg_id="job_1")
    await publisher.publish(SUBJECT, b"job", headers={}, msg_id="job_2")
    assert await stored(bus) == 2


async def test_headers_and_the_current_trace_travel_along(bus: Bus, publisher: Publisher) -> None:
    context = SpanContext(
        trace_id=0xA1, span_id=0xB2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    with trace.use_span(NonRecordingSpan(context)):
        await publisher.publish(SUBJECT, b"job", headers={"Team": "tem_1"}, msg_id=None)
    headers = (await bus.js.get_last_msg(JOBS, SUBJECT)).headers or {}
    assert headers["Team"] == "tem_1"
    assert headers["traceparent"] == f"00-{0xA1:032x}-{0xB2:016x}-01"


async def test_trace_that_the_message_carries_is_kept(bus: Bus, publisher: Publisher) -> None:
    carried = f"00-{0xC3:032x}-{0xD4:016x}-01"
    await publisher.publish(SUBJECT, b"job", headers={"traceparent": carried}, msg_id=None)
    headers = (await bus.js.get_last_msg(JOBS, SUBJECT)).headers or {}
    assert headers["traceparent"] == carried


async def test_deleted_stream_is_declared_again(bus: Bus, publisher: Publisher) -> None:
    await bus.js.delete_stream(JOBS)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(publisher.publish(SUBJECT, b"job", headers={}, msg_id=None))
    assert await stored(bus) == 20
    assert await bus.js.consumer_info(JOBS, Lane.FAST.consumer)


async def test_full_stream_is_overloaded(bus: Bus, publisher: Publisher) -> None:
    config = (await bus.js.stream_info(JOBS)).config
    await bus.js.update_stream(config.evolve(max_msgs=1))
    await publisher.publish(SUBJECT, b"job", headers={}, msg_id=None)
    with pytest.raises(Unavailable) as caught:
        await publisher.publish(SUBJECT, b"job", headers={}, msg_id=None)
    assert caught.value.reason is Reason.OVERLOADED


async def test_message_that_is_too_large_is_refused(publisher: Publisher) -> None:
    with pytest.raises(InvalidArgument):
        await publisher.publish(SUBJECT, bytes(2 * 1024 * 1024), headers={}, msg_id=None)


async def test_publishing_without_a_broker_is_unavailable(broker: Broker) -> None:
    settings = NATSSettings(url=broker.url, connect_timeout_s=5, publish_timeout_s=0.3)
    async with Bus(settings, name="test") as bus:
        await bus.connected()
        await broker.kill()
        with pytest.raises(Unavailable) as caught:
            await Publisher(bus).publish(SUBJECT, b"job", headers={}, msg_id=None)
    assert caught.value.reason is Reason.DEPENDENCY_UNAVAILABLE
    assert caught.value.retry_after


async def test_broker_that_hangs_is_unavailable_and_then_available(broker: Broker) -> None:
    settings = NATSSettings(url=broker.url, publish_timeout_s=0.5)
    async with Bus(settings, name="test") as bus:
        await bus.connected()
        await apply_topology(bus.js)
        publisher = Publisher(bus)
        await broker.pause()
        with pytest.raises(Unavailable):
            await publisher.publish(SUBJECT, b"job", headers={}, msg_id="1")
        broker.resume()
        await publisher.publish(SUBJECT, b"job", headers={}, msg_id="1")
        assert await stored(bus) == 1
