"""The one place that sets libvips up and opens pictures with it.

Every loader is blocked, then the few that the product accepts are opened again; a picture is opened
with the loader that the sniffer named, so libvips never guesses. Import this only in a sandboxed
child, or in a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason, ResourceExhausted

VERSION_FLOOR: Final = (8, 18, 3)
"""The first libvips without CVE-2026-33327, -33328, -35590 and -35591 (GHSA-f88m-g3jw-g9cj)."""

_LOADERS: Final = {
    SourceFormat.JPEG: "jpegload",
    SourceFormat.PNG: "pngload",
    SourceFormat.WEBP: "webpload",
    SourceFormat.AVIF: "heifload",
}
_LOADER_CLASSES: Final = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadHeif",
)
_OUT_OF_MEMORY: Final = re.compile(
    "out of memory|insufficient memory|memory allocation", re.IGNORECASE
)
"""As libvips itself, libjpeg and libheif put it."""


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
    ):
        encoded = getattr(picture, saver)(**options)
        decoded = getattr(pyvips.Image, loader)(encoded)
        decoded.icc_transform("srgb", input_profile="p3").copy_memory()


def open_image(path: Path, source_format: SourceFormat, **options: Any) -> pyvips.Image:
    """Read a picture's header; its pixels are decoded when they are asked for, from top to bottom.

    Raises `IMAGE_CORRUPT` for a header that cannot be read.
    """
    load = getattr(pyvips.Image, _LOADERS[source_format])
    with corrupt_on_error():
        return load(str(path), access="sequential", fail_on="error", **options)


@contextmanager
def corrupt_on_error() -> Iterator[None]:
    """Turn libvips's errors about a source into `IMAGE_CORRUPT`, without its text."""
    try:
        yield
    except pyvips.Error as error:
        raise _refusal(
            error,
            InvalidArgument(Reason.IMAGE_CORRUPT, "the picture cannot be decoded: it is damaged"),
        ) from error


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
    if _OUT_OF_MEMORY.search(error.detail):
        return ResourceExhausted(
            Reason.CHILD_MEMORY, "the picture needs more memory than a conversion may have"
        )
    return otherwise
