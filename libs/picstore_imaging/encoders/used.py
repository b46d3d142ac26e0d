"""Which encoder made a file, in which version, told what: as the libraries say while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import pyvips

from picstore_imaging import vips

_SIDE: Final = 32
_PRIME: Final = 251
_QUALITY: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderUsed:
    """What made one file."""

    name: str
    version: str
    told: str
    """What it was told, for people, such as `preset 6, quality 59, 4:2:0, 8 bits`."""


def by_libvips(name: str, told: str) -> EncoderUsed:
    """Name an encoder inside of libvips, which does not tell the versions of its parts."""
    return EncoderUsed(
        name=name, version=f"libvips {'.'.join(map(str, vips.version()))}", told=told
    )


def told(options: Mapping[str, Any]) -> str:
    """Write the options of a saver of libvips in a line; one that is off is left out."""
    return ", ".join(
        name if value is True else f"{name} {value}"
        for name, value in options.items()
        if value is not False
    )


@lru_cache(maxsize=1)
def jpeg_library() -> str:
    """Tell mozjpeg from any other libjpeg: only there, trellis quantisation changes a file."""
    places = pyvips.Image.xyz(_SIDE, _SIDE)
    busy = (places[0] * places[1] % _PRIME).cast("uchar")
    plain, trellis = (
        busy.jpegsave_buffer(Q=_QUALITY, optimize_coding=True, trellis_quant=searched, keep="none")
        for searched in (False, True)
    )
    return "libjpeg" if plain == trellis else "mozjpeg"
