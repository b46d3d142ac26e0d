"""Following facts as they happen: cache invalidation, waiters, purges.

A subscription is an ephemeral consumer that starts with what is published after it was made.
Events arrive in order, and none is missed while the connection breaks or the broker restarts,
as long as the stream survives; each is seen at least once.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from picstore_kit.bus import topology
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.pull import PullBroken, Pulls
from picstore_kit.tasks import cancel
from picstore_kit.telemetry import continued

log = structlog.get_logger(__name__)

_LINGER_S: Final = 30.0
_BATCH: Final = 100
_FORGOTTEN_AFTER_S: Final = 60.0
"""The broker removes the consumer when nobody pulled for so long."""
_MAX_BACKOFF_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact that somebody published."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]


class Subscription:
    """Calls `handler` for each event of `subject`, one after the other; a Lifecycle component.

    Entering it does not wait for the broker; `established` does. A handler that raises is logged,
    and the next event follows.
    """

    def __init__(self, bus: Bus, subject: str, handler: Callable[[Event], Awaitable[None]]) -> None:
        self._bus = bus
        self._subject = subject
        self._handler = handler
        self._established = asyncio.Event()
        self._seen: int | None = None
        """Number of the last event in the stream that was handled; a stream made anew counts on."""
        self._tasks = asyncio.TaskGroup()
        self._loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._loop = self._tasks.create_task(self._follow_for_ever(), name=f"on {self._subject}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            await cancel(self._loop)
        await self._tasks.__aexit__(None, None, None)

    async def established(self) -> None:
        """Return as soon as whatever is published from now on will be seen."""
        await self._established.wait()

    async def _follow_for_ever(self) -> None:
        backoff_s = 0.0
        while True:
            await self._bus.connected()
            try:
                consumer = await self._consumer()
                self._established.set()
                backoff_s = 0.0
                await self._follow(consumer)
            except NotFoundError:
                await self._restore()
            except (PullBroken, nats.errors.Error, OSError, TimeoutError) as error:
                log.info(
                    "events.interrupted",
                    subject=self._subject,
                    error=str(error) or type(error).__name__,
                )
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s + 0.1, _MAX_BACKOFF_S)

    async def _consumer(self) -> str:
        """Make a consumer that goes on after the last event seen, and return its name."""
        stream = await self._bus.js.stream_info(topology.EVENTS)
        config = ConsumerConfig(
            filter_subject=self._subject,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=_FORGOTTEN_AFTER_S,
            mem_storage=True,
            num_replicas=1,
        )
        if self._seen is None:
            # A number instead of "new": with that, an event published before a first consumer
            # was lost would be missed by the second.
            self._seen = stream.state.last_seq
        made = await self._bus.js.add_consumer(
            topology.EVENTS,
            config,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._seen + 1,
        )
        return made.name

    async def _follow(self, consumer: str) -> None:
        async with Pulls(self._bus, stream=topology.EVENTS, release=_forget) as pulls:
            while True:
                if not pulls.outstanding(consumer):
                    await pulls.ask(consumer, batch=_BATCH, linger_s=_LINGER_S)
                arrival = await pulls.next()
                if arrival is not None and arrival.message is not None:
                    await self._deliver(arrival.message)

    async def _deliver(self, message: Msg) -> None:
        event = Event(subject=message.subject, payload=message.data, headers=message.headers or {})
        with continued(event.headers):
            try:
                await self._handler(event)
            except Exception:
                log.exception(
                    "events.handler_failed", incident=uuid.uuid4().hex, subject=event.subject
                )
        self._seen = message.metadata.sequence.stream

    async def _restore(self) -> None:
        try:
            await self._bus.restore_topology()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("events.restore_failed", error=str(error) or type(error).__name__)


def consume_events(
    bus: Bus, subject: str, handler: Callable[[Event], Awaitable[None]]
) -> Subscription:
    """Return the component that calls `handler` for each event of `subject` while it is open."""
    return Subscription(bus, subject, handler)


async def _forget(_message: Msg) -> None:
    """Leave it to the next consumer, which starts after the last event that was handled."""
