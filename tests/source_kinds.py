"""Colour patches in every kind of file that people send, and what each is to look like in sRGB."""

from __future__ import annotations

import io
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
from tests.pictures import animation, heic, tiled_heic
from tests.profiles import ADOBE_RGB, DISPLAY_P3, matrix_profile

Pixels = npt.NDArray[np.uint8]

CELL: Final = 64
"""Pixels on each side of a patch: wide enough that its middle keeps clear of its edges."""
ROWS, COLUMNS = 2, 4
PATCHES: Final = np.array(
    [
        [[200, 40, 50], [60, 160, 70], [50, 70, 190], [230, 200, 60]],
        [[240, 240, 240], [128, 128, 128], [20, 20, 20], [190, 140, 120]],
    ],
    np.uint8,
)
GREYS: Final = np.array([[0, 36, 73, 109], [146, 182, 219, 255]], np.uint8)
INKS: Final = np.array(
    [
        [[0, 220, 200, 10], [180, 30, 220, 20], [230, 190, 10, 30], [10, 30, 220, 0]],
        [[0, 0, 0, 0], [120, 100, 100, 20], [160, 150, 140, 230], [20, 90, 90, 20]],
    ],
    np.uint8,
)
_GAMMA: Final = 563 / 256
"""As `matrix_profile` writes it."""
_SRGB: Final = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""From linear light to XYZ, adapted to D50."""


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


def _in_gamut(primaries: tuple[tuple[float, float, float], ...]) -> Pixels:
    """Express the patches in another space of gamma 2.2."""
    share = PATCHES / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    other = light @ _SRGB.T @ np.linalg.inv(np.array(primaries).T).T
    return np.asarray((other.clip(0, 1) ** (1 / _GAMMA) * 255).round().astype(np.uint8))


def _tagged(format: str, name: str, primaries: Any, **options: Any) -> bytes:
    image = Image.fromarray(grown(_in_gamut(primaries)))
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


def _inks_by_profile() -> Pixels:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(pyvips.Image.profile_load("cmyk")))
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
            Image.fromarray(grown(_in_gamut(DISPLAY_P3))),
            quality=95,
            chroma=444,
            icc_profile=matrix_profile(*_P3),
        ),
        bound=1.0,
    ),
    "cmyk jpeg": _kind(_cmyk, _inks_by_profile, bound=1.0),
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
    "big tiff": _kind(lambda: _tiff(grown(PATCHES), bigtiff=True, byteorder=">")),
    "svg": _kind(_svg),
}
"""By name."""


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
