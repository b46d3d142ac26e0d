"""Files that were sound: cut at every tenth, and with bits turned over."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_kit.errors import Reason
from tests.hostile.case import Case, either, refused
from tests.hostile.whole import WHOLE, whole

_FLIPPED: Final = 10
"""Damaged files of each kind."""
_HEADER_BYTES: Final = 160
_ANY_DAMAGE: Final = tuple(
    reason for reason in Reason if reason.startswith(("IMAGE_", "LIMIT_", "CHILD_MEMORY"))
)


def truncated() -> Iterator[Case]:
    """Cut each kind of file at every tenth, and before its last byte."""
    for name, (format, _) in WHOLE.items():
        for tenth in range(1, 10):
            yield refused(
                f"{name} cut at {tenth}0 %",
                format,
                partial(_cut, name, tenth),
                Reason.IMAGE_TRUNCATED,
            )
        yield refused(
            f"{name} without its last byte", format, partial(_short, name), Reason.IMAGE_TRUNCATED
        )


def flipped() -> Iterator[Case]:
    """Turn bits over, in the header of every other file and anywhere in the rest."""
    for name, (format, _) in WHOLE.items():
        for number in range(_FLIPPED):
            yield either(
                f"{name} with flipped bits {number}",
                format,
                partial(_flip, name, number),
                *_ANY_DAMAGE,
            )


def _cut(name: str, tenth: int) -> bytes:
    data = whole(name)
    return data[: len(data) * tenth // 10]


def _short(name: str) -> bytes:
    return whole(name)[:-1]


def _flip(name: str, number: int) -> bytes:
    chance = random.Random(f"{name} {number}")
    data = bytearray(whole(name))
    end = min(_HEADER_BYTES, len(data)) if number % 2 else len(data)
    for _ in range(chance.choice((1, 2, 8, 40))):
        # The first bytes name the format; without them it is no picture, which others test.
        data[chance.randrange(12, end)] ^= 1 << chance.randrange(8)
    return bytes(data)
