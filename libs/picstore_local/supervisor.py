"""Keeps one service running: its output, its readiness, its restarts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from signal import Signals
from typing import Final

from picstore_local.datadir import DataDir
from picstore_local.errors import ServerFailed
from picstore_local.process import ChildProcess, ProcessSpec
from picstore_local.reporter import Reporter

_READY_S: Final = 60.0
_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
_CHUNK_BYTES: Final = 64 * 1024
_LAST_OUTPUT_S: Final = 1.0
"""Wait for output after the end: a grandchild may hold the pipe open."""


class ServiceProcess:
    """One service, as a process that is started again when it dies."""

    def __init__(
        self,
        spec: ProcessSpec,
        *,
        data_dir: DataDir,
        probe: Callable[[], Awaitable[bool]],
        reporter: Reporter,
        on_failure: Callable[[ServerFailed], None],
        crash_window_s: float = 60.0,
    ) -> None:
        """`on_failure` hears of a service that dies more often than there are backoffs in a window.

        The window is `crash_window_s` long.
        """
        self._spec = spec
        self._data_dir = data_dir
        self._crash_window_s = crash_window_s
        self._probe = probe
        self._reporter = reporter
        self._on_failure = on_failure
        self._child: ChildProcess | None = None
        self._output: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        # Held while one process takes another's place.
        self._changing = asyncio.Lock()
        self._ready = asyncio.Condition()
        self._ready_pid: int | None = None

    @property
    def name(self) -> str:
        """Its name in the output; `converter-2` is the second of several."""
        return self._spec.name

    @property
    def pid(self) -> int:
        """Process id of the run that is up now."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait until it is ready; from then on it is kept running.

        Raises:
            ServerFailed: It ended, or was not ready in time; its last lines are in the message.
        """
        self._data_dir.log_file(self.name).unlink(missing_ok=True)
        await self._run()
        self._keeper = asyncio.create_task(self._keep_running(), name=f"keep {self.name}")

    async def restart(self) -> None:
        """Stop it in an orderly way and start it again; returns when it is ready.

        Raises:
            ServerFailed: It did not come back.
        """
        async with self._changing:
            await self._end(None)
            await self._run()

    def kill(self, number: Signals = Signals.SIGKILL) -> None:
        """Send it a signal; when it dies of it, it is started again."""
        if self._child is not None:
            self._child.send(number)

    async def wait_replaced(self, pid: int) -> None:
        """Wait until another process than `pid` is up and ready."""
        async with self._ready:
            await self._ready.wait_for(lambda: self._ready_pid not in (None, pid))

    async def stop(self, *, grace_s: float | None = None) -> None:
        """Stop it for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._end(grace_s)

    async def _run(self) -> None:
        began = time.monotonic()
        self._child = child = ChildProcess(self._spec, self._data_dir)
        await child.start(pipe=True)
        self._output = asyncio.create_task(self._pump(child), name=f"output of {self.name}")
        try:
            await child.wait_ready(self._probe, timeout_s=_READY_S)
        except BaseException:
            await self._end(None)
            raise
        self._reporter.ready(self.name, time.monotonic() - began)
        async with self._ready:
            self._ready_pid = child.pid
            self._ready.notify_all()

    async def _end(self, grace_s: float | None) -> None:
        if self._child is not None:
            await self._child.stop(grace_s=grace_s)
        await self._drain()

    async def _drain(self) -> None:
        if self._output is not None:
            await asyncio.wait([self._output], timeout=_LAST_OUTPUT_S)
            self._output.cancel()
            self._output = None

    async def _keep_running(self) -> None:
        deaths: deque[float] = deque()
        while True:
            assert self._child is not None
            child = self._child
            await child.wait()
            async with self._changing:
                if self._child is not child:
                    continue  # It was restarted on purpose.
                await self._drain()
                try:
                    await self._revive(child.failure(), deaths)
                except ServerFailed as failure:
                    self._on_failure(failure)
                    return

    async def _revive(self, failure: ServerFailed, deaths: deque[float]) -> None:
        while True:
            now = time.monotonic()
            deaths.append(now)
            while deaths[0] < now - self._crash_window_s:
                deaths.popleft()
            if len(deaths) > len(_BACKOFF_S):
                raise failure
            delay = _BACKOFF_S[len(deaths) - 1]
            self._reporter.trouble(self.name, f"{failure.summary}; starting it again in {delay} s")
            await asyncio.sleep(delay)
            try:
                return await self._run()
            except ServerFailed as error:
                failure = error

    async def _pump(self, child: ChildProcess) -> None:
        assert child.output is not None
        with child.log_path.open("ab") as log:
            async for line in _lines(child.output):
                log.write(line + b"\n")
                log.flush()
                self._reporter.line(self.name, line.decode(errors="replace"))


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines without their ends; one that is longer than a chunk comes in parts."""
    rest = b""
    while chunk := await stream.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
        if len(rest) > _CHUNK_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest
