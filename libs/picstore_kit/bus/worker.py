"""The loop that takes jobs from their lanes and hands them to a handler.

A request lingers at every lane that has room, so a job starts as soon as it is published. When a
lane has no room any more, or has it again, the requests are withdrawn: a busy worker hoards nothing
that an idle one could do. Then the lanes are asked by priority before requests linger again.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import nats.errors
import structlog
from nats.aio.msg import Msg
from opentelemetry import trace

from picstore_kit.bus import dlq, topology
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.delivery import Ack, Delivery, Outcome, Retry, Terminate, retry_delay
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.pull import PullBroken, Pulls
from picstore_kit.bus.slots import Slots
from picstore_kit.errors import PicstoreError
from picstore_kit.tasks import cancel
from picstore_kit.telemetry import continued

__all__ = ["Ack", "Delivery", "Outcome", "Retry", "Terminate", "Worker", "retry_delay"]

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)

_LINGER_S: Final = 30.0
_CONFIRM_S: Final = 3.0
_SETTLE_S: Final = 20.0
"""How long to go on telling the broker an outcome; below ack_wait, as it is void after that."""
_SETTLE_PAUSE_S: Final = 0.25
_MISSING_CONSUMER_TRIES: Final = 4
_MAX_BACKOFF_S: Final = 2.0


class Worker:
    """Runs up to `slots` deliveries at once, and `express` more; a Lifecycle component.

    The express slots are for lanes that are not dear, while dear ones have all the others.

    Lanes are served in the order of `Lane`. If there is more than one slot, one of them is the
    bulk lane's whenever bulk has work: while none of its jobs runs here, it is asked first. The
    slot is lent to the others while bulk has none.

    Entering starts the loop. Leaving stops it, lets running handlers finish for `drain_s`, then
    cancels them and hands their messages back. A handler that raises gets its message retried; one
    that takes longer than `deadline_s` is cancelled and retried.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        lanes: Sequence[Lane],
        slots: int,
        express: int = 0,
        handler: Callable[[Delivery], Awaitable[Outcome]],
        heartbeat_s: float = 10.0,
        drain_s: float = 25.0,
        deadline_s: float = 900.0,
    ) -> None:
        if slots < 1 or not lanes:
            raise ValueError("a worker needs a slot and a lane")
        self._bus = bus
        self._publisher = Publisher(bus)
        self._lanes = [lane for lane in Lane if lane in lanes]
        self._slots = Slots(usual=slots, express=express)
        self._handler = handler
        self._heartbeat_s = heartbeat_s
        self._drain_s = drain_s
        self._deadline_s = deadline_s
        self._running: dict[asyncio.Task[None], tuple[Lane, Msg]] = {}
        self._changed = asyncio.Event()
        self._stopping = False
        self._pulls: Pulls | None = None
        self._asked: list[Lane] = []
        self._tasks = asyncio.TaskGroup()
        self._loop: asyncio.Task[None] | None = None
        self._beats: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._loop = self._tasks.create_task(self._pull_for_ever(), name="worker loop")
        self._beats = self._tasks.create_task(self._beat_for_ever(), name="worker heartbeats")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.draining()
        if self._running:
            log.info("worker.draining", jobs=len(self._running))
            _, late = await asyncio.wait(self._running.keys(), timeout=self._drain_s)
            if late:
                log.warning("worker.drain_expired", jobs=len(late))
                await cancel(*late)
        if self._beats is not None:
            await cancel(self._beats)
        await self._tasks.__aexit__(None, None, None)

    async def draining(self) -> None:
        """Take no more jobs, and hand back at once what has arrived but not started."""
        self._stopping = True
        if self._loop is None:
            return
        if self._pulls is None:
            await cancel(self._loop)
        else:
            self._pulls.interrupt()
            await asyncio.wait((self._loop,))

    def _room(self, lane: Lane) -> int:
        return self._slots.room(lane, [lane for lane, _ in self._running.values()])

    def _roomy(self) -> list[Lane]:
        """The lanes of which a job could start now."""
        return [lane for lane in self._lanes if self._room(lane) > 0]

    async def _pull_for_ever(self) -> None:
        backoff_s = 0.0
        while not self._stopping:
            await self._vacancy()
            await self._bus.connected()
            try:
                await self._round()
                backoff_s = 0.0
            except (PullBroken, nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("worker.interrupted", error=str(error) or type(error).__name__)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s + 0.1, _MAX_BACKOFF_S)
                await self._restore()

    async def _vacancy(self) -> None:
        while not self._roomy():
            self._changed.clear()
            await self._changed.wait()

    async def _round(self) -> None:
        """Take jobs until other lanes have room than at its begin, or the worker stops."""
        self._pulls = Pulls(self._bus, stream=topology.JOBS, release=self._hand_back)
        self._asked = self._roomy()
        try:
            async with self._pulls as pulls:
                await self._poll(pulls)
                while self._roomy() == self._asked and not self._stopping:
                    await self._linger(pulls)
        finally:
            self._pulls = None

    async def _poll(self, pulls: Pulls) -> None:
        """Ask lane by lane for what waits there."""
        for lane, share in self._turns():
            if self._stopping:
                return
            if (batch := min(share, self._room(lane))) < 1:
                continue
            await pulls.ask(lane.consumer, batch=batch, linger_s=None)
            while pulls.outstanding(lane.consumer):
                await self._take(pulls)

    async def _linger(self, pulls: Pulls) -> None:
        """Wait for the next job of any lane that has room."""
        for lane in self._asked:
            if not pulls.outstanding(lane.consumer):
                await pulls.ask(lane.consumer, batch=1, linger_s=_LINGER_S)
        await self._take(pulls)

    def _turns(self) -> Iterator[tuple[Lane, int]]:
        reserves = self._slots.usual > 1 and Lane.BULK in self._lanes
        if reserves and all(lane is not Lane.BULK for lane, _ in self._running.values()):
            yield Lane.BULK, 1
        for lane in self._lanes:
            yield lane, self._slots.usual

    async def _take(self, pulls: Pulls) -> None:
        arrival = await pulls.next()
        if arrival is None or arrival.message is None:
            return
        message = arrival.message
        if self._stopping:
            await self._hand_back(message)
            return
        lane = Lane.of(message.subject)
        task = self._tasks.create_task(self._handle(lane, message), name=f"job {lane}")
        self._running[task] = (lane, message)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._changed.set()
        if self._pulls is not None and self._roomy() != self._asked:
            self._pulls.interrupt()

    async def _restore(self) -> None:
        try:
            await self._bus.restore_topology()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("worker.restore_failed", error=str(error) or type(error).__name__)

    async def _handle(self, lane: Lane, message: Msg) -> None:
        async def heartbeat() -> None:
            await self._bus.nc.publish(message.reply, Msg.Ack.Progress)

        delivery = Delivery(
            payload=message.data,
            headers=message.headers or {},
            subject=message.subject,
            lane=lane,
            num_delivered=message.metadata.num_delivered,
            heartbeat=heartbeat,
        )
        with (
            continued(delivery.headers),
            tracer.start_as_current_span(f"work {lane}", kind=trace.SpanKind.CONSUMER),
        ):
            started = time.monotonic()
            try:
                outcome = await self._outcome(delivery)
                await self._settle(delivery, message, outcome)
            except asyncio.CancelledError:
                await self._hand_back(message)
                raise
            log.info(
                "worker.settled",
                lane=lane,
                outcome=type(outcome).__name__,
                deliveries=delivery.num_delivered,
                ms=round(1000 * (time.monotonic() - started)),
            )

    async def _outcome(self, delivery: Delivery) -> Outcome:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._handler(delivery)
        except Exception:
            log.exception(
                "worker.handler_failed",
                incident=uuid.uuid4().hex,
                lane=delivery.lane,
                deliveries=delivery.num_delivered,
            )
            return Retry(retry_delay(delivery.num_delivered))

    async def _settle(self, delivery: Delivery, message: Msg, outcome: Outcome) -> None:
        match outcome:
            case Ack():
                await self._answer(message, Msg.Ack.Ack)
            case Retry(delay_s):
                await self._answer(message, _nak(delay_s))
            case Terminate(reason):
                try:
                    await dlq.bury(
                        self._publisher,
                        subject=delivery.subject,
                        payload=delivery.payload,
                        headers=delivery.headers,
                        reason=reason,
                        deliveries=delivery.num_delivered,
                        sequence=message.metadata.sequence.stream,
                    )
                except PicstoreError as error:
                    log.warning("worker.bury_failed", error=error.message)
                    await self._answer(message, _nak(retry_delay(delivery.num_delivered)))
                else:
                    await self._answer(message, Msg.Ack.Term + b" " + _one_line(reason))

    async def _answer(self, message: Msg, answer: bytes) -> None:
        """Tell the broker, until it confirms; if it never does, the message comes again."""
        missing = 0
        try:
            async with asyncio.timeout(_SETTLE_S):
                while True:
                    await self._bus.connected()
                    try:
                        await self._bus.nc.request(message.reply, answer, timeout=_CONFIRM_S)
                        return
                    except nats.errors.NoRespondersError:
                        # Either JetStream is still starting, or its store was deleted.
                        missing += 1
                        if missing == _MISSING_CONSUMER_TRIES:
                            log.warning("worker.consumer_gone", subject=message.subject)
                            return
                    except (nats.errors.Error, OSError) as error:
                        log.debug("worker.unconfirmed", error=repr(error))
                    await asyncio.sleep(_SETTLE_PAUSE_S)
        except TimeoutError:
            log.warning("worker.outcome_lost", subject=message.subject)

    async def _hand_back(self, message: Msg) -> None:
        try:
            await self._bus.nc.publish(message.reply, Msg.Ack.Nak)
        except (nats.errors.Error, OSError) as error:
            log.warning("worker.hand_back_failed", error=repr(error))

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            for _, message in tuple(self._running.values()):
                try:
                    await self._bus.nc.publish(message.reply, Msg.Ack.Progress)
                except (nats.errors.Error, OSError) as error:
                    log.warning("worker.heartbeat_failed", error=repr(error))


def _nak(delay_s: float) -> bytes:
    if delay_s <= 0:
        return Msg.Ack.Nak
    return Msg.Ack.Nak + b" " + json.dumps({"delay": int(delay_s * 1e9)}).encode()


def _one_line(text: str) -> bytes:
    return " ".join(text.split()).encode()[:256]
