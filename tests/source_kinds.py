"""Colour patches in every kind of file that people send, and what each is to look like in sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pillow_heif
import pyvips
import tifffile
from PIL import Image, ImageCms

from tests.hostile.png import chunk, png
from tests.patches import GREYS, PATCHES, Pixels, by_srgb_curve, in_gamut, lab, light_in, light_of
from tests.pictures import animation, heic, tiled_heic
from tests.profiles import (
    ADOBE_RGB,
    BT_2020,
    DISPLAY_P3,
    SRGB,
    ink_profile,
    matrix_profile,
)
from tests.told import nclx, png_with, with_nclx

CELL: Final = 64
"""Pixels on each side of a patch: wide enough that its middle keeps clear of its edges."""
ROWS, COLUMNS = 2, 4
INKS: Final = np.array(
    [
        [[0, 220, 200, 10], [180, 30, 220, 20], [230, 190, 10, 30], [10, 30, 220, 0]],
        [[0, 0, 0, 0], [120, 100, 100, 20], [160, 150, 140, 230], [20, 90, 90, 20]],
    ],
    np.uint8,
)
STRANGE_INKS: Final = ((60, 60, 30), (80, -40, 40), (50, 10, -50), (10, 0, 0))
"""Red in place of cyan, green in place of magenta, blue in place of yellow; in Lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of file."""

    make: Callable[[], bytes]
    expected: Callable[[], Pixels]
    """The patches in sRGB, one pixel each."""
    bound: float
    """The largest ΔE2000 of a patch in a lossless output."""


def grown(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Enlarge each patch to its size in the file."""
    return cells.repeat(CELL, 0).repeat(CELL, 1)


def _saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _of(format: str, mode: str = "RGB", **options: Any) -> bytes:
    return _saved(Image.fromarray(grown(PATCHES)).convert(mode), format, **options)


def _p3_avif(**options: Any) -> bytes:
    image = Image.fromarray(grown(by_srgb_curve(DISPLAY_P3)))
    return _saved(image, "AVIF", quality=95, subsampling="4:4:4", speed=10, **options)


def _p3_heic() -> bytes:
    return heic(Image.fromarray(grown(by_srgb_curve(DISPLAY_P3))), quality=95, chroma=444)


def _p3_tiles(**colours: bytes) -> bytes:
    image = Image.fromarray(grown(by_srgb_curve(DISPLAY_P3)))
    return tiled_heic(image, side=ROWS * CELL, **colours)


def _told_png(cells: npt.NDArray[Any], **chunks: bytes) -> bytes:
    return png_with(grown(cells), **chunks)


def _of_gamma(gamma: float) -> bytes:
    """The patches by a gamma that gAMA tells, in 16 bits."""
    cells = (light_in(SRGB) ** (1 / gamma) * 65_535).round().astype(np.uint16)
    return _told_png(cells, gAMA=struct.pack(">I", round(100_000 / gamma)))


def _grey_of_gamma(gamma: float) -> bytes:
    cells = (light_of(GREYS) ** (1 / gamma) * 65_535).round().astype(np.uint16)
    return _told_png(cells, gAMA=struct.pack(">I", round(100_000 / gamma)))


def _of_adobes_primaries() -> bytes:
    corners = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    return _told_png(
        in_gamut(ADOBE_RGB, gamma=1.8),
        cHRM=struct.pack(">8I", *(round(number * 100_000) for number in corners)),
        gAMA=struct.pack(">I", 55_556),
    )


def _linear_and_called_srgb() -> bytes:
    cells = (light_in(SRGB) * 65_535).round().astype(np.uint16)
    profile = matrix_profile("sRGB-elle-V2-g10.icc", SRGB, gamma=1.0)
    return _told_png(cells, iCCP=b"icc\0\0" + zlib.compress(profile))


def _deep_lab_tiff() -> bytes:
    cells = (lab() * (655.35, 256, 256)).round().astype(np.int32).astype(np.uint16)
    return _tiff(grown(cells), photometric="cielab")


def _tiff_with_a_stranger() -> bytes:
    """A fourth sample that is no transparency: a mask that some editor kept."""
    cells = np.concatenate([PATCHES, np.zeros_like(PATCHES[..., :1])], axis=-1)
    return _tiff(grown(cells), photometric="rgb", extrasamples=["UNSPECIFIED"])


