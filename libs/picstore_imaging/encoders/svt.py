"""SVT-AV1 by libavif, which no libvips at hand brings: the native half of `pillow-avif-plugin`.

Only its extension module is loaded, and neither its Python half nor Pillow. It takes 8-bit pixels
and makes 4:2:0 of them, in full range, tagged as sRGB with the matrix of BT.601 as libvips tags its
own, or with the profile of the image; `avif` chooses it only where that is all that is wanted.
"""

from __future__ import annotations

import re
import sys
import threading
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Final

import pyvips

from picstore_imaging.blocks import EXIF, ICC, XMP
from picstore_imaging.recipe import printable
from picstore_kit.sandbox import syscalls

_PACKAGE: Final = "pillow_avif"
_EXTENSION: Final = f"{_PACKAGE}._avif"
_CODEC: Final = "svt"
_VERSION: Final = re.compile(r"\b(\w+) \[enc(?:/dec)?\]:v?([^\s,]+)")
MODES: Final = {3: "RGB", 4: "RGBA"}
_TUNE: Final = ((b"tune", b"3"),)
"""`IQ`, for the eye and for stills: 7 to 8 % fewer bytes at equal SSIMULACRA2 than the default. It
sets all other tools of the encoder by itself."""

_ORDINARY: Final = threading.local()

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


def version(codec: str = _CODEC) -> str:
    """The versions of an encoder, SVT-AV1 or another, and of libavif, as the module tells them."""
    told = configure()
    versions = dict(_VERSION.findall(told.AvifCodecVersions()))
    return printable(f"{versions.get(codec, '?')}, libavif {told.libavif_version}")


def encode(image: pyvips.Image, *, preset: int, quality: int) -> bytes:
    """Encode 8-bit RGB or RGBA, on one thread; raises `RuntimeError` where the encoder fails.

    The file has the profile, EXIF and XMP that the image carries.

    It takes 25 bytes for each pixel beside those of `image`, and 48 with alpha.
    """
    encoder = open_encoder(
        image, codec=_CODEC, subsampling="4:2:0", quality=quality, speed=preset, options=_TUNE
    )
    encoder.add(image.write_to_memory(), 0, image.width, image.height, MODES[image.bands], True)
    encoded: bytes = encoder.finish()
    return encoded


def open_encoder(
    image: pyvips.Image,
    *,
    codec: str,
    subsampling: str,
    quality: int,
    speed: int,
    options: tuple[tuple[bytes, bytes], ...] = (),
) -> Any:
    """Return libavif's encoder, of one thread, for pictures as large as `image`.

    The file will have the profile, EXIF and XMP that this one carries.
    """
    _stay_ordinary()
    return configure().AvifEncoder(
        image.width,
        image.height,
        subsampling,
        _UNSET,
        _UNSET,
        quality,
        speed,
        _ONE_THREAD,
        codec,
        "full",
        0,
        0,
        False,
        False,
        _block(image, ICC),
        _block(image, EXIF).removeprefix(_EXIF_MARK),
        _UPRIGHT,
        _block(image, XMP),
        options,
    )


def _stay_ordinary() -> None:
    """Keep SVT-AV1 from making this thread, and all of its own, real-time ones.

    As root it asks for SCHED_FIFO with the highest priority, and then whatever else the machine
    does waits. Sandboxed children have no capabilities; others give up the one for it.
    """
    if getattr(_ORDINARY, "is_so", False):  # a confined child may not ask again
        return
    syscalls.drop_capability(syscalls.CAP_SYS_NICE)
    _ORDINARY.is_so = True


def open_decoder(encoded: bytes) -> Any:
    """Return libavif's decoder, of one thread, for a file that was made here."""
    return configure().AvifDecoder(encoded, "auto", "auto", _ONE_THREAD)


def _block(image: pyvips.Image, name: str) -> bytes:
    return bytes(image.get(name)) if image.get_typeof(name) else b""


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
