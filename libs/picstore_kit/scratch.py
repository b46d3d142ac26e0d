"""Room on the local disk for what a process works on: its own, and gone when the process is."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog

from picstore_kit.errors import Reason, Unavailable

log = structlog.get_logger(__name__)


class ScratchUnavailable(Unavailable):
    """The local disk is full or does not work: later, or on another machine, it may go better."""

    def __init__(self) -> None:
        super().__init__(
            Reason.STORAGE_UNAVAILABLE, "there is no room to work on the file now", retry_after=10.0
        )


@contextmanager
def scratch_errors() -> Iterator[None]:
    """Turn errors of the local disk into `ScratchUnavailable`."""
    try:
        yield
    except OSError as error:
        log.error("scratch.failed", error=str(error))
        raise ScratchUnavailable from error


@asynccontextmanager
async def scratch_directory(parent: Path | None, *, prefix: str) -> AsyncIterator[Path]:
    """Give a new directory in `parent`, or in the system's temporary one, for this process alone.

    Its name begins with `prefix`. Those that killed processes left there under the same prefix are
    removed first: each is locked as long as its process lives.

    Raises:
        OSError: No directory can be made there.
    """
    directory, lock = await asyncio.to_thread(_prepare, parent, prefix)
    try:
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        os.close(lock)


@asynccontextmanager
async def temporary_directory(parent: Path, *, prefix: str) -> AsyncIterator[Path]:
    """Give a new directory in `parent` that is removed at the end, with all that is in it.

    Raises:
        ScratchUnavailable: There is no room for it.
    """
    with scratch_errors():
        directory = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=parent, prefix=prefix))
    try:
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _prepare(parent: Path | None, prefix: str) -> tuple[Path, int]:
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    while True:
        directory = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        lock = _lock(directory)
        if lock is not None:
            break  # otherwise another process took it for a dead one's before it was locked
    for other in directory.parent.glob(f"{prefix}*"):
        if other != directory:
            _remove_dead(other)
    return directory, lock


def _remove_dead(directory: Path) -> None:
    lock = _lock(directory)
    if lock is not None:
        log.info("scratch.removed", directory=str(directory))
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _lock(directory: Path) -> int | None:
    """Lock a directory until the descriptor that is returned is closed; None if that can't be."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # gone, no directory, or another user's
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink > 0:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None