def _tagged(format: str, name: str, primaries: Any, **options: Any) -> bytes:
    image = Image.fromarray(grown(in_gamut(primaries)))
    return _saved(image, format, icc_profile=matrix_profile(name, primaries), **options)


def _cmyk(**options: Any) -> bytes:
    return _saved(Image.fromarray(grown(INKS), "CMYK"), "JPEG", quality=98, **options)


def _ycck() -> bytes:
    """Store inks as luminance and colour, which Pillow cannot: it is told that they are inks."""
    ycc = np.asarray(Image.fromarray(INKS[..., :3]).convert("YCbCr"))
    stored = np.concatenate([255 - ycc, INKS[..., 3:]], axis=-1)
    data = bytearray(_saved(Image.fromarray(grown(stored), "CMYK"), "JPEG", quality=98))
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    data[at] = 2
    return bytes(data)


def _inks_by_profile(data: bytes | None = None) -> Pixels:
    data = pyvips.Image.profile_load("cmyk") if data is None else data
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    converted = ImageCms.profileToProfile(
        Image.fromarray(INKS, "CMYK"),
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    return np.asarray(converted)


def _deep_png() -> bytes:
    rows = (grown(PATCHES).astype(">u2") * 257).reshape(ROWS * CELL, -1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    return png(COLUMNS * CELL, ROWS * CELL, depth=16, colour=2, idat=zlib.compress(lines))


def _palette_png(depth: int) -> bytes:
    """A palette of the first colours, as many as fit into the depth."""
    indexes = grown((np.arange(8) % (1 << depth)).reshape(ROWS, COLUMNS).astype(np.uint8))
    lines = _packed_rows(indexes, depth)
    colours = PATCHES.reshape(-1, 3)[: 1 << depth].tobytes()
    return png(
        COLUMNS * CELL,
        ROWS * CELL,
        depth=depth,
        colour=3,
        extra=chunk(b"PLTE", colours),
        idat=zlib.compress(lines),
    )


def _palette(depth: int) -> Pixels:
    return PATCHES.reshape(-1, 3)[np.arange(8).reshape(ROWS, COLUMNS) % (1 << depth)]


def _grey(format: str, mode: str, **options: Any) -> bytes:
    return _saved(Image.fromarray(grown(GREYS)).convert(mode), format, **options)


def _tiff(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def _heic(**options: Any) -> bytes:
    return heic(Image.fromarray(grown(PATCHES)), quality=95, chroma=444, **options)


def _deep_heic() -> bytes:
    samples = (grown(PATCHES).astype(np.uint32) * 1023 // 255).astype(np.uint16)
    buffer = io.BytesIO()
    size = (COLUMNS * CELL, ROWS * CELL)
    deep = pillow_heif.from_bytes("RGB;10", size, samples.tobytes())
    deep.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


def _tiled_heic() -> bytes:
    return tiled_heic(Image.fromarray(grown(PATCHES)), side=ROWS * CELL)


def _apng() -> bytes:
    """The patches, then greys."""
    return animation([Image.fromarray(grown(cells)) for cells in (PATCHES, _greys())], "PNG")


def _cmyk_tiff() -> bytes:
    return _saved(Image.fromarray(grown(INKS), "CMYK"), "TIFF")


def _few_greys(depth: int) -> Pixels:
    """As many greys as fit into the depth, black first and white last."""
    top = (1 << depth) - 1
    greys = np.arange(8).reshape(ROWS, COLUMNS) % (top + 1) * 255 // top
    return greys.astype(np.uint8)[..., None].repeat(3, -1)


def _grey_png(depth: int) -> bytes:
    values = grown((np.arange(8) % (1 << depth)).reshape(ROWS, COLUMNS).astype(np.uint8))
    idat = zlib.compress(_packed_rows(values, depth))
    return png(COLUMNS * CELL, ROWS * CELL, depth=depth, colour=0, idat=idat)


def _packed_rows(values: Pixels, depth: int) -> bytes:
    bits = np.unpackbits(values[..., None], axis=-1)[..., 8 - depth :]
    packed = np.packbits(bits.reshape(ROWS * CELL, -1), axis=-1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def _svg() -> bytes:
    cells = "".join(
        f"<rect x='{x * CELL}' y='{y * CELL}' width='{CELL}' height='{CELL}' "
        f"fill='rgb({','.join(map(str, PATCHES[y, x]))})'/>"
        for y in range(ROWS)
        for x in range(COLUMNS)
    )
    size = f"width='{COLUMNS * CELL}' height='{ROWS * CELL}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{cells}</svg>".encode()


def _rgb() -> Pixels:
    return PATCHES


def _greys() -> Pixels:
    return GREYS[..., None].repeat(3, -1)


def _kind(
    make: Callable[[], bytes], expected: Callable[[], Pixels] = _rgb, *, bound: float = 0.5
) -> Kind:
    return Kind(make=make, expected=expected, bound=bound)


_P3 = ("Display P3", DISPLAY_P3)
_ADOBE = ("Adobe RGB", ADOBE_RGB)

KINDS: Final[dict[str, Kind]] = {
    "jpeg": _kind(partial(_of, "JPEG", quality=95, subsampling=0), bound=1.0),
    "progressive jpeg": _kind(
        partial(_of, "JPEG", quality=95, subsampling=0, progressive=True), bound=1.0
    ),
    "jpeg in Display P3": _kind(
        partial(_tagged, "JPEG", *_P3, quality=95, subsampling=0), bound=1.0
    ),
    "jpeg in Adobe RGB": _kind(
        partial(_tagged, "JPEG", *_ADOBE, quality=95, subsampling=0), bound=1.0
    ),
    "png in Display P3": _kind(partial(_tagged, "PNG", *_P3), bound=1.0),
    "png in Adobe RGB": _kind(partial(_tagged, "PNG", *_ADOBE), bound=1.0),
    "webp in Display P3": _kind(partial(_tagged, "WEBP", *_P3, lossless=True), bound=1.0),
    "tiff in Adobe RGB": _kind(partial(_tagged, "TIFF", *_ADOBE), bound=1.0),
    "heic in Display P3": _kind(
        lambda: heic(
            Image.fromarray(grown(in_gamut(DISPLAY_P3))),
            quality=95,
            chroma=444,
            icc_profile=matrix_profile(*_P3),
        ),
        bound=1.0,
    ),
    "avif in Display P3 by nclx": _kind(lambda: with_nclx(_p3_avif(), 12, 13), bound=1.5),
    "avif in Display P3, its nclx of no account": _kind(
        lambda: with_nclx(_tagged("AVIF", *_P3, quality=95, subsampling="4:4:4", speed=10), 9, 8),
        bound=1.5,
    ),
    "heic in Display P3 by nclx": _kind(lambda: with_nclx(_p3_heic(), 12, 1), bound=1.0),
    "heic of tiles in Display P3 by nclx": _kind(
        lambda: _p3_tiles(of_grid=nclx(12, 13), of_tiles=nclx(1, 13)), bound=1.5
    ),
    "heic of tiles that say their colours": _kind(
        lambda: _p3_tiles(of_tiles=nclx(12, 13)), bound=1.5
    ),
    "png in Display P3 by cICP": _kind(
        lambda: _told_png(by_srgb_curve(DISPLAY_P3), cICP=bytes([12, 13, 0, 1])), bound=1.0
    ),
    "png in BT.2020 by cICP": _kind(
        lambda: _told_png(by_srgb_curve(BT_2020), cICP=bytes([9, 1, 0, 1])), bound=1.0
    ),
    "png whose cICP goes before its profile": _kind(
        lambda: _told_png(
            by_srgb_curve(DISPLAY_P3),
            cICP=bytes([12, 13, 0, 1]),
            iCCP=b"icc\0\0" + zlib.compress(matrix_profile(*_ADOBE)),
        ),
        bound=1.0,
    ),
    "png whose cICP says sRGB beside a profile": _kind(
        lambda: _told_png(
            PATCHES,
            cICP=bytes([1, 13, 0, 1]),
            iCCP=b"icc\0\0" + zlib.compress(matrix_profile(*_ADOBE)),
        ),
    ),
    "grey png whose cICP says sRGB": _kind(
        lambda: _told_png(GREYS, cICP=bytes([1, 13, 0, 1])), _greys
    ),
    "png of linear light by gAMA": _kind(partial(_of_gamma, 1.0)),
    "png of gamma 1.8 by gAMA": _kind(partial(_of_gamma, 1.8)),
    "png of sRGB whose gAMA is of no account": _kind(
        lambda: _told_png(PATCHES, gAMA=struct.pack(">I", 100_000), sRGB=b"\0")
    ),
    "grey png of gamma 1.8 by gAMA": _kind(partial(_grey_of_gamma, 1.8), _greys),
    "png of Adobe's primaries by cHRM": _kind(_of_adobes_primaries, bound=1.0),
    "png of linear light whose profile is called sRGB": _kind(_linear_and_called_srgb),
    "cmyk jpeg": _kind(_cmyk, _inks_by_profile, bound=1.0),
    "cmyk jpeg of strange inks": _kind(
        lambda: _cmyk(icc_profile=ink_profile("Strange inks", STRANGE_INKS)),
        lambda: _inks_by_profile(ink_profile("Strange inks", STRANGE_INKS)),
        bound=1.0,
    ),
    "ycck jpeg": _kind(_ycck, _inks_by_profile, bound=1.0),
    "grey jpeg": _kind(partial(_grey, "JPEG", "L", quality=95), _greys, bound=1.0),
    "png": _kind(partial(_of, "PNG")),
    "grey png": _kind(partial(_grey, "PNG", "L"), _greys),
    "grey png with alpha": _kind(partial(_grey, "PNG", "LA"), _greys),
    "png with alpha": _kind(partial(_of, "PNG", "RGBA")),
    "png of 16 bits": _kind(_deep_png),
    "grey png of 1 bit": _kind(partial(_grey_png, 1), partial(_few_greys, 1)),
    "grey png of 2 bits": _kind(partial(_grey_png, 2), partial(_few_greys, 2)),
    "grey png of 4 bits": _kind(partial(_grey_png, 4), partial(_few_greys, 4)),
    "apng": _kind(_apng),
    "palette png of 1 bit": _kind(partial(_palette_png, 1), partial(_palette, 1)),
    "palette png of 2 bits": _kind(partial(_palette_png, 2), partial(_palette, 2)),
    "palette png of 4 bits": _kind(partial(_palette_png, 4), partial(_palette, 4)),
    "palette png of 8 bits": _kind(partial(_palette_png, 8), partial(_palette, 8)),
    "gif": _kind(
        lambda: _saved(
            Image.fromarray(grown(PATCHES)).quantize(8, method=Image.Quantize.FASTOCTREE), "GIF"
        ),
        bound=1.0,
    ),
    "webp": _kind(partial(_of, "WEBP", quality=95), bound=1.0),
    "lossless webp": _kind(partial(_of, "WEBP", lossless=True)),
    "avif": _kind(partial(_of, "AVIF", quality=95, subsampling="4:4:4", speed=10), bound=1.5),
    "heic": _kind(_heic, bound=1.0),
    "heic of 10 bits": _kind(_deep_heic, bound=1.0),
    "heic of tiles": _kind(_tiled_heic, bound=1.5),
    "tiff": _kind(partial(_of, "TIFF")),
    "deflated tiff": _kind(partial(_of, "TIFF", compression="tiff_adobe_deflate")),
    "cmyk tiff": _kind(_cmyk_tiff, _inks_by_profile, bound=1.0),
    "grey tiff of 16 bits": _kind(lambda: _tiff(grown(GREYS).astype(np.uint16) * 257), _greys),
    "tiff of 16 bits": _kind(lambda: _tiff(grown(PATCHES).astype(np.uint16) * 257)),
    "tiff of Lab in floats": _kind(
        lambda: _tiff(grown(lab().astype(np.float32)), photometric="cielab")
    ),
    "tiff of Lab in 16 bits": _kind(_deep_lab_tiff),
    "tiff with a fourth sample": _kind(_tiff_with_a_stranger),
    "big tiff": _kind(lambda: _tiff(grown(PATCHES), bigtiff=True, byteorder=">")),
    "svg": _kind(_svg),
}
"""By name."""


def exif_of(orientation: int) -> bytes:
    """Return an EXIF block with a place, an artist and an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = "somebody"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}
    return exif.tobytes()


XMP: Final = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><secret place='Berlin'/></x:xmpmeta>"


def turned(orientation: int) -> Image.Image:
    """Return the patches as they are stored where a viewer is to turn them by `orientation`."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = Image.fromarray(grown(PATCHES))
    return upright if inverse is None else upright.transpose(inverse)
