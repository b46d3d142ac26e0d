"""JPEG: frames, tables, scans and restarts that contradict themselves or one another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.jpeg import segment
from tests.hostile.whole import whole

_SOF, _DHT, _DQT, _DRI, _SOS, _DNL = 0xC0, 0xC4, 0xDB, 0xDD, 0xDA, 0xDC
_END: Final = b"\xff\xd9"
_NAMED: Final = {
    "frame": _SOF,
    "Huffman": _DHT,
    "arithmetic": 0xCC,
    "quantisation": _DQT,
    "restart": _DRI,
    "scan": _SOS,
    "lines": _DNL,
    "hierarchy": 0xDE,
    "expansion": 0xDF,
    "JFIF": 0xE0,
    "metadata": 0xE1,
    "profile": 0xE2,
    "resources": 0xED,
    "Adobe": 0xEE,
    "comment": 0xFE,
    "extension": 0xF7,
}
"""Markers with a length, each of which some code reads that believes it."""
_FRAMES: Final = (0xC1, 0xC6, 0xC7, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xC8)

Segments = list[tuple[int, bytes]]


def _split(data: bytes) -> tuple[Segments, bytes]:
    """Take the segments before the first scan, its header among them; the rest is what it codes."""
    found, at = [], 2
    while True:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, data[at + 4 : end]))
        at = end
        if marker == _SOS:
            return found, data[at:]


def _joined(segments: Segments, rest: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segment(*each) for each in segments) + rest


def _is_frame(marker: int) -> bool:
    return marker in (_SOF, 0xC2)


def _before(which: int, *added: tuple[int, bytes], kind: str = "jpeg") -> bytes:
    """Put segments before the first one of a kind; `_SOF` stands for a progressive one as well."""
    segments, rest = _split(whole(kind))
    place = next(
        n
        for n, (marker, _) in enumerate(segments)
        if marker == which or (which == _SOF and _is_frame(marker))
    )
    return _joined([*segments[:place], *added, *segments[place:]], rest)


def _changed(which: int, at: int, value: bytes, *, kind: str = "jpeg") -> bytes:
    """Overwrite bytes in every segment of a kind."""
    segments, rest = _split(whole(kind))
    return _joined(
        [
            (marker, data[:at] + value + data[at + len(value) :])
            if marker == which or (which == _SOF and _is_frame(marker))
            else (marker, data)
            for marker, data in segments
        ],
        rest,
    )


def _without(which: int) -> bytes:
    segments, rest = _split(whole("jpeg"))
    return _joined([each for each in segments if each[0] != which], rest)


def _frame(width: int, height: int, components: int = 3, *, bits: int = 8) -> bytes:
    parts = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    sides = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes([bits]) + sides + bytes([components]) + parts


def _coded(data: bytes, *, kind: str = "jpeg") -> bytes:
    """Let the first scan code something else."""
    segments, _ = _split(whole(kind))
    return _joined(segments, data + _END)


def _lying(marker: int, length: int) -> bytes:
    """Put a segment of an impossible length first."""
    data = whole("jpeg")
    return data[:2] + bytes([0xFF, marker]) + length.to_bytes(2, "big") + data[2:]


def _restarting(interval: int, marks: bytes) -> bytes:
    """Announce restarts, and have such marks in the middle of what is coded."""
    segments, rest = _split(whole("jpeg"))
    middle = len(rest) // 2
    middle += rest[middle - 1] == 0xFF
    rest = rest[:middle] + marks + rest[middle:]
    return _joined([(_DRI, interval.to_bytes(2, "big")), *segments], rest)


def _scan(components: bytes, first: int, last: int, bits: int) -> bytes:
    return bytes([len(components) // 2]) + components + bytes([first, last, bits])


def _scans(*headers: bytes, kind: str = "progressive jpeg") -> bytes:
    """Follow the first scan by scans of these headers, each of which codes little."""
    data = whole(kind)
    return data[:-2] + b"".join(segment(_SOS, each) + b"\x55\x2a" * 40 for each in headers) + _END


def _tables(*counts: int, symbols: bytes, slot: int = 0) -> tuple[int, bytes]:
    """A Huffman table of so many codes of each length from 1 on."""
    return _DHT, bytes([slot]) + bytes(counts).ljust(16, b"\0") + symbols


def _frames() -> Iterator[tuple[str, Make]]:
    for marker in _FRAMES:
        segments, rest = _split(whole("jpeg"))
        other = [(marker if each == _SOF else each, data) for each, data in segments]
        yield f"a frame of kind {marker:x}", partial(_joined, other, rest)
    for bits in (0, 1, 2, 7, 9, 16, 255):
        yield f"{bits} bits", partial(_changed, _SOF, 0, bytes([bits]))
        yield (
            f"{bits} bits, progressive",
            partial(_changed, _SOF, 0, bytes([bits]), kind="progressive jpeg"),
        )
    for count in (1, 2, 4, 5, 10):
        yield f"a frame that says {count} components", partial(_changed, _SOF, 5, bytes([count]))
    for count in (1, 2, 4, 5, 10, 255):
        made = _frame(96, 64, count)
        yield f"a frame of {count} whole components", partial(_changed, _SOF, 0, made)
    for place, name in ((6, "first"), (9, "second"), (12, "third")):
        yield f"a {name} component that is another", partial(_changed, _SOF, place, b"\7")
        yield f"a {name} component of factors 4 by 1", partial(_changed, _SOF, place + 1, b"\x41")
        yield f"a {name} component of factors 1 by 3", partial(_changed, _SOF, place + 1, b"\x13")
    for transform in (0, 1, 2, 255):
        adobe = b"Adobe\0d\0\0\0\0" + bytes([transform])
        yield f"Adobe's transform {transform}", partial(_before, _SOF, (0xEE, adobe))


def _two_frames() -> Iterator[tuple[str, Make]]:
    for name, frame in (
        ("larger", _frame(2_000, 2_000)),
        ("smaller", _frame(8, 8)),
        ("grey", _frame(96, 64, 1)),
        ("endless", _frame(65_500, 65_500)),
        ("empty", _frame(0, 0)),
    ):
        for second in (_SOF, 0xC2, 0xC9):
            added = partial(_before, _SOF, (second, frame))
            yield f"a {name} frame of kind {second:x} before it", added
        yield f"a {name} frame after it", partial(_before, _SOS, (_SOF, frame))
    data = whole("jpeg")
    yield "a frame after its pixels", lambda: data[:-2] + segment(_SOF, _frame(8, 8)) + _END
    yield (
        "no lines until it says how many",
        lambda: _changed(_SOF, 1, b"\0\0")[:-2] + segment(_DNL, b"\0\x40") + _END,
    )
    yield "other lines after its pixels", lambda: data[:-2] + segment(_DNL, b"\xff\xff") + _END


def _codes() -> Iterator[tuple[str, Make]]:
    for slot in (0x00, 0x10, 0x11, 0x0F, 0xF0):
        full = _tables(*[255] * 16, symbols=bytes(range(255)) * 16, slot=slot)
        yield f"4,080 codes in table {slot:x}", partial(_before, _SOS, full)
        over = _tables(3, symbols=b"\1\2\3", slot=slot)
        yield f"three codes of one bit in table {slot:x}", partial(_before, _SOS, over)
        none = _tables(symbols=b"", slot=slot)
        yield f"no codes in table {slot:x}", partial(_before, _SOS, none)
        wide = _tables(0, 2, symbols=b"\xff\x1f", slot=slot)
        yield f"numbers of 15 bits and more in table {slot:x}", partial(_before, _SOS, wide)
        short = _tables(0, 9, symbols=b"\1", slot=slot)
        yield f"codes without symbols in table {slot:x}", partial(_before, _SOS, short)
    many = (_tables(0, 1, symbols=b"\1") for _ in range(20_000))
    yield "20,000 tables of codes", partial(_before, _SOF, *many)
    yield (
        "a segment full of tables of codes",
        lambda: _before(_SOF, (_DHT, _tables(0, 1, symbols=b"\1")[1] * 3_640)),
    )
    yield "no tables of codes", partial(_without, _DHT)
    yield "no tables of steps", partial(_without, _DQT)
    yield "no frame", partial(_without, _SOF)
    for value in (0, 1, 255):
        steps = bytes([0]) + bytes([value]) * 64 + bytes([1]) + bytes([value]) * 64
        yield f"steps of {value}", partial(_before, _SOS, (_DQT, steps))
    yield "steps of 65,535", lambda: _before(_SOS, (_DQT, b"\x10" + b"\xff" * 128))
    yield "a table of steps that there is not", lambda: _before(_SOS, (_DQT, b"\x0f" + bytes(64)))
    yield "a table of steps cut short", lambda: _before(_SOS, (_DQT, b"\0" + bytes(30)))
    yield "20,000 tables of steps", lambda: _before(_SOF, *[(_DQT, b"\0" + b"\1" * 64)] * 20_000)
    yield "arithmetic conditions", lambda: _before(_SOS, (0xCC, b"\0\xff\x10\xff\x2f\xff" * 200))


def _restarts() -> Iterator[tuple[str, Make]]:
    for interval in (1, 3, 65_535):
        yield f"restarts each {interval} that are not there", partial(_restarting, interval, b"")
        for name, marks in (
            ("out of order", b"\xff\xd5\xff\xd2\xff\xd0"),
            ("a thousandfold", b"\xff\xd0" * 1_000),
            ("all of one number", b"\xff\xd7" * 20),
        ):
            made = partial(_restarting, interval, marks)
            yield f"restarts each {interval} {name}", made
    yield "an interval of one byte", lambda: _before(_SOS, (_DRI, b"\1"))
    yield "an interval of 4 bytes", lambda: _before(_SOS, (_DRI, b"\0\0\0\1"))
    yield "10,000 intervals", lambda: _before(_SOS, *[(_DRI, b"\0\1")] * 10_000)


def _coding() -> Iterator[tuple[str, Make]]:
    for kind in ("jpeg", "progressive jpeg"):
        for name, data in (
            ("zeros", bytes(2_000)),
            ("ones", b"\xff\0" * 2_000),
            ("padding", b"\xff" * 5_000),
            ("nothing", b""),
            ("one bit after the other", b"\xaa\x55" * 1_000),
            ("another picture", whole("jpeg")),
            ("marks that mean nothing", b"\xff\x01" * 2_000),
        ):
            yield f"{name} coded, {kind}", partial(_coded, data, kind=kind)
    for name, header in (
        ("a component that there is not", _scan(b"\x09\0", 0, 63, 0)),
        ("one component twice", _scan(b"\1\0\1\0", 0, 63, 0)),
        ("no component", _scan(b"", 0, 63, 0)),
        ("five components", _scan(b"\1\0\2\0\3\0\1\0\2\0", 0, 63, 0)),
        ("tables that there are not", _scan(b"\1\xff", 0, 63, 0)),
        ("coefficients backwards", _scan(b"\1\0", 63, 1, 0)),
        ("coefficients beyond 63", _scan(b"\1\0", 1, 255, 0)),
        ("coefficients of three components", _scan(b"\1\0\2\0\3\0", 1, 63, 0)),
        ("bits by 15", _scan(b"\1\0", 1, 63, 0x0F)),
        ("bits refined that never came", _scan(b"\1\0", 1, 63, 0xFE)),
        ("bits refined upwards", _scan(b"\1\0", 1, 63, 0x12)),
        ("the first coefficient and others", _scan(b"\1\0", 0, 5, 0)),
    ):
        for kind in ("jpeg", "progressive jpeg"):
            yield f"a scan of {name}, {kind}", partial(_scans, header, kind=kind)
    refined = [_scan(b"\1\0", 1, 63, bits) for bits in (0x0D, *([0xDC, 0xCB, 0xBA] * 300))]
    yield "900 refinements", partial(_scans, *refined)
    yield (
        "scans of one coefficient each",
        partial(_scans, *[_scan(b"\1\0", n, n, 0) for n in range(1, 64)] * 20),
    )


def cases() -> Iterator[Case]:
    """Every JPEG that is wrongly coded."""
    for name, marker in _NAMED.items():
        for length in (0, 1, 2, 3, 9):
            wrong = f"jpeg with a {name} segment of length {length}"
            yield either(wrong, SourceFormat.JPEG, partial(_lying, marker, length), *_WRONG)
    for group in (_frames, _two_frames, _codes, _restarts, _coding):
        for name, make in group():
            yield either(f"jpeg with {name}", SourceFormat.JPEG, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_UNRECOGNISED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
)
