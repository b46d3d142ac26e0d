"""One sandboxed process, as its parent sees it: nothing that it says is trusted."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from picstore_kit.errors import Reason
from picstore_kit.sandbox.errors import (
    ChildCrashed,
    ChildDied,
    ChildMemory,
    ChildRefused,
    ChildTimeout,
    ChildUnavailable,
)
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.report import SandboxReport
from picstore_kit.sandbox.room import Room

MAX_LINE_BYTES: Final = 1024 * 1024
"""Longest message from a child; a longer one is a breach of the protocol."""
_MAX_TEXT: Final = 500
_MAX_METADATA: Final = 16
_MAX_OUTPUT_BYTES: Final = 4096
_BURIAL_S: Final = 10.0
_LAST_WORDS_S: Final = 1.0
_FORGET_PEAK: Final = "5"
"""What to write to `clear_refs`, see proc(5)."""
_PEAK: Final = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


class Child:
    """A process that answers one call at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: SandboxLimits,
        room: Room,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._output = b""
        self._silent = asyncio.Event()
        """Set when nothing more is printed, for the process is gone."""
        self._peak_rss_bytes = 0
        self.room = room
        self.report = SandboxReport(layers={})
        self.calls = 0
        self.idle = False
        """Whether it waits for a call; False for good once a call did not come to its end."""
        self.dismissed = False
        """Whether it was killed from here."""

    @classmethod
    async def spawn(
        cls,
        *,
        target: str,
        limits: SandboxLimits,
        env: Mapping[str, str],
        room: Room,
        readable: Iterable[Path] = (),
    ) -> Child:
        """Start a process in its `room`; it is of no use before `warm`.

        Raises:
            OSError: The system cannot start one.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE_BYTES)
            except BaseException:
                ours.close()
                raise
            start = {
                "fd": theirs.fileno(),
                "parent": os.getpid(),
                "limits": asdict(limits),
                "writable": str(room.made),
                "readable": [str(path) for path in (room.given, *readable)],
            }
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-s", "-m", "picstore_kit.sandbox.child"),
                    *(target, json.dumps(start)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    env={
                        "PATH": "/usr/local/bin:/usr/bin:/bin",
                        "LANG": "C.UTF-8",
                        "MALLOC_ARENA_MAX": "2",
                        "TMPDIR": str(room.made),
                        **env,
                    },
                    cwd=room.made,
                    start_new_session=True,
                )
            except BaseException:
                writer.close()
                raise
        return cls(process, reader, writer, limits, room)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    @property
    def output(self) -> str:
        """The last of what it printed, for the log."""
        return self._output.decode(errors="replace")

    async def warm(self, *, within_s: float) -> None:
        """Wait until it has imported its target.

        Raises:
            ChildUnavailable: It ended, or took too long.
        """
        deadline = asyncio.get_running_loop().time() + within_s
        try:
            message = await self._read(deadline, f"{within_s:g} s to start")
            self.report = SandboxReport.from_json(message["ready"])
        except (ChildCrashed, ChildTimeout) as error:
            raise ChildUnavailable(error.message) from error
        except (KeyError, TypeError, ValueError) as error:
            self.kill()
            raise ChildUnavailable("it does not keep to the protocol") from error
        self.idle = True

    async def call(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what the target reports while it works, and at last what it returns.

        Raises:
            ChildCrashed, ChildTimeout, ChildMemory, ChildRefused: See there. After a refusal the
                process is good for further calls.
        """
        self._forget_peak()
        try:
            async with aclosing(self._converse(request)) as messages:
                async for message in messages:
                    yield message
        except ChildDied as error:
            error.death = replace(
                error.death, output=await self._last_words(), peak_rss_bytes=self._peak_rss_bytes
            )
            raise

    async def _converse(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        clock = asyncio.get_running_loop().time
        wall_s = self._limits.wall_s
        deadline = clock() + wall_s
        self.idle = False
        self.calls += 1
        await self._write(request, deadline)
        while True:
            message = await self._read(deadline, f"{wall_s:g} s")
            self._see_peak()
            match message:
                case {"progress": dict() as progress}:
                    looked_at = clock()
                    yield progress
                    deadline += clock() - looked_at
                case {"result": dict() as result}:
                    self.idle = True
                    yield result
                    return
                case {"refused": dict() as refusal}:
                    error = _refused(refusal)
                    if error is None:
                        self._breach("refused for no known reason")
                    self.idle = True
                    raise error
                case {"memory": True}:
                    raise ChildMemory(self._limits.memory_bytes)
                case _:
                    self._breach("said something that is not in the protocol")

    async def ended(self) -> int:
        """Wait until it has ended, keeping the last of what it prints; returns its exit code.

        Cancelling this ends it.
        """
        try:
            await self._keep_output()
            return await self._process.wait()
        finally:
            self.kill()
            self._writer.close()
            await self._process.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_BURIAL_S):
                    await self._keep_output()

    def kill(self) -> None:
        """End it, and whatever it may have started, at once."""
        self.idle = False
        if self.alive and not self.dismissed:
            self.dismissed = True
            self._see_peak()
            # Its group, of which it is the leader; it may have ended and nobody knows yet.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def rss_bytes(self) -> int:
        """Return its resident memory; 0 where the system does not tell."""
        try:
            statm = Path(f"/proc/{self.pid}/statm").read_text()
        except OSError:
            return 0
        return int(statm.split()[1]) * resource.getpagesize()

    def _forget_peak(self) -> None:
        """Have the kernel count the most memory held from here on, where it lets us."""
        self._peak_rss_bytes = 0
        with suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text(_FORGET_PEAK)
        self._see_peak()

    def _see_peak(self) -> None:
        with suppress(OSError):
            found = _PEAK.search(Path(f"/proc/{self.pid}/status").read_text())
            self._peak_rss_bytes = int(found[1]) * 1024 if found else self._peak_rss_bytes

    async def _last_words(self) -> str:
        """Return the last of what it printed, all of it if it is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._silent.wait()
        return self.output

    async def _keep_output(self) -> None:
        assert self._process.stdout is not None
        try:
            while chunk := await self._process.stdout.read(_MAX_OUTPUT_BYTES):
                self._output = (self._output + chunk)[-_MAX_OUTPUT_BYTES:]
        finally:
            self._silent.set()

    async def _write(self, request: dict[str, Any], deadline: float) -> None:
        self._writer.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        try:
            async with asyncio.timeout_at(deadline):
                await self._writer.drain()
        except TimeoutError:
            self.kill()
            raise ChildTimeout(f"{self._limits.wall_s:g} s") from None
        except OSError:
            await self._bury()

    async def _read(self, deadline: float, limit: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(deadline):
                line = await self._reader.readline()
        except TimeoutError:
            self.kill()
            raise ChildTimeout(limit) from None
        except ValueError:
            self._breach(f"sent a message of more than {MAX_LINE_BYTES} bytes")
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            await self._bury()
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._breach("sent what is not JSON")
        if not isinstance(message, dict):
            self._breach("sent what is not an object")
        return message

    async def _bury(self) -> NoReturn:
        """Say how a process ended that hung up."""
        try:
            async with asyncio.timeout(_BURIAL_S):
                exit_code = await self._process.wait()
        except TimeoutError:
            self._breach("hung up and lived on")
        if exit_code == -signal.SIGXCPU:
            raise ChildTimeout(f"{self._limits.cpu_s:g} s of CPU time", cpu=True)
        raise ChildCrashed.ended(exit_code)

    def _breach(self, what: str) -> NoReturn:
        self.kill()
        raise ChildCrashed(what)


def _refused(told: dict[str, Any]) -> ChildRefused | None:
    """Read a refusal, as much of it as a caller needs; None if it makes no sense."""
    metadata = told.get("metadata")
    try:
        reason = Reason(told.get("reason", ""))
    except ValueError:
        return None
    if not isinstance(metadata, dict):
        return None
    pairs = list(metadata.items())[:_MAX_METADATA]
    return ChildRefused(
        reason,
        _plain(told.get("message", "")),
        {_plain(name): _plain(value) for name, value in pairs},
    )


def _plain(text: object) -> str:
    return "".join(c for c in str(text)[:_MAX_TEXT] if c.isprintable())
