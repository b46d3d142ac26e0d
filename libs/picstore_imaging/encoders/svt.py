"""SVT-AV1 by libavif, which no libvips at hand brings: the native half of `pillow-avif-plugin`.

Only its extension module is loaded, and neither its Python half nor Pillow. It takes 8-bit pixels
and makes 4:2:0 of them, in full range, tagged as sRGB with the matrix of BT.601 as libvips tags its
own, or with the profile of the image; `avif` chooses it only where that is all that is wanted.
"""

from __future__ import annotations

import re
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Final

import pyvips

from picstore_imaging.blocks import EXIF, ICC, XMP
from picstore_imaging.recipe import printable

_PACKAGE: Final = "pillow_avif"
_EXTENSION: Final = f"{_PACKAGE}._avif"
_CODEC: Final = "svt"
_MODES: Final = {3: "RGB", 4: "RGBA"}
_VERSION: Final = re.compile(r"\bsvt \[enc\]:v?([^\s,]+)")
_TUNE: Final = ((b"tune", b"3"),)
"""`IQ`, for the eye and for stills: 7 to 8 % fewer bytes at equal SSIMULACRA2 than the default. It
sets all other tools of the encoder by itself."""

_ONE_THREAD: Final = 1
_UNSET: Final = -1
_UPRIGHT: Final = 1
_EXIF_MARK: Final = b"Exif\0\0"
"""Before the block in a JPEG and in libvips; the file of an AVIF has the bare block."""


class SvtMissing(RuntimeError):
    """The installed `pillow-avif-plugin` was built without SVT-AV1."""


def configure() -> Any:
    """Load the encoder and return its module; harmless twice. Raises `SvtMissing`."""
    loaded = sys.modules.get(_EXTENSION)
    if loaded is None:
        loaded = _load()
    if not loaded.encoder_codec_available(_CODEC):
        raise SvtMissing("the installed pillow-avif-plugin has no SVT-AV1")
    return loaded


def version() -> str:
    """The versions of SVT-AV1 and of libavif, as the module tells them."""
    told = configure()
    found = _VERSION.search(told.AvifCodecVersions())
    encoder = found.group(1) if found else "?"
    return printable(f"{encoder}, libavif {told.libavif_version}")


def encode(image: pyvips.Image, *, preset: int, quality: int) -> bytes:
    """Encode 8-bit RGB or RGBA, on one thread; raises `RuntimeError` where the encoder fails.

    The file has the profile, EXIF and XMP that the image carries.

    It takes 25 bytes for each pixel beside those of `image`, and 48 with alpha.
    """
    encoder = configure().AvifEncoder(
        image.width,
        image.height,
        "4:2:0",
        _UNSET,
        _UNSET,
        quality,
        preset,
        _ONE_THREAD,
        _CODEC,
        "full",
        0,
        0,
        False,
        False,
        _block(image, ICC),
        _block(image, EXIF).removeprefix(_EXIF_MARK),
        _UPRIGHT,
        _block(image, XMP),
        _TUNE,
    )
    encoder.add(image.write_to_memory(), 0, image.width, image.height, _MODES[image.bands], True)
    encoded: bytes = encoder.finish()
    return encoded


def _block(image: pyvips.Image, name: str) -> bytes:
    return bytes(image.get(name)) if name in image.get_fields() else b""


def exercise() -> None:
    """Encode a small picture, so that all that is loaded late is loaded."""
    encode(pyvips.Image.black(16, 16, bands=3), preset=9, quality=50)


def _load() -> ModuleType:
    package = PathFinder.find_spec(_PACKAGE)
    spec = PathFinder.find_spec(
        _EXTENSION, None if package is None else package.submodule_search_locations
    )
    if spec is None or spec.loader is None:
        raise SvtMissing("pillow-avif-plugin is not installed")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[_EXTENSION] = module
    return module
