"""A pool of sandboxed processes: warm before they are needed, replaced when worn or dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
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
from picstore_kit.sandbox.room import Room
from picstore_kit.scratch import ScratchUnavailable, temporary_directory
from picstore_kit.tasks import cancel

__all__ = [
    "ChildCrashed",
    "ChildDied",
    "ChildMemory",
    "ChildPool",
    "ChildRefused",
    "ChildTimeout",
    "ChildUnavailable",
    "RequestFor",
    "Room",
    "SandboxIncomplete",
    "SandboxLimits",
]

log = structlog.get_logger(__name__)

RequestFor = Callable[[Room], dict[str, Any]]
"""Says what to ask of a child, given its room."""

_NO_ENV: Final[Mapping[str, str]] = MappingProxyType({})
_FIRST_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 30.0
_HOPELESS_STARTS: Final = 3
"""Failed starts in a row after which callers are told instead of kept waiting."""


class ChildPool:
    """Runs `target` (`module:function`, see `child`) on requests; a Lifecycle component.

    Up to `size` calls run at once, on as many processes and `spares` more, which are warm so that
    a call does not wait for the replacement of a worn or dead one. Each has a `Room` of its own in
    `work_dir`, as long as it lives: it may write only there, read beside the system's libraries
    only there and beneath `readable`, and finds nothing in its environment but a path, a language
    and `env`. If a layer of `required` cannot be had, `started` raises and no call is ever served.

    The kernel kills the children when the thread dies that runs the event loop.
    """

    def __init__(
        self,
        *,
        target: str,
        size: int,
        limits: SandboxLimits,
        work_dir: Path,
        env: Mapping[str, str] = _NO_ENV,
        readable: Collection[Path] = (),
        required: Collection[Layer] = (),
        spares: int = 1,
        start_s: float = 60.0,
    ) -> None:
        self._target = target
        self._size = size
        self._limits = limits
        self._env = dict(env)
        self._work_dir = work_dir
        self._readable = readable
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

    async def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the target's progress messages and at last its result, which ends the iteration.

        `request_for` is called with the room of the child that is to work; it gives it the files
        that it needs, and returns what to ask of it. What the child makes is taken out of the room
        while its message is looked at: after the call the room is empty, or gone with its child.

        A call that is given up kills its child. Whoever may leave the loop early wraps the call in
        `contextlib.aclosing`, so that this happens at once.

        Raises:
            ChildRefused: The target raised a `PicstoreError`.
            ChildTimeout, ChildMemory, ChildCrashed: The child did not live to the end of it.
            ChildUnavailable, SandboxIncomplete: There is no child to call.
            ScratchUnavailable: A file can't be given to it.
        """
        async with self._permits:
            child = await self._take()
            try:
                async with aclosing(child.call(request_for(child.room))) as messages:
                    async for message in messages:
                        yield message
            finally:
                await self._give_back(child)

    async def result(self, request_for: RequestFor) -> dict[str, Any]:
        """Return the result of a call of which nothing else is of interest, neither its progress
        nor what is made; raises as `call` does."""
        last: dict[str, Any] = {}
        async with aclosing(self.call(request_for)) as messages:
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

    async def _give_back(self, child: Child) -> None:
        """Have it wait for the next call, if it is fit for that and nothing is left of the last."""
        if not child.idle or child.calls >= self._limits.max_calls:
            child.kill()
        elif child.rss_bytes() > self._limits.max_rss_bytes:
            log.info("sandbox.child_outgrown", pid=child.pid, calls=child.calls)
            child.kill()
        elif await self._cleared(child):
            self._idle.append(child)
            self._changed.set()

    async def _cleared(self, child: Child) -> bool:
        """Empty the room of a child; returns whether it lives to use it."""
        try:
            await asyncio.to_thread(child.room.clear)
        except BaseException as error:
            child.kill()  # its seat removes the room
            if not isinstance(error, OSError):
                raise
            log.warning("sandbox.room_not_cleared", pid=child.pid, error=str(error))
        return child.idle and child.alive

    async def _keep_seat(self) -> None:
        """Fill one seat, again and again."""
        while True:
            served = False
            try:
                async with temporary_directory(self._work_dir, prefix="child-") as directory:
                    served = await self._fill_seat(directory)
            except ScratchUnavailable as error:
                self._start_failed(ChildUnavailable(error.message))
            if not served:
                await asyncio.sleep(min(_FIRST_BACKOFF_S * 2**self._failed_starts, _MAX_BACKOFF_S))

    async def _fill_seat(self, directory: Path) -> bool:
        """Start a child that has its room in `directory` and see it through to its end.

        Returns whether it was ever called.
        """
        try:
            child = await Child.spawn(
                target=self._target,
                limits=self._limits,
                env=self._env,
                room=Room.furnish(directory),
                readable=self._readable,
            )
        except OSError as error:
            self._start_failed(ChildUnavailable(str(error)))
            return False
        return await self._attend(child)

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
