"""Ultra HDR: a JPEG, and a second one behind it that says how much brighter each part may be.

What there is to know of the gain map is written twice, as ISO 21496-1 has it and as XMP, for older
readers know only the latter. Pure: importable by every process.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from picstore_imaging import mpf
from picstore_imaging.blocks import XMP_MARK

_ISO: Final = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_VERSION: Final = bytes(4)
_MANY_CHANNELS: Final = 0x80
_IN_BASE_COLOURS: Final = 0x40
_DENOMINATOR: Final = 1 << 20
_MAX_NUMERATOR: Final = 2**31 - 1
_HDRGM: Final = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER: Final = "http://ns.google.com/photos/1.0/container/"
_RDF_END: Final = b"</rdf:RDF>"
_EMPTY: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
)
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_FIRST: Final = frozenset({0xE0, 0xE1})
"""Segments that readers look for at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How the values of a gain map are meant; a value for each of its channels, or one for all."""

    min_boost: tuple[float, ...]
    """By how much a value of 0 multiplies light."""
    max_boost: tuple[float, ...]
    """By how much the highest value does."""
    gamma: tuple[float, ...]
    offset_sdr: tuple[float, ...]
    offset_hdr: tuple[float, ...]
    capacity_min: float
    """From which headroom of a display on it begins to show."""
    capacity_max: float
    """From which on it shows in full."""
    in_base_colours: bool = True

    @property
    def is_sound(self) -> bool:
        """Whether it can be computed with at all."""
        numbers = (*self.min_boost, *self.max_boost, *self.gamma, self.capacity_min)
        others = (*self.offset_sdr, *self.offset_hdr, self.capacity_max)
        lengths = {len(self.min_boost), len(self.max_boost), len(self.gamma)}
        lengths |= {len(self.offset_sdr), len(self.offset_hdr)}
        return (
            len(lengths) == 1
            and all(map(math.isfinite, (*numbers, *others)))
            and all(number > 0 for number in (*numbers, self.capacity_max))
        )


def joined(picture: bytes, gain_map: bytes, gain: Gain, *, channels: int) -> bytes:
    """Put two finished JPEGs into one file; metadata of the first one stays."""
    values = _chunk(_APP1, XMP_MARK + _xmp(_EMPTY, _values_xmp(gain)))
    values += _chunk(_APP2, _ISO + _ISO_VERSION + _iso(gain, channels))
    second = gain_map[:2] + values + gain_map[2:]
    segments, rest = _split(picture)
    packet, kept = _EMPTY, []
    for marker, data in segments:
        if marker == _APP1 and data.startswith(XMP_MARK):
            packet = data.removeprefix(XMP_MARK)
        else:
            kept.append((marker, data))
    first = [_chunk(marker, data) for marker, data in kept if marker in _FIRST]
    others = [_chunk(marker, data) for marker, data in kept if marker not in _FIRST]
    directory = _xmp(packet, _directory_xmp(len(second)))
    head = b"".join(
        (
            picture[:2],
            *first,
            _chunk(_APP1, XMP_MARK + directory),
            _chunk(_APP2, _ISO + _ISO_VERSION),
        )
    )
    start = len(head) + 4 + len(mpf.MARK)
    tail = b"".join((*others, rest))
    primary_bytes = start + mpf.INDEX_BYTES + len(tail)
    index = mpf.index(primary_bytes=primary_bytes, start=start, second_bytes=len(second))
    return b"".join((head, _chunk(_APP2, mpf.MARK + index), tail, second))


def _split(picture: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Take the application segments from the front of a JPEG of our own; the rest is not read."""
    segments, at = [], 2
    while 0xE0 <= (marker := picture[at + 1]) <= 0xEF:
        end = at + 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
        segments.append((marker, picture[at + 4 : end]))
        at = end
    return segments, picture[at:]


def _chunk(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _xmp(packet: bytes, description: str) -> bytes:
    """Add a description to a packet, which our own end like that."""
    before, end, after = packet.rpartition(_RDF_END)
    return before + description.encode() + end + after


def _directory_xmp(second_bytes: int) -> str:
    item = (
        '<rdf:li rdf:parseType="Resource">'
        '<Container:Item Item:Semantic="{}" Item:Mime="image/jpeg"{}/></rdf:li>'
    )
    length = f' Item:Length="{second_bytes}"'
    return (
        f'<rdf:Description rdf:about="" xmlns:Container="{_CONTAINER}" '
        f'xmlns:Item="{_CONTAINER}item/" xmlns:hdrgm="{_HDRGM}" hdrgm:Version="1.0">'
        f"<Container:Directory><rdf:Seq>{item.format('Primary', '')}"
        f"{item.format('GainMap', length)}</rdf:Seq></Container:Directory></rdf:Description>"
    )


def _values_xmp(gain: Gain) -> str:
    by_channel = {
        "GainMapMin": [math.log2(boost) for boost in gain.min_boost],
        "GainMapMax": [math.log2(boost) for boost in gain.max_boost],
        "Gamma": gain.gamma,
        "OffsetSDR": gain.offset_sdr,
        "OffsetHDR": gain.offset_hdr,
    }
    for_all = {
        "HDRCapacityMin": math.log2(gain.capacity_min),
        "HDRCapacityMax": math.log2(gain.capacity_max),
    }
    attributes, elements = dict(for_all), ""
    for name, values in by_channel.items():
        if len(set(values)) == 1:
            attributes[name] = values[0]
            continue
        items = "".join(f"<rdf:li>{value:.6f}</rdf:li>" for value in values)
        elements += f"<hdrgm:{name}><rdf:Seq>{items}</rdf:Seq></hdrgm:{name}>"
    written = "".join(f' hdrgm:{name}="{value:.6f}"' for name, value in attributes.items())
    return (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{_HDRGM}" hdrgm:Version="1.0"'
        f'{written} hdrgm:BaseRenditionIsHDR="False">{elements}</rdf:Description>'
    )


def _iso(gain: Gain, channels: int) -> bytes:
    flags = _MANY_CHANNELS if channels > 1 else 0
    flags |= _IN_BASE_COLOURS if gain.in_base_colours else 0
    numbers = [math.log2(gain.capacity_min), math.log2(gain.capacity_max)]
    for channel in range(3 if channels > 1 else 1):
        numbers += _of_channel(gain, channel)
    return bytes([flags]) + b"".join(map(_fraction, numbers))


def _of_channel(gain: Gain, channel: int) -> Iterator[float]:
    def pick(values: Sequence[float]) -> float:
        return values[min(channel, len(values) - 1)]

    yield math.log2(pick(gain.min_boost))
    yield math.log2(pick(gain.max_boost))
    yield pick(gain.gamma)
    yield pick(gain.offset_sdr)
    yield pick(gain.offset_hdr)


def _fraction(number: float) -> bytes:
    numerator = max(-_MAX_NUMERATOR, min(_MAX_NUMERATOR, round(number * _DENOMINATOR)))
    return struct.pack(">iI", numerator, _DENOMINATOR)
