"""What walks through picture files before a decoder sees them."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from picstore_imaging import apng, integrity, mpf, repair, sniff, tiff
from picstore_imaging.formats import SourceFormat
from picstore_imaging.integrity import embedded, jpeg, webp
from picstore_imaging.integrity.verdict import parts
from tests.fuzz.seeds import files, heads
from tests.fuzz.target import Target, as_file

_WALKED: Final = (
    SourceFormat.JPEG,
    SourceFormat.PNG,
    SourceFormat.GIF,
    SourceFormat.WEBP,
    SourceFormat.AVIF,
    SourceFormat.HEIC,
    SourceFormat.TIFF,
    SourceFormat.SVG,
)
_FIRST: Final[dict[SourceFormat, bytes]] = {
    SourceFormat.JPEG: b"\xff\xd8\xff",
    SourceFormat.PNG: apng.SIGNATURE,
    SourceFormat.GIF: b"GIF89a",
}
"""Without these bytes no file gets as far as to its walk."""


def _walk(format: SourceFormat, data: bytes) -> None:
    first = _FIRST.get(format, b"")
    with as_file(first + data[len(first) :]) as path:
        found = integrity.inspect(path, format)
    assert found.trailing_bytes >= 0
    assert found.frames >= 1
    if found.drawn_size is not None:
        assert not any(map(math.isnan, found.drawn_size))


def _apng(data: bytes) -> None:
    animation = apng.read(data, parts())
    if animation is None:
        return
    for file in apng.files(data, animation):
        assert [chunk.kind for chunk in apng.chunks(file)][-1] == b"IEND"


def _repair(data: bytes) -> None:
    mended = repair.with_avif_brands(data)
    assert mended is None or sniff.sniff(mended) is SourceFormat.AVIF


def _tiff(data: bytes) -> None:
    try:
        layout = tiff.Layout.of(data)
        directory = tiff.Directory.read(data, layout, layout.first)
    except tiff.EndsEarly:
        return
    for tag in directory.entries:
        directory.number(tag, 0)
        directory.numbers(tag)
        directory.value(tag)
    directory.tells_a_place()


def _embedded(data: bytes) -> None:
    uri = data.decode("utf-8", "replace")
    if embedded.is_raster(uri):
        assert embedded.pixels(uri) >= 0
    webp.canvas_pixels(data)
    jpeg.pixels(data)


_URIS: Final = (
    b"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    b"data:image/gif,GIF89a%10%00%10%00",
    b"data:image/jpeg;base64,/9j/wAALCABAAGABAREA",
)

TARGETS: Final = {
    **{f"walk-{f.value}": Target(read=partial(_walk, f), seeds=files(f)) for f in _WALKED},
    "sniff": Target(read=sniff.recognise, seeds=heads),
    "apng": Target(read=_apng, seeds=files(SourceFormat.PNG)),
    "mpf": Target(
        read=lambda data: mpf.pictures_end(data, 0),
        seeds=lambda: [mpf.index(primary_bytes=900, start=20, second_bytes=99)],
    ),
    "repair": Target(read=_repair, seeds=files(SourceFormat.AVIF)),
    "tiff": Target(read=_tiff, seeds=files(SourceFormat.TIFF)),
    "embedded": Target(read=_embedded, seeds=lambda: _URIS),
}
"""By name."""
