"""A pool of sandboxed processes: warm before they are needed, replaced when worn or dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import structlog

from picstore_kit.sandbox.errors import (
    ChildCrashed,
    ChildDied,
    ChildMemory,
    ChildRefused,
    ChildTimeout,
    ChildUnavailable,
    SandboxIncomplete,
)
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.process import Child
from picstore_kit.sandbox.report import Layer, SandboxReport
from picstore_kit.tasks import cancel

__all__ = [
    "ChildCrashed",
    "ChildDied",
    "ChildMemory",
    "ChildPool",
    "ChildRefused",
    "ChildTimeout",
    "ChildUnavailable",
    "SandboxIncomplete",
    "SandboxLimits",
]

log = structlog.get_logger(__name__)

_NO_ENV: Final[Mapping[str, str]] = MappingProxyType({})
_FIRST_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 30.0
_HOPELESS_STARTS: Final = 3
"""Failed starts in a row after which callers are told instead of kept waiting."""


class ChildPool:
    """Runs `target` (`module:function`, see `child`) on requests; a Lifecycle component.

    Up to `size` calls run at once, on as many processes and `spares` more, which are warm so that
    a call does not wait for the replacement of a worn or dead one. Children may write only in
    `work_dir`, and find nothing in their environment but a path, a language and `env`. If a layer
    of `required` cannot be had, `started` raises and no call is ever served.

    The kernel kills the children when the thread dies that runs the event loop.
    """

    def __init__(
        self,
        *,
        target: str,
        size: int,
        limits: SandboxLimits,
        env: Mapping[str, str] = _NO_ENV,
        work_dir: Path | None = None,
        required: Collection[Layer] = (),
        spares: int = 1,
        start_s: float = 60.0,
    ) -> None:
        self._target = target
        self._size = size
        self._limits = limits
        self._env = dict(env)
        self._work_dir = work_dir
        self._required = required
        self._seats = size + spares
        self._start_s = start_s
        self._permits = asyncio.Semaphore(size)
        self._warm: set[Child] = set()
        self._idle: list[Child] = []
        self._changed = asyncio.Event()
        self._closed = False
        self._failed_starts = 0
        self._failure: ChildUnavailable | SandboxIncomplete | None = None
        self._report: SandboxReport | None = None
        self._tasks = asyncio.TaskGroup()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._keepers = [
            self._tasks.create_task(self._keep_seat(), name=f"sandbox seat {number}")
            for number in range(self._seats)
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill every child: calls that run fail with `ChildCrashed`, others are not served."""
        self._closed = True
        self._changed.set()
        await cancel(*self._keepers)
        await self._tasks.__aexit__(None, None, None)

    @property
    def report(self) -> SandboxReport | None:
        """Which layers of the sandbox are active; None before the first child has started."""
        return self._report

    @property
    def idle(self) -> list[int]:
        """Process ids of the children that wait for a call."""
        return [child.pid for child in self._idle]

    async def started(self) -> None:
        """Return as soon as `size` children are warm.

        Raises:
            SandboxIncomplete: A required layer is missing.
            ChildUnavailable: Children fail to start.
        """
        while len(self._warm) < self._size:
            await self._change()

    async def call(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the target's progress messages and at last its result, which ends the iteration.

        A call that is given up kills its child. Whoever may leave the loop early wraps the call in
        `contextlib.aclosing`, so that this happens at once.

        Raises:
            ChildRefused: The target raised a `PicstoreError`.
            ChildTimeout, ChildMemory, ChildCrashed: The child did not live to the end of it.
            ChildUnavailable, SandboxIncomplete: There is no child to call.
        """
        async with self._permits:
            child = await self._take()
            try:
                async with aclosing(child.call(request)) as messages:
                    async for message in messages:
                        yield message
            finally:
                self._give_back(child)

    async def result(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a call whose progress is of no interest; raises as `call` does."""
        last: dict[str, Any] = {}
        async with aclosing(self.call(request)) as messages:
            async for message in messages:
                last = message
        return last

    async def _change(self) -> None:
        """Wait until the children at hand are not the same any more.

        Raises:
            SandboxIncomplete, ChildUnavailable: There is nothing to wait for.
        """
        if self._closed:
            raise ChildUnavailable("the pool is closed")
        if isinstance(self._failure, SandboxIncomplete) or (
            self._failure is not None and self._failed_starts >= _HOPELESS_STARTS
        ):
            raise self._failure
        self._changed.clear()
        await self._changed.wait()

    async def _take(self) -> Child:
        while not self._idle:
            await self._change()
        return self._idle.pop()  # the one whose memory is in the processor's caches

    def _give_back(self, child: Child) -> None:
        if not child.idle or child.calls >= self._limits.max_calls:
            child.kill()
        elif child.rss_bytes() > self._limits.max_rss_bytes:
            log.info("sandbox.child_outgrown", pid=child.pid, calls=child.calls)
            child.kill()
        else:
            self._idle.append(child)
            self._changed.set()

    async def _keep_seat(self) -> None:
        """Fill one seat, again and again."""
        while True:
            try:
                child = await Child.spawn(
                    target=self._target,
                    limits=self._limits,
                    env=self._env,
                    work_dir=self._work_dir,
                )
            except OSError as error:
                self._start_failed(ChildUnavailable(str(error)))
                served = False
            else:
                served = await self._attend(child)
            if not served:
                await asyncio.sleep(min(_FIRST_BACKOFF_S * 2**self._failed_starts, _MAX_BACKOFF_S))

    async def _attend(self, child: Child) -> bool:
        """See `child` through to its end; returns whether it was ever called."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._introduce(child))
                exit_code = await child.ended()
        finally:
            self._warm.discard(child)
            if child in self._idle:
                self._idle.remove(child)
        if not child.dismissed:
            log.warning(
                "sandbox.child_died",
                pid=child.pid,
                exit_code=exit_code,
                calls=child.calls,
                output=child.output,
            )
        return child.calls > 0

    async def _introduce(self, child: Child) -> None:
        try:
            await child.warm(within_s=self._start_s)
        except ChildUnavailable as error:
            self._start_failed(error)
            return
        if self._report is None:
            self._report = child.report
            log.info("sandbox.layers", target=self._target, **child.report.summary())
        missing = child.report.missing(self._required)
        if missing:
            child.kill()
            self._start_failed(SandboxIncomplete(missing, child.report.summary()))
            return
        self._failed_starts = 0
        self._failure = None
        self._warm.add(child)
        self._idle.append(child)
        self._changed.set()

    def _start_failed(self, failure: ChildUnavailable | SandboxIncomplete) -> None:
        self._failed_starts += 1
        self._failure = failure
        self._changed.set()
        log.warning("sandbox.start_failed", target=self._target, error=failure.message)
