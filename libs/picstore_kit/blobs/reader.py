"""The chunks of an async iterator, read as a file in a thread."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import BinaryIO, cast


class Interrupted(Exception):
    """The reading is no longer wanted."""


class ChunkReader(io.RawIOBase):
    """Asks `chunks` for the next one, on the loop that made it, only when the thread needs it.

    So a slow thread slows the sender down, and no more than one read is in memory. What `chunks`
    raises, `read` raises.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._ended = False
        self._lock = threading.Lock()
        self._waiting: Future[bytes | None] | None = None
        self._interrupted = False
        self.size = 0
        """Bytes that were read so far."""

    def as_file(self) -> BinaryIO:
        """Return this reader under the type that libraries ask for."""
        return cast(BinaryIO, self)

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer only at the end; call it in a thread."""
        held = bytearray(self._rest)
        while not self._ended and (size < 0 or len(held) < size):
            chunk = self._next()
            if chunk is None:
                self._ended = True
            else:
                held += chunk
        with memoryview(held) as view:
            end = len(view) if size < 0 else size
            self._rest = bytes(view[end:])
            wanted = bytes(view[:end])
        self.size += len(wanted)
        return wanted

    def interrupt(self) -> None:
        """Make the present and every later read raise; call it on the loop."""
        with self._lock:
            self._interrupted = True
            if self._waiting is not None:
                self._waiting.cancel()

    def _next(self) -> bytes | None:
        with self._lock:
            if self._interrupted:
                raise Interrupted
            self._waiting = asyncio.run_coroutine_threadsafe(self._pull(), self._loop)
        return self._waiting.result()

    async def _pull(self) -> bytes | None:
        return await anext(self._chunks, None)
