"""HEIC by libheif and libde265, which the libvips at hand has no HEVC decoder for.

`pi_heif` brings both. It is imported when it is first needed: it loads Pillow's core, of which
nothing is used here, and only a child that reads HEIC should hold it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging import vips

VERSION_FLOOR: Final = (1, 21, 0)
"""Of libheif, as `vips.VERSION_FLOOR`."""

_BANDS: Final = {"L": 1, "I": 1, "LA": 2, "La": 2, "RGB": 3, "RGBA": 4, "RGBa": 4}
_PREMULTIPLIED: Final = "a"


class LibheifTooOld(RuntimeError):
    """The installed libheif has known holes."""


def configure() -> Any:
    """Load the decoder, set it up and return its module; harmless twice.

    One thread, as for libvips. Pictures beside the picture are not looked at. Raises
    `LibheifTooOld`.
    """
    import pi_heif

    installed = tuple(map(int, pi_heif.libheif_version().split(".")))
    if installed < VERSION_FLOOR:
        raise LibheifTooOld(
            f"libheif {'.'.join(map(str, installed))} is installed, "
            f"{'.'.join(map(str, VERSION_FLOOR))} or later is needed"
        )
    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
    return pi_heif


def read_header(path: Path) -> pyvips.Image:
    """Read a header, as an image of the right form and metadata whose pixels are black.

    It is upright: libheif turns it, and what EXIF says of its orientation is to be ignored. Raises
    `IMAGE_CORRUPT`.
    """
    with _corrupt_on_error():
        picture = _open(path)
        width, height = picture.size
        blank = pyvips.Image.black(width, height, bands=_bands(picture))
        return _described(blank.cast(_sample(picture)), picture)


def decode(path: Path) -> pyvips.Image:
    """Decode the picture, tiles put together and upright, into memory; raises `IMAGE_CORRUPT`."""
    with _corrupt_on_error():
        picture = _open(path)
        # A view of the decoder's own buffer, which goes with `picture` whoever looks at it.
        data = bytes(picture.data)
        width, height = picture.size
        image = pyvips.Image.new_from_memory(data, width, height, _bands(picture), _sample(picture))
        image = _described(image, picture)
        if picture.mode.partition(";")[0].endswith(_PREMULTIPLIED):
            image = image.unpremultiply().cast(_sample(picture))
        return image


def _open(path: Path) -> Any:
    file = configure().open_heif(path, convert_hdr_to_8bit=False)
    return file[file.primary_index]


def _bands(picture: Any) -> int:
    return _BANDS[picture.mode.partition(";")[0]]


def _sample(picture: Any) -> str:
    """Ten and twelve bits come spread over sixteen."""
    return "ushort" if ";" in picture.mode else "uchar"


def _described(image: pyvips.Image, picture: Any) -> pyvips.Image:
    """Say of the pixels what libvips's own loaders would."""
    deep = _sample(picture) == "ushort"
    if _bands(picture) <= 2:
        interpretation = "grey16" if deep else "b-w"
    else:
        interpretation = "rgb16" if deep else "srgb"
    image = image.copy(interpretation=interpretation)
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", picture.info["bit_depth"])
    for name, key in (
        ("icc-profile-data", "icc_profile"),
        ("exif-data", "exif"),
        ("xmp-data", "xmp"),
    ):
        if block := picture.info.get(key):
            image.set_type(pyvips.GValue.blob_type, name, bytes(block))
    return image


@contextmanager
def _corrupt_on_error() -> Iterator[None]:
    """Turn what pi_heif and libheif raise into `IMAGE_CORRUPT`, or the end of memory into its own.

    They have no errors of their own kind; their text must tell. libvips refuses the sizes that a
    crop without sense comes to.
    """
    try:
        yield
    except MemoryError as error:
        raise vips.no_memory() from error
    except (
        *(ValueError, EOFError, SyntaxError, RuntimeError, OSError, LookupError),
        pyvips.Error,
    ) as error:
        refusal = vips.no_memory() if vips.out_of_memory(str(error)) else vips.undecodable()
        raise refusal from error
