"""Room on the local disk for what a process works on, empty at the start and gone at the end."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def scratch_directory(path: Path | None, *, prefix: str) -> AsyncIterator[Path]:
    """Give a directory that this process has to itself.

    Without `path` it is a new one in the system's temporary directory. With `path` it is that one:
    what a killed process left in it is removed first, so no two processes may be given the same.
    """
    directory = await asyncio.to_thread(_prepare, path, prefix)
    try:
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _prepare(path: Path | None, prefix: str) -> Path:
    if path is None:
        return Path(tempfile.mkdtemp(prefix=prefix))
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    return path
