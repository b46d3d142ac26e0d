"""Files of any length that are pictures, never the same, and never in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Final

from tests.pictures import photo

MB: Final = 1_000_000

_BLOCK: Final = 256 * 1024
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class BenchFile:
    """A photo with noise behind its end, which is no fault; the number in it makes it unique."""

    size: int
    number: int

    @classmethod
    def unique(cls, size: int) -> BenchFile:
        """Return a file that was not there before."""
        return cls(size, next(_numbers))

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`, in pieces of at most 256 KiB."""
        at, end = start, self.size if end is None else end
        while at < end:
            piece = self._block(at // _BLOCK)[at % _BLOCK :][: end - at]
            yield piece
            at += len(piece)

    def _block(self, index: int) -> bytes:
        return self._first() if index == 0 else _noise()

    def _first(self) -> bytes:
        head = _photo() + self.number.to_bytes(8, "big")
        return head + _noise()[len(head) :]


@cache
def _photo() -> bytes:
    data = photo(320, 240, seed="bench")
    assert len(data) < _BLOCK - 8
    return data


@cache
def _noise() -> bytes:
    return hashlib.shake_256(b"noise").digest(_BLOCK)
