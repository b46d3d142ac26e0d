"""Jobs reach a handler once, by priority, and come back when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.delivery import Ack, Delivery, Outcome, Retry, Terminate
from picstore_kit.bus.dlq import dead_letters
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import JOBS, TOPOLOGY
from picstore_kit.bus.worker import Worker

ALL = tuple(Lane)
Handler = Callable[[Delivery], Awaitable[Outcome]]


class Recorder:
    """A handler that notes what it got; `hold` keeps it from finishing until `let_go`."""

    def __init__(self, *outcomes: Outcome, hold: bool = False) -> None:
        self._outcomes = list(outcomes)
        self._gate = asyncio.Event()
        if not hold:
            self._gate.set()
        self._changed = asyncio.Condition()
        self.started: list[Delivery] = []
        self.done = 0

    async def __call__(self, delivery: Delivery) -> Outcome:
        async with self._changed:
            self.started.append(delivery)
            self._changed.notify_all()
        await self._gate.wait()
        async with self._changed:
            self.done += 1
            self._changed.notify_all()
        return self._outcomes.pop(0) if self._outcomes else Ack()

    def let_go(self) -> None:
        self._gate.set()

    @property
    def payloads(self) -> list[bytes]:
        return [delivery.payload for delivery in self.started]

    async def has_started(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.started) >= count)

    async def has_done(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.done >= count)


async def publish(publisher: Publisher, lane: Lane, *payloads: bytes) -> None:
    for payload in payloads:
        await publisher.publish(lane.subject, payload, headers={}, msg_id=None)


async def stored_jobs(bus: Bus) -> int:
    return (await bus.js.stream_info(JOBS)).state.messages


async def until_stored(bus: Bus, count: int) -> None:
    while await stored_jobs(bus) != count:  # noqa: ASYNC110  # only the broker knows
        await asyncio.sleep(0.02)


async def shorten_ack_wait(bus: Bus, lane: Lane, seconds: float) -> None:
    info = await bus.js.consumer_info(JOBS, lane.consumer)
    await bus.js.add_consumer(JOBS, info.config.evolve(ack_wait=seconds))


@pytest.mark.parametrize("lane", ALL)
async def test_job_of_each_lane_reaches_the_handler_and_leaves_the_queue(
    bus: Bus, publisher: Publisher, lane: Lane
) -> None:
    handler = Recorder()
    async with Worker(bus, lanes=ALL, slots=2, handler=handler):
        await publisher.publish(lane.subject, b"job", headers={"Team": "tem_1"}, msg_id="1")
        await handler.has_done(1)
        await until_stored(bus, 0)
    (delivery,) = handler.started
    assert delivery.payload == b"job"
    assert delivery.lane is lane
    assert delivery.subject == lane.subject
    assert delivery.num_delivered == 1
    assert delivery.headers["Team"] == "tem_1"


async def test_lane_that_was_not_asked_for_is_left_alone(bus: Bus, publisher: Publisher) -> None:
    handler = Recorder()
    async with Worker(bus, lanes=[Lane.FAST], slots=4, handler=handler):
        await publish(publisher, Lane.SLOW, b"slow")
        await publish(publisher, Lane.FAST, b"fast")
        await handler.has_done(1)
        await until_stored(bus, 1)
    assert handler.payloads == [b"fast"]


async def test_waiting_jobs_are_taken_by_priority(bus: Bus, publisher: Publisher) -> None:
    for lane in reversed(ALL):
        await publish(publisher, lane, *[lane.encode()] * 2)
    handler = Recorder()
    async with Worker(bus, lanes=ALL, slots=1, handler=handler):
        await handler.has_done(8)
    assert handler.payloads == [lane.encode() for lane in ALL for _ in range(2)]


async def test_one_slot_is_bulks_while_bulk_has_work(bus: Bus, publisher: Publisher) -> None:
    await publish(publisher, Lane.BULK, *[b"bulk"] * 5)
    await publish(publisher, Lane.INTERACTIVE, *[b"interactive"] * 5)
    handler = Recorder(hold=True)
    async with Worker(bus, lanes=ALL, slots=3, handler=handler):
        await handler.has_started(3)
        assert sorted(handler.payloads) == [b"bulk", b"interactive", b"interactive"]
        handler.let_go()
        await handler.has_done(10)


async def test_reserved_slot_is_lent_while_bulk_has_none(bus: Bus, publisher: Publisher) -> None:
    await publish(publisher, Lane.FAST, *[b"fast"] * 3)
    handler = Recorder(hold=True)
    async with Worker(bus, lanes=ALL, slots=3, handler=handler):
        await handler.has_started(3)
        handler.let_go()


async def test_never_more_jobs_than_slots(bus: Bus, publisher: Publisher) -> None:
    running = 0
    most = 0
    done = asyncio.Semaphore(0)

    async def handler(_: Delivery) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        done.release()
        return Ack()

    async with Worker(bus, lanes=ALL, slots=3, handler=handler):
        for number in range(10):
            for lane in ALL:
                await publish(publisher, lane, b"%d" % number)
        for _ in range(40):
            await done.acquire()
        await until_stored(bus, 0)
    assert most == 3


async def test_a_quick_job_starts_while_dear_ones_have_every_slot(
    bus: Bus, publisher: Publisher
) -> None:
    await publish(publisher, Lane.SLOW, *[b"slow"] * 3)
    handler = Recorder(hold=True)
    async with Worker(bus, lanes=ALL, slots=2, express=1, handler=handler):
        await handler.has_started(2)
        await publish(publisher, Lane.FAST, b"first")
        await handler.has_started(3)
        assert handler.payloads == [b"slow", b"slow", b"first"]
        await publish(publisher, Lane.FAST, b"second")
        handler.let_go()
        await handler.has_done(5)
        await until_stored(bus, 0)
    assert handler.payloads[3:] == [b"second", b"slow"]


async def test_dear_jobs_are_taken_again_when_one_ends(bus: Bus, publisher: Publisher) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    started: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(delivery: Delivery) -> Outcome:
        started.put_nowait(delivery.payload)
        if delivery.payload.isdigit():
            await gates[int(delivery.payload)].wait()
        return Ack()

    async with Worker(bus, lanes=ALL, slots=1, express=1, handler=handler):
        await publish(publisher, Lane.SLOW, b"0")
        assert await started.get() == b"0"
        await publish(publisher, Lane.SLOW, b"1")
        # It lingers at the quick lanes alone.
        await publish(publisher, Lane.INTERACTIVE, b"quick")
        assert await started.get() == b"quick"
        gates[0].set()
        assert await started.get() == b"1"
        gates[1].set()
        await until_stored(bus, 0)


async def test_busy_worker_leaves_jobs_to_an_idle_one(bus: Bus, publisher: Publisher) -> None:
    busy, idle = Recorder(hold=True), Recorder()
    async with Worker(bus, lanes=ALL, slots=1, handler=busy):
        await publish(publisher, Lane.FAST, b"first")
        await busy.has_started(1)
        async with Worker(bus, lanes=ALL, slots=1, handler=idle):
            for lane in ALL:
                await publish(publisher, lane, b"next")
            await idle.has_done(4)
        assert busy.payloads == [b"first"]
        busy.let_go()


async def test_retry_comes_back_after_its_delay(bus: Bus, publisher: Publisher) -> None:
    clock = asyncio.get_running_loop().time
    times: list[float] = []

    async def handler(delivery: Delivery) -> Outcome:
        times.append(clock())
        return Retry(0.5) if delivery.num_delivered == 1 else Ack()

    async with Worker(bus, lanes=ALL, slots=2, handler=handler):
        await publish(publisher, Lane.FAST, b"job")
        await until_stored(bus, 0)
    # Not a measure of speed: the broker must not deliver before the delay is over.
    assert times[1] - times[0] >= 0.45


async def test_handler_that_raises_is_retried_and_logged_as_an_incident(
    bus: Bus, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picstore_kit.bus.worker.retry_delay", lambda _: 0.05)

    async def handler(delivery: Delivery) -> Outcome:
        if delivery.num_delivered == 1:
            raise RuntimeError("secret detail")
        return Ack()

    with capture_logs() as logs:
        async with Worker(bus, lanes=ALL, slots=1, handler=handler):
            await publish(publisher, Lane.FAST, b"job")
            await until_stored(bus, 0)
    failures = [entry for entry in logs if entry["event"] == "worker.handler_failed"]
    assert len(failures) == 1
    assert failures[0]["incident"]


async def test_handler_that_hangs_is_cancelled_and_retried(
    bus: Bus, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picstore_kit.bus.worker.retry_delay", lambda _: 0.05)

    async def handler(delivery: Delivery) -> Outcome:
        if delivery.num_delivered == 1:
            await asyncio.Event().wait()
        return Ack()

    async with Worker(bus, lanes=ALL, slots=1, handler=handler, deadline_s=0.2):
        await publish(publisher, Lane.FAST, b"job")
        await until_stored(bus, 0)


async def test_terminated_job_is_a_dead_letter_with_its_reason(
    bus: Bus, publisher: Publisher
) -> None:
    handler = Recorder(Terminate("no such\r\npicture"))
    async with Worker(bus, lanes=ALL, slots=1, handler=handler):
        await publisher.publish(
            Lane.SLOW.subject, b"job", headers={"Team": "tem_1"}, msg_id="job_1"
        )
        await until_stored(bus, 0)
    (letter,) = [letter async for letter in dead_letters(bus)]
    assert letter.reason == "no such picture"
    assert letter.subject == Lane.SLOW.subject
    assert letter.payload == b"job"
    assert letter.deliveries == 1
    assert letter.headers["Team"] == "tem_1"


async def test_job_of_a_worker_that_vanished_is_delivered_to_another(
    bus: Bus, publisher: Publisher
) -> None:
    await shorten_ack_wait(bus, Lane.FAST, 1.0)
    await publish(publisher, Lane.FAST, b"job")
    # Whoever took this job neither answers nor shows signs of life.
    subscription = await bus.js.pull_subscribe_bind(consumer=Lane.FAST.consumer, stream=JOBS)
    await subscription.fetch(1, timeout=5)
    handler = Recorder()
    async with Worker(bus, lanes=ALL, slots=1, handler=handler):
        await until_stored(bus, 0)
    assert [delivery.num_delivered for delivery in handler.started] == [2]


async def test_heartbeats_keep_a_long_job(bus: Bus, publisher: Publisher) -> None:
    await shorten_ack_wait(bus, Lane.SLOW, 1.0)
    long, other = Recorder(hold=True), Recorder()
    async with Worker(bus, lanes=ALL, slots=1, handler=long, heartbeat_s=0.25):
        await publish(publisher, Lane.SLOW, b"long")
        await long.has_started(1)
        async with Worker(bus, lanes=ALL, slots=1, handler=other):
            await asyncio.sleep(2.5)  # is the point: longer than the broker waits for an ack
            long.let_go()
            await until_stored(bus, 0)
    assert len(long.started) == 1
    assert other.started == []


async def test_handler_may_show_signs_of_life_itself(bus: Bus, publisher: Publisher) -> None:
    await shorten_ack_wait(bus, Lane.SLOW, 1.0)
    deliveries = []

    async def handler(delivery: Delivery) -> Outcome:
        deliveries.append(delivery.num_delivered)
        for _ in range(5):
            await asyncio.sleep(0.4)
            await delivery.heartbeat()
        return Ack()

    async with Worker(bus, lanes=ALL, slots=2, handler=handler):
        await publish(publisher, Lane.SLOW, b"long")
        await until_stored(bus, 0)
    assert deliveries == [1]


async def test_stopping_hands_back_what_has_not_started(bus: Bus, publisher: Publisher) -> None:
    first, second = Recorder(hold=True), Recorder()
    async with Worker(bus, lanes=ALL, slots=1, handler=first, drain_s=0.1) as worker:
        await publish(publisher, Lane.FAST, b"job")
        await first.has_started(1)
        await publish(publisher, Lane.FAST, b"later")
        await worker.draining()
    # The first job did not finish within the grace, so both are free at once.
    async with Worker(bus, lanes=ALL, slots=2, handler=second):
        await second.has_done(2)
    assert sorted(second.payloads) == [b"job", b"later"]


async def test_stopping_lets_running_jobs_finish(bus: Bus, publisher: Publisher) -> None:
    handler = Recorder(hold=True)
    async with Worker(bus, lanes=ALL, slots=2, handler=handler) as worker:
        await publish(publisher, Lane.FAST, b"job")
        await handler.has_started(1)
        await worker.draining()
        await publish(publisher, Lane.FAST, b"too late")
        handler.let_go()
    await until_stored(bus, 1)
    assert handler.payloads == [b"job"]


async def test_worker_goes_on_after_every_stream_was_deleted(
    bus: Bus, publisher: Publisher
) -> None:
    handler = Recorder()
    async with Worker(bus, lanes=ALL, slots=2, handler=handler):
        await publish(publisher, Lane.FAST, b"before")
        await handler.has_done(1)
        for stream in TOPOLOGY:
            await bus.js.delete_stream(stream.name)
        await publish(publisher, Lane.FAST, b"after")
        await handler.has_done(2)
        await until_stored(bus, 0)


async def test_worker_goes_on_after_its_consumer_was_deleted(
    bus: Bus, publisher: Publisher
) -> None:
    handler = Recorder()
    async with Worker(bus, lanes=ALL, slots=2, handler=handler):
        await publish(publisher, Lane.FAST, b"before")
        await until_stored(bus, 0)
        await bus.js.delete_consumer(JOBS, Lane.FAST.consumer)
        await publish(publisher, Lane.FAST, b"after")
        await handler.has_done(2)
        await until_stored(bus, 0)


async def test_job_whose_stream_vanished_while_it_ran_does_not_hold_its_slot(
    bus: Bus, publisher: Publisher
) -> None:
    handler = Recorder(hold=True)
    async with Worker(bus, lanes=ALL, slots=1, handler=handler):
        await publish(publisher, Lane.FAST, b"before")
        await handler.has_started(1)
        await bus.js.delete_stream(JOBS)
        handler.let_go()
        await publish(publisher, Lane.FAST, b"after")
        await handler.has_done(2)
