"""Followers see every event in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from structlog.testing import capture_logs

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.events import Event, consume_events
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import EVENTS, apply_topology

REVOKED = "picstore.event.key.revoked"


class Seen:
    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def __call__(self, event: Event) -> None:
        self.events.put_nowait(event)

    async def payloads(self, count: int) -> list[bytes]:
        return [(await self.events.get()).payload for _ in range(count)]


async def publish(publisher: Publisher, *payloads: bytes, subject: str = REVOKED) -> None:
    for payload in payloads:
        await publisher.publish(subject, payload, headers={}, msg_id=None)


async def test_every_subscriber_sees_each_event_in_order(bus: Bus, publisher: Publisher) -> None:
    first, second = Seen(), Seen()
    async with (
        consume_events(bus, REVOKED, first) as one,
        consume_events(bus, "picstore.event.>", second) as other,
    ):
        await one.established()
        await other.established()
        payloads = [b"%d" % number for number in range(250)]
        await publish(publisher, *payloads)
        assert await first.payloads(250) == payloads
        assert await second.payloads(250) == payloads


async def test_only_the_asked_subject_is_seen(bus: Bus, publisher: Publisher) -> None:
    seen = Seen()
    async with consume_events(bus, REVOKED, seen) as subscription:
        await subscription.established()
        await publish(publisher, b"other", subject="picstore.event.image.ready")
        await publish(publisher, b"mine")
        event = await seen.events.get()
    assert (event.subject, event.payload) == (REVOKED, b"mine")


async def test_what_happened_before_is_not_seen(bus: Bus, publisher: Publisher) -> None:
    seen = Seen()
    await publish(publisher, b"before")
    async with consume_events(bus, REVOKED, seen) as subscription:
        await subscription.established()
        await publish(publisher, b"after")
        assert await seen.payloads(1) == [b"after"]


async def test_handler_that_raises_is_logged_and_the_next_event_follows(
    bus: Bus, publisher: Publisher
) -> None:
    seen = Seen()

    async def handler(event: Event) -> None:
        await seen(event)
        if event.payload == b"first":
            raise RuntimeError("a bug")

    with capture_logs() as logs:
        async with consume_events(bus, REVOKED, handler) as subscription:
            await subscription.established()
            await publish(publisher, b"first", b"second")
            assert await seen.payloads(2) == [b"first", b"second"]
    assert [entry["event"] for entry in logs].count("events.handler_failed") == 1


async def test_nothing_is_missed_or_repeated_when_the_consumer_is_lost(
    bus: Bus, publisher: Publisher
) -> None:
    async def lose_consumer() -> None:
        for consumer in await bus.js.consumers_info(EVENTS):
            await bus.js.delete_consumer(EVENTS, consumer.name)

    await _loses(bus, publisher, lose_consumer)


async def test_events_go_on_when_the_stream_is_made_anew(bus: Bus, publisher: Publisher) -> None:
    async def lose_stream() -> None:
        await bus.js.delete_stream(EVENTS)
        await apply_topology(bus.js)

    await _loses(bus, publisher, lose_stream)


async def _loses(bus: Bus, publisher: Publisher, lose: Callable[[], Awaitable[None]]) -> None:
    seen = Seen()
    async with consume_events(bus, REVOKED, seen) as subscription:
        await subscription.established()
        await publish(publisher, b"1", b"2")
        assert await seen.payloads(2) == [b"1", b"2"]
        await lose()
        await publish(publisher, b"3", b"4")
        assert await seen.payloads(2) == [b"3", b"4"]
    assert seen.events.empty()
