"""Room on the local disk for what a process works on, empty at the start and gone at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_directory(path: Path | None, *, prefix: str) -> Iterator[Path]:
    """Give a directory that this process has to itself.

    Without `path` it is a new one in the system's temporary directory. With `path` it is that one:
    what a killed process left in it is removed first, so no two processes may be given the same.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix=prefix) as fresh:
            yield Path(fresh)
        return
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
