"""The file on the local disk that an upload grows in while it is checked and passed on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from picstore_kit.blobs.threads import Threads
from picstore_kit.scratch import scratch_errors

_THREADS: Final = 8


class Spool:
    """A file with one writer; others read what is written by now. It is gone when it is left.

    Raises:
        ScratchUnavailable: The disk is full or does not work.
    """

    def __init__(self, directory: Path, threads: Threads) -> None:
        self._directory = directory
        # Not `asyncio.to_thread`: a cancelled upload must wait for the write that it is in, as it
        # closes the file next, whose descriptor another upload may get.
        self._threads = threads
        self.size = 0
        """Bytes that are written."""

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
        """Write `data` behind what is there."""
        await self.take(lambda: data)

    async def take(self, check: Callable[[], bytes]) -> None:
        """Write what `check` returns behind what is there; it runs in the thread that writes.

        To go to a thread takes longer than to hash a chunk, so both are done in one.
        """

        def write() -> int:
            data = check()
            with scratch_errors():
                self._write(data)
            return len(data)

        self.size += await self._threads.run(write)

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of what is written."""
        with scratch_errors():
            return await self._threads.run(os.pread, self._file.fileno(), length, offset)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


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
