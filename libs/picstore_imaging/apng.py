"""APNG: the frames of an animated PNG, each as a PNG of its own, for libvips reads only one.

What is read is bounded by the file: a walk over its chunks, and no pixel. The rules are those of
PNG, third edition, "APNG: frame-based animation". Pure: importable by every process.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import repeat
from typing import Final, NamedTuple

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES: Final = 13
_CONTROL: Final = struct.Struct(">IIIIIHHBB")
_SEQUENCE_BYTES: Final = 4
_SHARED: Final = frozenset({b"PLTE", b"tRNS"})
"""Chunks without which the pixels of a frame cannot be read."""
_MAX_SHARED_BYTES: Final = 3 * 256
"""Of one of them: a palette of all the colours that there may be."""
_DEFAULT_DENOMINATOR: Final = 100
_MS: Final = 1000

Data = bytes | mmap.mmap


class Disposal(IntEnum):
    """What becomes of the canvas after a frame."""

    NONE = 0
    """It stays."""
    BACKGROUND = 1
    """Where the frame was it is cleared."""
    PREVIOUS = 2
    """Where the frame was it becomes what it was before."""


class Blend(IntEnum):
    """How a frame comes onto the canvas."""

    SOURCE = 0
    """In place of what was there, transparency included."""
    OVER = 1
    """Over what was there."""


class Chunk(NamedTuple):
    """A chunk: its type, and where its data begin and end."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame: where it goes, for how long, and where its pixels are."""

    width: int
    height: int
    left: int
    top: int
    delay_ms: int
    disposal: Disposal
    blend: Blend
    pixels: list[slice] = field(default_factory=list)
    """Pieces of one zlib stream in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """What an APNG says of itself."""

    width: int
    height: int
    frames: tuple[Frame, ...]
    plays: int
    """How often they are shown; 0 for ever."""
    header: bytes
    """Of IHDR, after the sides."""
    shared: bytes
    """Chunks that each frame needs."""


def chunks(data: Data, steps: Iterator[None] | None = None) -> Iterator[Chunk]:
    """Go from chunk to chunk up to IEND, or to where the file ends before it; `steps` bounds it."""
    at = len(SIGNATURE)
    for _ in steps or repeat(None):
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        end = at + 12 + length
        if end > len(data):
            return
        yield Chunk(kind, at + 8, end - 4)
        if kind == b"IEND":
            return
        at = end


def read(data: Data, steps: Iterator[None]) -> Animation | None:
    """Read the animation of a PNG; None where it has none, or a wrong one. `steps` bounds it.

    Viewers show the default image of a file whose frames are wrong, as they would of one without.
    """
    reader = _Reader()
    for chunk in chunks(data, steps):
        if not reader.take(chunk, data):
            return None
    return reader.animation()


def files(data: Data, animation: Animation) -> Iterator[bytes]:
    """Write each frame as a PNG of its own."""
    for frame in animation.frames:
        sides = struct.pack(">II", frame.width, frame.height)
        pixels = b"".join(data[piece] for piece in frame.pixels)
        yield b"".join(
            (
                SIGNATURE,
                _chunk(b"IHDR", sides + animation.header),
                animation.shared,
                _chunk(b"IDAT", pixels),
                _chunk(b"IEND", b""),
            )
        )


class _Reader:
    """Takes the chunks of a file in their order."""

    def __init__(self) -> None:
        self._sides = (0, 0)
        self._header = b""
        self._shared: dict[bytes, bytes] = {}
        self._announced: tuple[int, int] | None = None
        self._frames: list[Frame] = []
        self._sequence = 0
        self._has_pixels = False
        self._default_frames = 0
        """One where the default image is a frame."""

    def take(self, chunk: Chunk, data: Data) -> bool:
        """Take the next chunk; False where it makes the animation a wrong one."""
        match chunk.kind:
            case b"IHDR":
                return self._take_header(data[chunk.start : chunk.end])
            case b"acTL":
                return self._take_announcement(data[chunk.start : chunk.end])
            case b"fcTL":
                return self._take_control(data[chunk.start : chunk.end])
            case b"IDAT":
                return self._take_default(chunk)
            case b"fdAT":
                return self._take_pixels(chunk, data)
            case kind if kind in _SHARED:
                return self._take_shared(kind, data[chunk.start : chunk.end])
        return True

    def animation(self) -> Animation | None:
        """Return what was read; None where something is missing."""
        if self._announced is None or len(self._frames) != self._announced[0]:
            return None
        if not all(frame.pixels for frame in self._frames):
            return None
        return Animation(
            width=self._sides[0],
            height=self._sides[1],
            frames=tuple(self._frames),
            plays=self._announced[1],
            header=self._header,
            shared=b"".join(_chunk(kind, data) for kind, data in self._shared.items()),
        )

    def _take_header(self, header: bytes) -> bool:
        if self._header or len(header) != _HEADER_BYTES:
            return False
        width, height = struct.unpack_from(">II", header)
        self._sides, self._header = (width, height), header[8:]
        return True

    def _take_announcement(self, announced: bytes) -> bool:
        if self._announced is not None or self._has_pixels or len(announced) != 8:
            return False
        frames, plays = struct.unpack(">II", announced)
        self._announced = frames, plays
        return bool(frames > 0)

    def _take_control(self, control: bytes) -> bool:
        if self._announced is None or len(self._frames) == self._announced[0]:
            return False
        if len(control) != _CONTROL.size:
            return False
        sequence, width, height, left, top, over, under, disposal, blend = _CONTROL.unpack(control)
        if not self._is_next(sequence) or min(width, height) == 0:
            return False
        if left + width > self._sides[0] or top + height > self._sides[1]:
            return False
        # The default image, where it is a frame, is as large as the canvas.
        if not self._has_pixels and (width, height) != self._sides:
            return False
        if disposal not in iter(Disposal) or blend not in iter(Blend):
            return False
        if not self._frames and disposal == Disposal.PREVIOUS:
            disposal = Disposal.BACKGROUND
        self._frames.append(
            Frame(
                width=width,
                height=height,
                left=left,
                top=top,
                delay_ms=round(_MS * over / (under or _DEFAULT_DENOMINATOR)),
                disposal=Disposal(disposal),
                blend=Blend(blend),
            )
        )
        return True

    def _take_shared(self, kind: bytes, data: bytes) -> bool:
        # There may be one of each; many would be put into every frame again.
        if kind in self._shared or len(data) > _MAX_SHARED_BYTES:
            return False
        self._shared[kind] = data
        return True

    def _take_default(self, chunk: Chunk) -> bool:
        if not self._has_pixels:
            self._has_pixels, self._default_frames = True, len(self._frames)
        if self._default_frames:
            self._frames[0].pixels.append(slice(chunk.start, chunk.end))
        return len(self._frames) == self._default_frames <= 1

    def _take_pixels(self, chunk: Chunk, data: Data) -> bool:
        start = chunk.start + _SEQUENCE_BYTES
        if len(self._frames) == self._default_frames or start > chunk.end or not self._has_pixels:
            return False
        self._frames[-1].pixels.append(slice(start, chunk.end))
        return self._is_next(int.from_bytes(data[chunk.start : start], "big"))

    def _is_next(self, sequence: int) -> bool:
        self._sequence += 1
        return sequence == self._sequence - 1


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)))
