"""Kinds of files that few programs write and every picture service meets sooner or later."""

from __future__ import annotations

import io
import itertools
import struct
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyvips
import tifffile
from PIL import Image, ImageCms
from skimage.color import rgb2lab

from tests.patches import GREYS, PATCHES, Pixels
from tests.pictures import heic
from tests.source_kinds import CELL, COLUMNS, INKS, ROWS, Kind, grown

_CORNERS: Final = tuple(itertools.product((0, 1), repeat=4))
"""Of the cube of four inks, each left out or in full."""


def _saved(cells: Pixels, format: str, mode: str | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grown(cells), mode).save(buffer, format, **options)
    return buffer.getvalue()


def _tiff(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def _by_libvips(cells: npt.NDArray[Any], saver: str, **options: Any) -> bytes:
    spaces = {(1, "uint8"): "b-w", (3, "uint8"): "srgb", (3, "uint16"): "rgb16"}
    image = pyvips.Image.new_from_array(grown(cells))
    image = image.copy(interpretation=spaces[image.bands, cells.dtype.name])
    data: bytes = getattr(image, f"{saver}save_buffer")(**options)
    return data


def _interlaced_png() -> bytes:
    data = _by_libvips(PATCHES, "png", interlace=True)
    assert data[28] == 1, "the method of interlacing in the header"
    return data


def _uncoded_jpeg() -> bytes:
    """RGB as it is: Adobe's marker says that nothing was done to it."""
    data = _saved(PATCHES, "JPEG", quality=95, keep_rgb=True)
    scan = data.index(b"\xff\xc0")
    assert [data[scan + 10 + 3 * part] for part in range(3)] == [*b"RGB"]
    return data


def _avif_of_ten_bits() -> bytes:
    deep = PATCHES.astype(np.uint16) * 257
    options = {"compression": "av1", "effort": 0, "subsample_mode": "off"}
    return _by_libvips(deep, "heif", Q=95, bitdepth=10, **options)


def _few(depth: int) -> Pixels:
    """The numbers that fit into the depth, from 0 on."""
    return (np.arange(8) % (1 << depth)).reshape(ROWS, COLUMNS).astype(np.uint8)


def _few_greys(depth: int, *, white_first: bool = False) -> Pixels:
    greys = _few(depth) * np.uint8(255 // ((1 << depth) - 1))
    return _rgb(255 - greys if white_first else greys)


def _tiff_of_bits(depth: int, photometric: int) -> bytes:
    """One strip of packed numbers, written by hand, for no library at hand writes all of these."""
    bits = np.unpackbits(grown(_few(depth))[..., None], axis=-1)[..., 8 - depth :]
    pixels = np.packbits(bits.reshape(ROWS * CELL, -1), axis=-1).tobytes()
    entries = {256: COLUMNS * CELL, 257: ROWS * CELL, 258: depth, 259: 1, 262: photometric}
    entries |= {273: 8, 277: 1, 278: ROWS * CELL, 279: len(pixels)}
    directory = struct.pack("<H", len(entries))
    for tag, value in entries.items():
        directory += struct.pack("<HHII", tag, 4, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4)


def _palette_tiff() -> bytes:
    buffer = io.BytesIO()
    indexed = Image.fromarray(grown(PATCHES)).quantize(8, method=Image.Quantize.FASTOCTREE)
    indexed.putpalette(PATCHES.tobytes())
    indexed.putdata(grown(np.arange(8).reshape(ROWS, COLUMNS)).ravel().tolist())
    indexed.save(buffer, "TIFF")
    return buffer.getvalue()


def _rgb(greys: Pixels) -> Pixels:
    return greys[..., None].repeat(3, -1)


def strange_inks() -> bytes:
    """Return a profile of inks that are not what they are called: cyan looks magenta, and so on."""
    shown = [
        [(1 - inks[(at + 1) % 3] * 0.9) * (1 - inks[3] * 0.9) for at in range(3)]
        for inks in _CORNERS
    ]
    lab = rgb2lab(np.array(shown)[None])[0]
    grid = np.round(lab * (2.55, 1, 1) + (0, 128, 128)).astype(np.uint8).tobytes()
    straight = bytes(range(256))
    unity = struct.pack(">9i", *(65_536 * (at % 4 == 0) for at in range(9)))
    text = b"Strange inks\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(79),
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63_190, 65_536, 54_061),
        b"A2B0": b"mft1\0\0\0\0\4\3\2\0" + unity + straight * 4 + grid + straight * 3,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4s", 128 + len(table) + len(body), b"none")
    header += b"\x02\x40\0\0prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63_190, 65_536, 54_061)
    return header.ljust(128, b"\0") + table + body


def _by_strange_inks() -> Pixels:
    shown = ImageCms.profileToProfile(
        Image.fromarray(INKS, "CMYK"),
        ImageCms.ImageCmsProfile(io.BytesIO(strange_inks())),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert shown is not None
    return np.asarray(shown)


def _kind(make: Any, expected: Any = lambda: PATCHES, *, bound: float = 0.5) -> Kind:
    return Kind(make=make, expected=expected, bound=bound)


_greys = partial(_rgb, GREYS)
_negative = partial(_rgb, 255 - GREYS)

ODD_KINDS: Final[dict[str, Kind]] = {
    "rgb jpeg": _kind(_uncoded_jpeg, bound=1.0),
    "cmyk jpeg with a profile": _kind(
        lambda: _saved(INKS, "JPEG", "CMYK", quality=98, icc_profile=strange_inks()),
        _by_strange_inks,
        bound=1.0,
    ),
    "cmyk tiff with a profile": _kind(
        lambda: _saved(INKS, "TIFF", "CMYK", icc_profile=strange_inks()),
        _by_strange_inks,
        bound=1.0,
    ),
    "interlaced png": _kind(_interlaced_png),
    "avif of 10 bits": _kind(_avif_of_ten_bits, bound=1.5),
    "grey avif": _kind(
        lambda: _saved(GREYS, "AVIF", quality=95, subsampling="4:0:0", speed=10), _greys, bound=1.0
    ),
    "grey heic": _kind(lambda: heic(Image.fromarray(grown(GREYS)), quality=95), _greys, bound=1.0),
    "tiff with 0 for white": _kind(
        lambda: _tiff(grown(GREYS), photometric="miniswhite"), _negative
    ),
    "tiff of 16 bits with 0 for white": _kind(
        lambda: _tiff(grown(GREYS).astype(np.uint16) * 257, photometric="miniswhite"), _negative
    ),
    "tiff of planes": _kind(
        lambda: _tiff(
            np.moveaxis(grown(PATCHES), -1, 0).copy(),
            photometric="rgb",
            planarconfig="separate",
        )
    ),
    "palette tiff": _kind(_palette_tiff),
    **{
        f"tiff of {depth} bits with {first} first": _kind(
            partial(_tiff_of_bits, depth, photometric),
            partial(_few_greys, depth, white_first=first == "white"),
        )
        for depth in (1, 2, 4)
        for photometric, first in enumerate(("white", "black"))
    },
}
"""By name."""
