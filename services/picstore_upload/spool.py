"""The file on the local disk that an upload grows in while it is checked and passed on."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_BLOCK_BYTES: Final = 1024 * 1024


class Spool:
    """A file with one writer, and one follower that reads behind it.

    The follower gets every byte but sees the end only when `release` says that the file is good: a
    store that is fed by it completes the object then, and not before.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._progress = asyncio.Condition()
        self._written = 0
        self._released = False

    async def __aenter__(self) -> Self:
        def create() -> None:
            descriptor, name = tempfile.mkstemp(dir=self._directory, prefix="upload-")
            self._file = os.fdopen(descriptor, "wb", buffering=0)
            self.path = Path(name)

        await asyncio.to_thread(create)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        def remove() -> None:
            self._file.close()
            self.path.unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    def write(self, data: bytes) -> None:
        """Append `data`; blocks, so call it in a thread, then await `announce`."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    async def announce(self, size: int) -> None:
        """Tell the follower that `size` bytes are there."""
        async with self._progress:
            self._written = size
            self._progress.notify_all()

    async def release(self) -> None:
        """Tell the follower that there will be no more and that all of it is good."""
        async with self._progress:
            self._released = True
            self._progress.notify_all()

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield the file from its beginning as it grows, and end after `release`."""
        descriptor = await asyncio.to_thread(os.open, self.path, os.O_RDONLY)
        offset = 0
        try:
            while True:
                length = min(await self._available(offset), _BLOCK_BYTES)
                if length == 0:
                    return
                block = await asyncio.to_thread(os.pread, descriptor, length, offset)
                offset += len(block)
                yield block
        finally:
            os.close(descriptor)

    async def _available(self, offset: int) -> int:
        """Wait for bytes after `offset` and return how many there are; 0 at the end."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._written > offset or self._released)
            return self._written - offset
