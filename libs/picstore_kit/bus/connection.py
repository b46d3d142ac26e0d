"""The one connection that a process has to NATS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import nats.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from picstore_kit.bus.topology import apply_topology
from picstore_kit.settings import NATSSettings
from picstore_kit.tasks import cancel

log = structlog.get_logger(__name__)

_PING_INTERVAL_S: Final = 2
_OUTSTANDING_PINGS: Final = 2
"""A broker that hangs is noticed after 4 to 6 s; the client's own default takes minutes."""
_RECONNECT_WAIT_S: Final = 0.5
_MAX_BUFFERED_BYTES: Final = 4 * 1024 * 1024
"""What is buffered for the socket at most, while it is slow or gone."""
_DRAIN_S: Final = 5


class Bus:
    """A connection that is kept for ever, whatever happens to the broker; a Lifecycle component.

    Entering it waits for the broker only as long as the settings say: a service whose reads do not
    need the bus starts without it. Whoever cannot do without awaits `connected`.
    """

    def __init__(self, settings: NATSSettings, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client = Client()
        self._connected = asyncio.Event()
        self._watchers: set[Callable[[], None]] = set()
        self._restoring = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_connected(), name="bus")
        first = asyncio.create_task(self._connected.wait(), name="bus first connection")
        try:
            await asyncio.wait(
                (self._keeper, first),
                timeout=self._settings.connect_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._keeper.done():  # it gives up only on a URL that can never work
                await self._keeper
        except BaseException:
            await self.drain()
            raise
        finally:
            first.cancel()
        if not self.is_connected:
            log.warning("bus.unreachable", bus=self._name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.drain()

    @property
    def nc(self) -> Client:
        """The client; ask again for each use, for it is replaced when the broker expels it."""
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream through the present client."""
        return self._client.jetstream(timeout=self._settings.publish_timeout_s)

    @property
    def publish_timeout_s(self) -> float:
        """Seconds that the broker gets to confirm a message."""
        return self._settings.publish_timeout_s

    @property
    def is_connected(self) -> bool:
        """Whether the broker answers, as far as the last pings tell."""
        return self._connected.is_set()

    async def connected(self) -> None:
        """Return as soon as there is a connection."""
        await self._connected.wait()

    @contextmanager
    def on_reconnect(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` whenever a connection was made: the broker forgot pending requests."""
        self._watchers.add(callback)
        try:
            yield
        finally:
            self._watchers.discard(callback)

    async def restore_topology(self) -> None:
        """Declare streams and consumers again; callers that find them gone at once share the work.

        Raises:
            nats.errors.Error: The broker failed or did not answer.
        """
        async with self._restoring:
            await apply_topology(self.js, replicas=self._settings.replicas)

    async def drain(self) -> None:
        """Let what is buffered leave, then close for good."""
        if self._keeper is None:
            return
        await cancel(self._keeper)
        self._keeper = None
        self._connected.clear()

    async def _keep_connected(self) -> None:
        """Replace the client whenever the broker expels it, which the client takes as final."""
        while True:
            closed = asyncio.Event()
            self._client = client = Client()
            try:
                await client.connect(**self._options(closed))
            except asyncio.CancelledError:
                await client.close()
                raise
            try:
                self._announce("bus.connected")
                await closed.wait()
            finally:
                self._connected.clear()
                await _close(client)
            log.warning("bus.expelled", bus=self._name, error=str(client.last_error))
            await asyncio.sleep(_RECONNECT_WAIT_S)

    def _announce(self, event: str) -> None:
        log.info(event, bus=self._name)
        self._connected.set()
        for callback in tuple(self._watchers):
            callback()

    def _options(self, closed: asyncio.Event) -> dict[str, Any]:
        async def on_error(error: Exception) -> None:
            # Refused and broken connections are told by the other callbacks, once each.
            if isinstance(error, OSError | nats.errors.StaleConnectionError | TimeoutError):
                log.debug("bus.attempt_failed", bus=self._name, error=repr(error))
            else:
                log.warning("bus.error", bus=self._name, error=repr(error))

        async def on_disconnected() -> None:
            if self._connected.is_set():
                self._connected.clear()
                log.warning("bus.disconnected", bus=self._name)

        async def on_reconnected() -> None:
            self._announce("bus.reconnected")

        async def on_closed() -> None:
            closed.set()

        return {
            "servers": [url.strip() for url in self._settings.url.split(",")],
            "name": self._name,
            "connect_timeout": self._settings.connect_timeout_s,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _RECONNECT_WAIT_S,
            "ping_interval": _PING_INTERVAL_S,
            "max_outstanding_pings": _OUTSTANDING_PINGS,
            "pending_size": _MAX_BUFFERED_BYTES,
            "flush_timeout": self._settings.publish_timeout_s,
            "drain_timeout": _DRAIN_S,
            "error_cb": on_error,
            "disconnected_cb": on_disconnected,
            "reconnected_cb": on_reconnected,
            "closed_cb": on_closed,
        }


async def _close(client: Client) -> None:
    """Drain `client` if the broker is there to drain to, and close it anyhow."""
    try:
        if client.is_connected and not client.is_draining:
            async with asyncio.timeout(_DRAIN_S):
                await client.drain()
    except (nats.errors.Error, OSError, TimeoutError):
        log.info("bus.drain_failed")
    finally:
        with suppress(OSError):  # the broker went away meanwhile
            await client.close()
