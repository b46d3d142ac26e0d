"""GIF: frames, canvases and chains of blocks without end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, harmless, refused

_PALETTE: Final = b"\0\0\0\xff\xff\xff"
_TRAILER: Final = b"\x3b"
_DOT: Final = b"\x02\x02\x44\x01\0"
"""The codes of one pixel, in sub-blocks."""
_CONTROL: Final = b"\x21\xf9\4\0\5\0\0\0"


def _frame(
    width: int = 1, height: int = 1, left: int = 0, top: int = 0, *, codes: bytes = _DOT
) -> bytes:
    return _CONTROL + b"\x2c" + struct.pack("<4HB", left, top, width, height, 0) + codes


def gif(width: int, height: int, *blocks: bytes, end: bytes = _TRAILER) -> bytes:
    """Return a canvas with these blocks."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return header + _PALETTE + b"".join(blocks) + end


def _comment(count: int) -> bytes:
    return b"\x21\xfe" + b"\x01a" * count + b"\0"


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    yield "side", lambda: gif(65_535, 65_535, _frame(65_535, 65_535)), (Reason.LIMIT_SIDE,)
    yield "pixels", lambda: gif(10_000, 10_000, _frame(10_000, 10_000)), (Reason.LIMIT_PIXELS,)
    yield "one frame too many", lambda: gif(1, 1, _frame() * 301), (Reason.LIMIT_FRAMES,)
    yield "frames", lambda: gif(1, 1, _frame() * 40_000), (Reason.LIMIT_FRAMES,)
    yield "frames times pixels", lambda: gif(2_000, 2_000, _frame() * 299), (Reason.LIMIT_PIXELS,)
    yield "blocks", lambda: gif(1, 1, _comment(1_000_001), _frame()), (Reason.IMAGE_CORRUPT,)
    yield "padding", lambda: gif(1, 1, bytes(1_000_001), _frame()), (Reason.IMAGE_CORRUPT,)
    yield "no frames", lambda: gif(64, 64), (Reason.IMAGE_CORRUPT,)


def _puzzles() -> Iterator[tuple[str, Make]]:
    yield "no canvas", lambda: gif(0, 0, _frame())
    # libnsgif believes no canvas of more than 2,048 px, and takes the size of the first frame.
    yield "a canvas that is too large", lambda: gif(65_535, 65_535, _frame())
    yield "a canvas and frames beyond limits", lambda: gif(20_000, 1, _frame() * 300)
    yield "a frame larger than its canvas", lambda: gif(1, 1, _frame(65_535, 65_535))
    yield "a frame outside of its canvas", lambda: gif(64, 64, _frame(9, 9, 65_535, 65_535))
    yield "a frame of no size", lambda: gif(64, 64, _frame(0, 0))
    yield "a frame of no codes", lambda: gif(64, 64, _frame(64, 64, codes=b"\2\0"))
    yield "codes of no width", lambda: gif(64, 64, _frame(64, 64, codes=b"\0\1\0\0"))
    yield "codes of 255 bits", lambda: gif(64, 64, _frame(64, 64, codes=b"\xff\1\0\0"))
    yield (
        "codes that refer to nothing",
        lambda: gif(64, 64, _frame(64, 64, codes=b"\2\4\xff\xff\xff\xff\0")),
    )
    yield (
        "clear codes only",
        lambda: gif(
            64, 64, _frame(64, 64, codes=b"\2" + (b"\xff" + b"\x24\x49\x92" * 85) * 50 + b"\0")
        ),
    )
    yield (
        "disposals that there are not",
        lambda: gif(64, 64, (b"\x21\xf9\4\x1c\0\0\0\0" + _frame()[8:]) * 20),
    )
    yield "many comments", lambda: gif(64, 64, _comment(100) * 5_000, _frame())
    yield "long delays", lambda: gif(16, 16, (b"\x21\xf9\4\0\xff\xff\0\0" + _frame()[8:]) * 20)


def cases() -> Iterator[Case]:
    """Every GIF."""
    for name, make, reasons in _bombs():
        yield refused(f"gif bomb: {name}", SourceFormat.GIF, make, *reasons)
    for name, make in _puzzles():
        yield either(f"gif with {name}", SourceFormat.GIF, make, *_PUZZLING)
    yield harmless(
        "gif of all frames that are allowed",
        SourceFormat.GIF,
        lambda: gif(400, 400, _frame() * 300),
    )
    yield harmless(
        "gif of all pixels that are allowed", SourceFormat.GIF, partial(gif, 7_000, 7_000, _frame())
    )


_PUZZLING: Final = (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED, Reason.LIMIT_SIDE)
