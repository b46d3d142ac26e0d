"""Pull requests at durable or ephemeral consumers, answered into one queue.

The client library's own `fetch` probes before it waits, cannot wait at several consumers at once,
and loses what arrives while it is cancelled. Here every request is one message, what it brings is
always seen, and a request that the broker forgot is noticed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header

from picstore_kit.bus.connection import Bus

_HEARTBEAT_S: Final = 5.0
_SILENCE_S: Final = 2.5 * _HEARTBEAT_S
_PROBE_S: Final = 2.0
_WITHDRAW_S: Final = 2.0
_NANOSECONDS: Final = 1_000_000_000

_HEARTBEAT: Final = "100"
_CONFLICT: Final = "409"
_NO_RESPONDERS: Final = "503"
_EXHAUSTED: Final = "Exceeded"
"""In the description of a conflict that only says: nothing for you now."""


class PullBroken(Exception):
    """The broker lost the request, or the consumer is gone: connect or declare it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a pull request brought: a message, or its end if `message` is None."""

    consumer: str
    message: Msg | None


@dataclass(slots=True, kw_only=True)
class _Request:
    inbox: str
    subscription: Subscription | None = None
    outstanding: int = 0
    """Messages that it may still bring, or has brought and nobody took yet."""
    lingers: bool = False
    silent_at: float = 0.0
    """When to give up on it, in the event loop's time."""


class Pulls:
    """Pull requests at consumers of one stream, at most one at each at a time.

    Leaving it withdraws them; `release` gets each message that arrived and was not taken.
    """

    def __init__(self, bus: Bus, *, stream: str, release: Callable[[Msg], Awaitable[None]]) -> None:
        self._bus = bus
        self._nc = bus.nc
        self._stream = stream
        self._release = release
        self._requests: dict[str, _Request] = {}
        self._arrivals: asyncio.Queue[Arrival | PullBroken | None] = asyncio.Queue()
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(self._bus.on_reconnect(self._forgotten))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        for message in await self._withdraw():
            await self._release(message)

    async def ask(self, consumer: str, *, batch: int, linger_s: float | None) -> None:
        """Ask `consumer` for up to `batch` messages: for those that wait now, or for `linger_s`.

        Raises:
            nats.errors.Error: The request could not be sent.
        """
        request = self._requests.get(consumer)
        if request is None:
            request = await self._open(consumer)
        wanted: dict[str, Any] = {"batch": batch}
        if linger_s is None:
            wanted["no_wait"] = True
            patience_s = _PROBE_S
        else:
            wanted["expires"] = int(linger_s * _NANOSECONDS)
            wanted["idle_heartbeat"] = int(_HEARTBEAT_S * _NANOSECONDS)
            patience_s = _SILENCE_S
        request.outstanding = batch
        request.lingers = linger_s is not None
        request.silent_at = asyncio.get_running_loop().time() + patience_s
        await self._nc.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer}",
            json.dumps(wanted).encode(),
            reply=request.inbox,
        )

    async def next(self) -> Arrival | None:
        """Return what came first, or None if `interrupt` was called.

        Raises:
            PullBroken: A request was lost, or its consumer does not exist.
        """
        while True:
            try:
                async with asyncio.timeout_at(self._silent_at()):
                    arrival = await self._arrivals.get()
            except TimeoutError:
                silent_at = self._silent_at()
                if silent_at is not None and silent_at <= asyncio.get_running_loop().time():
                    raise PullBroken("the broker fell silent") from None
                continue  # a heartbeat has moved the deadline meanwhile
            if isinstance(arrival, PullBroken):
                raise arrival
            if arrival is not None:
                request = self._requests[arrival.consumer]
                request.outstanding -= 1 if arrival.message else request.outstanding
            return arrival

    def outstanding(self, consumer: str) -> bool:
        """Whether a request at `consumer` may still bring something."""
        request = self._requests.get(consumer)
        return request is not None and request.outstanding > 0

    def interrupt(self) -> None:
        """Make `next` return None."""
        self._arrivals.put_nowait(None)

    async def _withdraw(self) -> list[Msg]:
        """Withdraw every request and return the messages that had already arrived.

        The broker hears of it before this returns, so nothing can arrive later and get lost.
        """
        requests, self._requests = self._requests, {}
        async with asyncio.TaskGroup() as tasks:
            for request in requests.values():
                tasks.create_task(_end(request))
        messages = []
        while not self._arrivals.empty():
            arrival = self._arrivals.get_nowait()
            if isinstance(arrival, Arrival) and arrival.message is not None:
                messages.append(arrival.message)
        return messages

    async def _open(self, consumer: str) -> _Request:
        request = _Request(inbox=self._nc.new_inbox())

        async def on_message(message: Msg) -> None:
            self._receive(consumer, request, message)

        request.subscription = await self._nc.subscribe(request.inbox, cb=on_message)
        self._requests[consumer] = request
        return request

    def _receive(self, consumer: str, request: _Request, message: Msg) -> None:
        status = (message.headers or {}).get(Header.STATUS.value)
        if status is None or message.reply:
            self._arrivals.put_nowait(Arrival(consumer=consumer, message=message))
        elif status == _HEARTBEAT:
            request.silent_at = asyncio.get_running_loop().time() + _SILENCE_S
        elif status == _NO_RESPONDERS:
            self._arrivals.put_nowait(PullBroken(f"there is no consumer {consumer}"))
        elif status == _CONFLICT and (request.lingers or _EXHAUSTED not in _description(message)):
            self._arrivals.put_nowait(PullBroken(f"{consumer}: {_description(message)}"))
        else:
            self._arrivals.put_nowait(Arrival(consumer=consumer, message=None))

    def _silent_at(self) -> float | None:
        pending = [r.silent_at for r in self._requests.values() if r.outstanding > 0]
        return min(pending, default=None)

    def _forgotten(self) -> None:
        self._arrivals.put_nowait(PullBroken("the connection was made anew"))


def _description(message: Msg) -> str:
    return (message.headers or {}).get(Header.DESCRIPTION.value, "")


async def _end(request: _Request) -> None:
    if request.subscription is None:
        return
    try:
        # Draining tells the broker and waits until everything that it had sent has arrived.
        async with asyncio.timeout(_WITHDRAW_S):
            await request.subscription.drain()  # type: ignore[no-untyped-call]  # nats-py's gap
    except (nats.errors.Error, OSError, TimeoutError):
        pass  # without a connection there is nothing to withdraw
