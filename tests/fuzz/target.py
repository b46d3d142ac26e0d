"""A function of our own that reads what anybody may send, and what to begin with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from picstore_kit.errors import PicstoreError


def no_seeds() -> Iterable[bytes]:
    """Begin with nothing."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """It is given any bytes; a `PicstoreError` is an answer, any other exception a finding."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]] = no_seeds
    """What it reads in earnest, and what is known to be hard."""

    def __call__(self, data: bytes) -> None:
        """Read the bytes once; raises what is a finding."""
        with suppress(PicstoreError):
            self.read(data)


@contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """Lend the bytes as a file that is only in memory."""
    descriptor = os.memfd_create("fuzz")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
