"""What the targets begin with: hostile files, and blocks of metadata cut out of sound ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from tests.hostile import gif, heif, jpeg, png, svg, tiff, webp
from tests.hostile.case import Case
from tests.hostile.whole import WHOLE, whole

_LONGEST: Final = 16 * 1024
"""Bytes of a seed: of longer ones, most is the same over and over."""
_KINDS: Final[dict[SourceFormat, Callable[[], Iterator[Case]]]] = {
    SourceFormat.JPEG: jpeg.cases,
    SourceFormat.PNG: png.cases,
    SourceFormat.GIF: gif.cases,
    SourceFormat.WEBP: webp.cases,
    SourceFormat.AVIF: heif.cases,
    SourceFormat.HEIC: heif.cases,
    SourceFormat.TIFF: tiff.cases,
    SourceFormat.SVG: svg.cases,
}


@cache
def _files(format: SourceFormat) -> tuple[bytes, ...]:
    sound = [whole(name) for name, (found, _) in WHOLE.items() if found is format]
    hostile = (case.make() for case in _KINDS[format]() if case.format is format)
    return tuple(data for data in (*sound, *hostile) if len(data) <= _LONGEST)


def files(format: SourceFormat) -> Callable[[], Iterable[bytes]]:
    """Lend every short file of a format, sound ones first."""
    return partial(_files, format)


def heads() -> Iterable[bytes]:
    """The beginning of each kind of file."""
    return (whole(name)[:512] for name in WHOLE)
