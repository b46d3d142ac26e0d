"""A child process that cannot outlive this one: start, wait until it is ready, stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from picstore_local import launch
from picstore_local.datadir import DataDir
from picstore_local.errors import ServerFailed

_POLL_S: Final = 0.03
_TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """Another user to run a command as."""

    uid: int
    gid: int
    capability: int | None = None
    """The one capability that the command keeps, by its number."""


def launch_command(
    command: Sequence[str | Path],
    *,
    run_as: RunAs | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """Return `command` wrapped so that it ends with the thread that starts it."""
    spec: launch.LaunchSpec = {
        "parent": os.getpid(),
        "death_signal": death_signal,
        "uid": run_as.uid if run_as else None,
        "gid": run_as.gid if run_as else None,
        "capability": run_as.capability if run_as else None,
    }
    prefix = [sys.executable, "-I", "-S", launch.__file__, json.dumps(spec)]
    return [*prefix, *map(str, command)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A server or service to run."""

    name: str
    """What messages and the log file call it."""
    command: Sequence[str | Path]
    """Absolute path of the program, and its arguments."""
    env: Mapping[str, str]
    """The whole environment."""
    cwd: Path
    run_as: RunAs | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks it to end in an orderly way."""
    death_signal: signal.Signals = signal.SIGKILL
    """Ends it at once when the supervisor is gone."""
    grace_s: float = 10
    """Seconds from the stop signal to SIGKILL."""


class ChildProcess:
    """One run of a `ProcessSpec`.

    The kernel ends it when the thread that started it ends, so that must be the supervisor's main
    thread.
    """

    def __init__(self, spec: ProcessSpec, data_dir: DataDir) -> None:
        self.spec = spec
        self.log_path = data_dir.log_file(spec.name)
        self._data_dir = data_dir
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.spec.name

    @property
    def pid(self) -> int:
        """Its process id; only once it was started."""
        assert self._process is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: None while it runs, negative for a signal."""
        return self._process.returncode if self._process else None

    @property
    def output(self) -> asyncio.StreamReader | None:
        """What it writes, if it was started with a pipe."""
        return self._process.stdout if self._process else None

    async def start(self, *, pipe: bool = False) -> None:
        """Start it, with its output to its log file or to a pipe."""
        if pipe:
            await self._spawn(subprocess.PIPE)
        else:
            with self.log_path.open("wb") as log:
                await self._spawn(log)
        self._data_dir.adopt(self.name, self.pid)

    async def _spawn(self, stdout: int | IO[bytes]) -> None:
        spec = self.spec
        self._process = await asyncio.create_subprocess_exec(
            *launch_command(spec.command, run_as=spec.run_as, death_signal=spec.death_signal),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=spec.cwd,
            env=dict(spec.env),
            # Out of the terminal's foreground group: Ctrl-C is for the supervisor, which then
            # stops its children in order.
            start_new_session=True,
        )

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]], *, timeout_s: float) -> None:
        """Wait until `probe` holds.

        Raises:
            ServerFailed: It ended, or is not ready in time; the message has its last lines.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await probe():
                    if self.returncode is not None:
                        raise self.failure()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ServerFailed(
                f"{self.name} is not ready after {timeout_s:.0f} s", self.last_lines()
            ) from None

    async def wait(self) -> int:
        """Wait until it ends and return how."""
        assert self._process is not None
        code = await self._process.wait()
        self._data_dir.disown(self.pid)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self, *, grace_s: float | None = None) -> None:
        """End it: the stop signal, the grace, then SIGKILL."""
        if self._process is None:
            return
        self.send(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.grace_s if grace_s is None else grace_s):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()

    def failure(self) -> ServerFailed:
        """Say how it ended, with its last lines."""
        code = self.returncode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        return ServerFailed(f"{self.name} {how}", self.last_lines())

    def last_lines(self) -> str:
        """Return the end of its log, ready to follow a message."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        if not lines:
            return f"; it wrote nothing to {self.log_path}"
        tail = "".join(f"\n  {line}" for line in lines[-_TAIL_LINES:])
        return f"; the end of {self.log_path}:{tail}"
