"""The one place that sets libvips up and opens pictures with it.

Every loader is blocked, then the few that the product accepts are opened again; a picture is opened
with the loader that the sniffer named, so libvips never guesses. Those of drawings and of gain maps
are opened only while they are called. Import this only in a sandboxed child, or in a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging.fields import without_unreadable
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.repair import with_avif_brands
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason, ResourceExhausted

VERSION_FLOOR: Final = (8, 18, 3)
"""The first libvips without CVE-2026-33327, -33328, -35590 and -35591 (GHSA-f88m-g3jw-g9cj)."""

_LOADERS: Final = {
    SourceFormat.JPEG: "jpegload",
    SourceFormat.PNG: "pngload",
    SourceFormat.WEBP: "webpload",
    SourceFormat.AVIF: "heifload",
    SourceFormat.GIF: "gifload",
    SourceFormat.TIFF: "tiffload",
}
_LOADER_CLASSES: Final = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadHeif",
    "VipsForeignLoadNsgif",
    "VipsForeignLoadTiff",
)
_SVG_CLASS: Final = "VipsForeignLoadSvg"
_ULTRA_HDR_CLASS: Final = "VipsForeignLoadUhdr"
_CSS_DPI: Final = 96
_POINTS: Final = 72
"""To an inch; libvips enlarges by the ratio of the two, and a CSS pixel is to stay one."""
_DRAWING: Final = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'>"
    b"<rect width='9' height='9'/><text y='9' font-size='9'>a</text></svg>"
)
_OUT_OF_MEMORY: Final = re.compile(
    "out of memory|insufficient memory|"
    "memory allocation(?! error: (?:security limit|invalid image size))",
    re.IGNORECASE,
)
"""As libvips itself, libjpeg and libheif put it. libheif calls it an error of allocation as well
where a file has more boxes, items or tiles than it puts up with, or a picture of no size."""


class LibvipsTooOld(RuntimeError):
    """The installed libvips has known holes."""


def version() -> tuple[int, int, int]:
    """The version of the libvips that is loaded."""
    return pyvips.version(0), pyvips.version(1), pyvips.version(2)


def configure(*, concurrency: int = 1) -> None:
    """Set up this process's libvips; to be called before any picture is opened, harmless twice.

    One thread is best where there is a process for each core: two threads help only AVIF, and
    only its latency. Raises `LibvipsTooOld` below the version floor.
    """
    if version() < VERSION_FLOOR:
        installed, floor = (".".join(map(str, v)) for v in (version(), VERSION_FLOOR))
        raise LibvipsTooOld(f"libvips {installed} is installed, {floor} or later is needed")
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader_class in _LOADER_CLASSES:
        pyvips.operation_block_set(loader_class, False)
    # No two operations of a conversion are equal, so the cache would only hold memory.
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(concurrency)


def exercise() -> None:
    """Write, read and colour-manage a small picture in every accepted format."""
    picture = pyvips.Image.black(16, 16, bands=3).copy(interpretation="srgb")
    for saver, loader, options in (
        ("jpegsave_buffer", "jpegload_buffer", {}),
        ("pngsave_buffer", "pngload_buffer", {}),
        ("webpsave_buffer", "webpload_buffer", {}),
        ("heifsave_buffer", "heifload_buffer", {"compression": "av1", "effort": 0}),
        ("gifsave_buffer", "gifload_buffer", {}),
        ("tiffsave_buffer", "tiffload_buffer", {"compression": "deflate"}),
    ):
        encoded = getattr(picture, saver)(**options)
        decoded = getattr(pyvips.Image, loader)(encoded)
        decoded.icc_transform("srgb", input_profile="p3").copy_memory()
    open_svg(_DRAWING).copy_memory()


def open_image(path: Path, source_format: SourceFormat, **options: Any) -> pyvips.Image:
    """Read a picture's header; its pixels are decoded when they are asked for, from top to bottom.

    Raises `IMAGE_CORRUPT` for a header that cannot be read, and `KeyError` for a HEIC, which `heic`
    reads, and an SVG.
    """
    load = getattr(pyvips.Image, _LOADERS[source_format])
    with corrupt_on_error():
        try:
            opened = load(str(path), access="sequential", fail_on="error", **options)
        except pyvips.Error:
            repaired = _repaired(path, source_format)
            if repaired is None:
                raise
            opened = pyvips.Image.heifload_buffer(
                repaired, access="sequential", fail_on="error", **options
            )
    return without_unreadable(opened)


def open_encoded(encoded: bytes, format: Format) -> pyvips.Image:
    """Decode a file that was just written here, every frame of it; raises `pyvips.Error`."""
    frames = {"n": -1} if format.moves else {}
    load = getattr(pyvips.Image, f"{_LOADERS[SourceFormat(format.value)]}_buffer")
    image = load(encoded, access="sequential", fail_on="error", **frames)
    return image.copy_memory()


def open_png(data: bytes) -> pyvips.Image:
    """Read the header of a PNG in memory; raises `pyvips.Error`."""
    return pyvips.Image.pngload_buffer(data, access="sequential", fail_on="error")


def open_svg(drawing: bytes, *, scale: float = 1.0) -> pyvips.Image:
    """Read a drawing; it is rasterised at `scale` times its own size when pixels are asked for.

    Nothing outside of it is read: librsvg is not told of any place to look at. Raises
    `IMAGE_CORRUPT`.
    """
    pyvips.operation_block_set(_SVG_CLASS, False)
    try:
        with corrupt_on_error():
            return pyvips.Image.svgload_buffer(
                drawing, dpi=_CSS_DPI, scale=scale * _POINTS / _CSS_DPI, access="sequential"
            )
    finally:
        pyvips.operation_block_set(_SVG_CLASS, True)


def open_ultra_hdr(path: Path) -> pyvips.Image:
    """Read the header of a JPEG, with what it says of its gain map; raises `pyvips.Error`.

    libultrahdr reads it, which is let at a file only here, for what is to keep its gain map.
    """
    pyvips.operation_block_set(_ULTRA_HDR_CLASS, False)
    try:
        return pyvips.Image.uhdrload(str(path), access="sequential")
    finally:
        pyvips.operation_block_set(_ULTRA_HDR_CLASS, True)


def _repaired(path: Path, source_format: SourceFormat) -> bytes | None:
    return with_avif_brands(path.read_bytes()) if source_format is SourceFormat.AVIF else None


def out_of_memory(text: str) -> bool:
    """Whether the text of a library's error speaks of the end of this process's memory."""
    return _OUT_OF_MEMORY.search(text) is not None


@contextmanager
def corrupt_on_error() -> Iterator[None]:
    """Turn libvips's errors about a source into `IMAGE_CORRUPT`, without its text."""
    try:
        yield
    except pyvips.Error as error:
        raise _refusal(error, undecodable()) from error


@contextmanager
def encode_failed_on_error() -> Iterator[None]:
    """Turn libvips's errors about an output into `ENCODE_FAILED`, without its text."""
    try:
        yield
    except pyvips.Error as error:
        raise _refusal(
            error, EncodeFailed(Reason.ENCODE_FAILED, "the output could not be encoded")
        ) from error


class EncodeFailed(PicstoreError):
    """An output could not be made of a picture that decodes."""


def _refusal(error: pyvips.Error, otherwise: PicstoreError) -> PicstoreError:
    """Tell the end of the child's memory from the picture's own faults.

    libvips has one kind of error and no codes, so its text must tell.
    """
    return no_memory() if out_of_memory(error.detail) else otherwise


def undecodable() -> InvalidArgument:
    """Say that no decoder can make a picture of the file."""
    return InvalidArgument(Reason.IMAGE_CORRUPT, "the picture cannot be decoded: it is damaged")


def no_memory() -> ResourceExhausted:
    """Say that the child's memory has ended."""
    return ResourceExhausted(
        Reason.CHILD_MEMORY, "the picture needs more memory than a conversion may have"
    )
