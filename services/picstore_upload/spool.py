"""The file on the local disk that an upload grows in while it is checked and passed on."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from picstore_kit.blobs.threads import Threads
from picstore_kit.scratch import scratch_errors

_BLOCK_BYTES: Final = 1024 * 1024
_THREADS: Final = 8


class Spool:
    """A file with one writer, and one follower that reads behind it; gone when it is left.

    The follower gets every byte but sees the end only when `release` says that the file is good: a
    store that is fed by it completes the object then, and not before.

    Raises:
        ScratchUnavailable: The disk is full or does not work.
    """

    def __init__(self, directory: Path, threads: Threads) -> None:
        self._directory = directory
        # Not `asyncio.to_thread`: a cancelled upload must wait for the write that it is in, as it
        # closes the file next, whose descriptor another upload may get.
        self._threads = threads
        self._progress = asyncio.Condition()
        self._written = 0
        self._released = False

    async def __aenter__(self) -> Self:
        with scratch_errors():
            descriptor, name = await self._threads.run(
                lambda: tempfile.mkstemp(dir=self._directory, prefix="upload-")
            )
        self._file = os.fdopen(descriptor, "w+b", buffering=0)
        self.path = Path(name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    async def append(self, data: bytes) -> None:
        """Write `data` behind what is there, and let the follower know."""
        with scratch_errors():
            await self._threads.run(self._write, data)
        async with self._progress:
            self._written += len(data)
            self._progress.notify_all()

    async def release(self) -> None:
        """Tell the follower that there will be no more and that all of it is good."""
        async with self._progress:
            self._released = True
            self._progress.notify_all()

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield the file from its beginning as it grows, and end after `release`.

        It holds nothing that would have to be closed, so it may be abandoned.
        """
        offset = 0
        while length := min(await self._available(offset), _BLOCK_BYTES):
            with scratch_errors():
                block = await self._threads.run(os.pread, self._file.fileno(), length, offset)
            offset += len(block)
            yield block

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    async def _available(self, offset: int) -> int:
        """Wait for bytes after `offset` and return how many there are; 0 at the end."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._written > offset or self._released)
            return self._written - offset


class Spools:
    """Makes the spools of all uploads, in one directory and on one bounded number of threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._threads = Threads(_THREADS, name="spool")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.close()

    def open(self) -> Spool:
        """Return a spool, to be entered."""
        return Spool(self._directory, self._threads)
