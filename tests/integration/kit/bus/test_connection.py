"""The connection outlives whatever happens to the broker."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import nats.errors
import pytest

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.delivery import Ack, Delivery, Outcome
from picstore_kit.bus.events import Event, Subscription
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import apply_topology
from picstore_kit.bus.worker import Worker
from picstore_kit.settings import NATSSettings

Broker = Any


async def until_disconnected(bus: Bus) -> None:
    while bus.is_connected:  # noqa: ASYNC110  # only the client knows
        await asyncio.sleep(0.01)


async def test_service_may_start_before_its_broker(tmp_path: Path, make_broker: Any) -> None:
    broker: Broker = make_broker(tmp_path)
    async with Bus(NATSSettings(url=broker.url, connect_timeout_s=0.2), name="test") as bus:
        assert not bus.is_connected
        await broker.start()
        await bus.connected()
        await apply_topology(bus.js)


async def test_url_that_can_never_work_fails_at_once() -> None:
    with pytest.raises((nats.errors.Error, ValueError)):
        async with Bus(NATSSettings(url="nats://127.0.0.1:port"), name="test"):
            pass


async def test_wrong_password_is_no_connection(tmp_path: Path, make_broker: Any) -> None:
    broker: Broker = make_broker(tmp_path, "--user", "me", "--pass", "right")
    await broker.start()
    right = broker.url.replace("//", "//me:right@")
    wrong = broker.url.replace("//", "//me:wrong@")
    async with Bus(NATSSettings(url=right), name="test") as bus:
        await bus.connected()
    async with Bus(NATSSettings(url=wrong, connect_timeout_s=0.5), name="test") as bus:
        assert not bus.is_connected


@pytest.mark.parametrize("store", ["kept", "deleted"])
async def test_everything_goes_on_after_the_broker_was_killed(broker: Broker, store: str) -> None:
    jobs: asyncio.Queue[bytes] = asyncio.Queue()
    events: asyncio.Queue[bytes] = asyncio.Queue()

    async def work(delivery: Delivery) -> Outcome:
        jobs.put_nowait(delivery.payload)
        return Ack()

    async def note(event: Event) -> None:
        events.put_nowait(event.payload)

    async with Bus(NATSSettings(url=broker.url), name="test") as bus:
        await bus.connected()
        publisher = Publisher(bus)
        async with (
            Worker(bus, lanes=list(Lane), slots=2, handler=work),
            Subscription(bus, "picstore.event.>", note) as subscription,
        ):
            await subscription.established()
            for payload in (b"before", b"after"):
                await publisher.publish(Lane.FAST.subject, payload, headers={}, msg_id=None)
                await publisher.publish("picstore.event.x", payload, headers={}, msg_id=None)
                assert await jobs.get() == payload
                assert await events.get() == payload
                if payload == b"before":
                    await broker.kill()
                    await until_disconnected(bus)
                    if store == "deleted":
                        shutil.rmtree(broker.directory / "jetstream")
                    await broker.start()
                    await bus.connected()
    assert jobs.empty()
    assert events.empty()


async def test_job_that_ended_while_the_broker_was_away_is_settled(broker: Broker) -> None:
    began, end = asyncio.Event(), asyncio.Event()

    async def work(_: Delivery) -> Outcome:
        # Maybe twice: the broker writes down late what it has delivered.
        began.set()
        await end.wait()
        return Ack()

    async with Bus(NATSSettings(url=broker.url), name="test") as bus:
        await bus.connected()
        async with Worker(bus, lanes=list(Lane), slots=2, handler=work):
            await Publisher(bus).publish(Lane.FAST.subject, b"job", headers={}, msg_id=None)
            await began.wait()
            await broker.kill()
            await until_disconnected(bus)
            end.set()
            await broker.start()
            while (await _stored(bus)) != 0:  # noqa: ASYNC110  # only the broker knows
                await asyncio.sleep(0.02)


async def _stored(bus: Bus) -> int:
    await bus.connected()
    try:
        return (await bus.js.stream_info("PICSTORE_JOBS")).state.messages
    except nats.errors.Error:
        return -1
