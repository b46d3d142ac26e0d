"""What is uploaded: files, bytes and streams, read in blocks from wherever an upload goes on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from picstore_kit.errors import InvalidArgument, Reason

Content = Path | str | bytes | BinaryIO
"""A file by its path, bytes, or an open file, which is read from where it is to its end."""

BLOCK_BYTES: Final = 256 * 1024
"""How much is read, and held in memory, at a time."""
MAX_SPOOLED_BYTES: Final = 4 * 1024**3
"""The most of a stream that is kept on disk, where it can't be read twice."""


class Source:
    """A content that can be read from any place, by several tasks at once."""

    def __init__(self, file: BinaryIO, *, name: str, start: int, size: int) -> None:
        """Read `file` from `start` on; see `opened`."""
        self._file = file
        self._start = start
        self._lock = threading.Lock()
        self._stamp = _stamp(file)
        self.name = name
        """The name of the file, without folders; empty if it has none."""
        self.size = size
        """In bytes."""

    async def sha256(self) -> str:
        """Return the SHA-256 of the content in hexadecimal."""

        def digest() -> str:
            hashed = hashlib.sha256()
            for offset in range(0, self.size, BLOCK_BYTES):
                hashed.update(self._read(offset, min(BLOCK_BYTES, self.size - offset)))
            return hashed.hexdigest()

        return await asyncio.to_thread(digest)

    async def blocks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `end`; the last only if the file is unchanged.

        Raises:
            InvalidArgument: The content is not what it was when it was opened (UPLOAD_INCOMPLETE).
        """
        for offset in range(start, end, BLOCK_BYTES):
            block = await asyncio.to_thread(self._read, offset, min(BLOCK_BYTES, end - offset))
            if offset + len(block) == end:
                self.assert_unchanged()
            yield block

    def assert_unchanged(self) -> None:
        """See to it that nobody has written to the file since it was opened.

        Raises:
            InvalidArgument: Somebody has (UPLOAD_INCOMPLETE).
        """
        if _stamp(self._file) != self._stamp:
            raise self._changed()

    def _read(self, offset: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(self._start + offset)
            data = self._file.read(count)
        if len(data) != count:
            raise self._changed()
        return data

    def _changed(self) -> InvalidArgument:
        name = self.name or "the content"
        return InvalidArgument(Reason.UPLOAD_INCOMPLETE, f"{name} was changed while it was sent")


@asynccontextmanager
async def opened(content: Content) -> AsyncIterator[Source]:
    """Open what is to be uploaded.

    What can't be read twice, such as a pipe, is copied to a temporary file first.

    Raises:
        OSError: It can't be read.
        InvalidArgument: A stream does not end within `MAX_SPOOLED_BYTES`.
    """
    with ExitStack() as stack:
        yield await asyncio.to_thread(_open, content, stack)


def _open(content: Content, stack: ExitStack) -> Source:
    if isinstance(content, bytes):
        return Source(io.BytesIO(content), name="", start=0, size=len(content))
    if isinstance(content, (Path, str)):
        path = Path(content)
        file: BinaryIO = stack.enter_context(path.open("rb"))
        name = path.name
    else:
        file = content
        name = Path(given).name if isinstance(given := getattr(file, "name", ""), str) else ""
    if not file.seekable():
        file = _spooled(file, stack)
    start = file.tell()
    size = file.seek(0, os.SEEK_END) - start
    return Source(file, name=name, start=start, size=size)


def _spooled(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Return a temporary file with what is left of a stream, at its begin."""
    with ExitStack() as opening:
        kept = cast(BinaryIO, opening.enter_context(tempfile.TemporaryFile()))
        while data := stream.read(BLOCK_BYTES):
            if kept.tell() + len(data) > MAX_SPOOLED_BYTES:
                raise InvalidArgument(
                    Reason.LIMIT_BYTES, f"the stream has more than {MAX_SPOOLED_BYTES} bytes"
                )
            kept.write(data)
        kept.seek(0)
        stack.push(opening.pop_all())
    return kept


def _stamp(file: BinaryIO) -> tuple[int, int] | None:
    """Return what changes when a file is written to; None where there is no file."""
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):
        return None  # bytes in memory; or closed, which reading will tell
    return status.st_size, status.st_mtime_ns
