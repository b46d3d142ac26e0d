"""What a caller cannot mean: parts, slices, sizes and times that no store takes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from picstore_kit.blobs.base import (
    MAX_PARTS,
    MAX_PRESIGN_S,
    PART_BYTES,
    BlobStoreDenied,
    Part,
    check_range,
)


def check_part(number: int) -> None:
    """Refuse a number that no part has.

    Raises:
        ValueError: It is not 1 to `MAX_PARTS`.
    """
    if not 1 <= number <= MAX_PARTS:
        raise ValueError(f"parts have numbers from 1 to {MAX_PARTS}")


def check_parts(parts: Sequence[Part]) -> None:
    """Refuse parts that cannot become an object.

    Raises:
        ValueError: There are none, or their numbers do not ascend.
        BlobStoreDenied: One but the last is smaller than `PART_BYTES`.
    """
    if not parts:
        raise ValueError("an object has at least one part")
    for part in parts:
        check_part(part.number)
    if any(one.number >= next_one.number for one, next_one in pairwise(parts)):
        raise ValueError("the numbers of parts must ascend")
    if any(part.size < PART_BYTES for part in parts[:-1]):
        raise BlobStoreDenied("EntityTooSmall")  # as S3 calls it


def check_expiry(expires_s: int) -> None:
    """Refuse a time for which no request can be presigned.

    Raises:
        ValueError: It is not 1 to `MAX_PRESIGN_S`.
    """
    if not 1 <= expires_s <= MAX_PRESIGN_S:
        raise ValueError(f"a request is presigned for 1 to {MAX_PRESIGN_S} seconds")


def check_sizes(min_size: int, max_size: int) -> None:
    """Refuse sizes that no object has.

    Raises:
        ValueError: One is negative, or the smallest is above the largest.
    """
    if not 0 <= min_size <= max_size:
        raise ValueError("sizes must not be negative, nor the smallest above the largest")


def read_slice(path: Path, offset: int, length: int) -> bytes:
    """Read a slice of a file.

    Raises:
        ValueError: It is negative, or goes beyond the end.
    """
    check_range(offset, length)
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise ValueError("the file ends before the slice does")
    return data
