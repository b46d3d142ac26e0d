"""How a process starts and stops: components open in order, drain, and close in reverse order.

    async def build(lifecycle: Lifecycle) -> None:
        database = await lifecycle.enter(Database(settings.postgres, …))
        server = await lifecycle.enter(RPCServer(…))
        lifecycle.spawn("relay", OutboxRelay(database, publisher).run())
        lifecycle.on_warm(server.serving)
        lifecycle.on_drain(server.draining)

    exit_code = await run("catalog", build, drain_delay_s=settings.drain_delay_s)

SIGTERM and SIGINT begin the drain: `on_drain` callbacks say that no new work is wanted, the drain
delay lets balancers notice, then components close. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import structlog

from picstore_kit.tasks import cancel

log = structlog.get_logger(__name__)

T = TypeVar("T")
Callback = Callable[[], Awaitable[None]]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Lifecycle:
    """What is open in this process, and what happens when it is warm, drains and stops."""

    def __init__(self) -> None:
        self._components = AsyncExitStack()
        self._side_tasks = asyncio.TaskGroup()
        self._warm_callbacks: list[Callback] = []
        self._drain_callbacks: list[Callback] = []
        self._building: asyncio.Task[Any] | None = None
        self._stop = asyncio.Event()
        self._failed = False

    async def __aenter__(self) -> Self:
        await self._side_tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._components.aclose()
        finally:
            await self._side_tasks.__aexit__(None, None, None)

    @property
    def stopping(self) -> bool:
        """Whether the service was asked to stop."""
        return self._stop.is_set()

    @property
    def failed(self) -> bool:
        """Whether a side task died."""
        return self._failed

    async def enter(self, component: AbstractAsyncContextManager[T]) -> T:
        """Open `component` now; it closes before everything that was entered earlier."""
        return await self._components.enter_async_context(component)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the service until the service stops.

        It is cancelled before the components that were entered earlier close. If it ends by itself,
        with an error or without, the whole service stops with exit code 1: a service that lost
        its relay or its heartbeat must not look alive.
        """
        task = self._side_tasks.create_task(self._watch(name, work), name=name)

        self._components.push_async_callback(cancel, task)

    def on_warm(self, callback: Callback) -> None:
        """Call `callback` when everything is open, in the order of registration."""
        self._warm_callbacks.append(callback)

    def on_drain(self, callback: Callback) -> None:
        """Call `callback` as soon as the service is told to stop, while it can still work."""
        self._drain_callbacks.append(callback)

    def stop(self) -> None:
        """Ask the service to stop: what is being built is given up, what runs is drained."""
        if self._building is not None and not self.stopping:
            self._building.cancel()
        self._stop.set()

    async def build(self, build: Build) -> bool:
        """Let `build` open everything; return whether it got that far before `stop`."""
        self._building = task = asyncio.current_task()
        try:
            await build(self)
        except asyncio.CancelledError:
            # Only the cancellation that `stop` asked for ends here; any other goes on.
            if not self.stopping or task is None or task.uncancel() > 0:
                raise
        finally:
            self._building = None
        return not self.stopping

    async def serve(self) -> None:
        """Call the service warm, and return when it was asked to stop."""
        for callback in self._warm_callbacks:
            await callback()
        await self._stop.wait()

    async def drain(self, delay_s: float) -> None:
        """Say that no new work is wanted, then work on for `delay_s` seconds."""
        for callback in self._drain_callbacks:
            await callback()
        await asyncio.sleep(delay_s)

    async def _watch(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("service.side_task_died", task=name)
        else:
            if self.stopping:
                return
            log.error("service.side_task_ended", task=name)
        self._failed = True
        self.stop()


Build = Callable[[Lifecycle], Awaitable[None]]


async def run(service: str, build: Build, *, drain_delay_s: float = 0.0) -> int:
    """Open what `build` enters, serve until told to stop, and return the process's exit code.

    The code is 0 after an orderly stop, 1 if the service could not start, lost a side task or
    could not close.
    """
    lifecycle = Lifecycle()
    try:
        with _signals_stop(lifecycle):
            async with lifecycle:
                log.info("service.starting", service=service)
                if await lifecycle.build(build):
                    log.info("service.ready", service=service)
                    await lifecycle.serve()
                    log.info("service.draining", service=service)
                    await lifecycle.drain(drain_delay_s)
    except Exception:
        log.exception("service.failed", service=service)
        return 1
    log.info("service.stopped", service=service)
    return 1 if lifecycle.failed else 0


@contextmanager
def _signals_stop(lifecycle: Lifecycle) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if lifecycle.stopping:
            log.warning("service.forced", signal=number.name)
            # Not sys.exit: whatever hangs in closing would hang that, too.
            os._exit(128 + number)
        log.info("service.signalled", signal=number.name)
        lifecycle.stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
