"""Pictures for tests, drawn when they are needed: like photos to an encoder, and never the same."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pillow_heif
import pyvips
from PIL import Image, ImageFilter
from skimage.metrics import structural_similarity


def photo(width: int, height: int, *, seed: str, format: str = "JPEG", **options: object) -> bytes:
    """Return a file that looks like a photo to an encoder: gradients, edges, texture, grain."""
    buffer = io.BytesIO()
    drawing(width, height, seed=seed).save(buffer, format, **options)
    return buffer.getvalue()


def drawing(width: int, height: int, *, seed: str) -> Image.Image:
    """Return the pixels of `photo`; the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = np.stack(
        [
            128 + 90 * np.sin(x / width * 3 + shift) * np.cos(y / height * 2 - shift)
            for shift in random.uniform(0, 6, 3)
        ],
        axis=-1,
    )
    for _ in range(12):
        cx, cy = random.uniform(0, width), random.uniform(0, height)
        radius = random.uniform(0.03, 0.2) * min(width, height)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < radius**2
        base[inside] = base[inside] * 0.3 + random.uniform(0, 255, 3) * 0.7
    grain = random.normal(0, 3, (height // 2 + 1, width // 2 + 1)).repeat(2, 0).repeat(2, 1)
    base += grain[:height, :width, None]
    image = Image.fromarray(np.clip(base, 0, 255).astype(np.uint8), "RGB")
    return image.filter(ImageFilter.GaussianBlur(0.6))


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return a picture as HEIC; `options` are pillow_heif's, such as `quality` and `exif`."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


def tiled_heic(
    image: Image.Image,
    *,
    side: int = 64,
    of_grid: bytes | None = None,
    of_tiles: bytes | None = None,
) -> bytes:
    """Return a HEIC as phones write them: a grid of square tiles in one row.

    `of_grid` and `of_tiles` are payloads of `colr` boxes.
    """
    columns = image.width // side
    files = [
        heic(image.crop((at * side, 0, (at + 1) * side, side)), quality=90) for at in range(columns)
    ]
    properties = [_property(files[0], b"hvcC"), _ispe(side, side), _ispe(side * columns, side)]
    grid_uses, tile_uses = [3], [1, 2]
    for colours, of_item in ((of_grid, grid_uses), (of_tiles, tile_uses)):
        if colours is not None:
            properties.append(_box(b"colr", colours))
            of_item.append(len(properties))
    tiles = range(2, columns + 2)
    grid = bytes([0, 0, 0, columns - 1]) + struct.pack(">HH", side * columns, side)
    data = [file[file.index(b"mdat") + 4 :] for file in files]

    def meta(start: int) -> bytes:
        locations = struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(grid))
        for tile, piece in zip(tiles, data, strict=True):
            locations += struct.pack(">HHHHII", tile, 0, 0, 1, start, len(piece))
            start += len(piece)
        names = [_box(b"infe", b"\2\0\0\0" + struct.pack(">HH4sx", 1, 0, b"grid"))]
        names += [_box(b"infe", b"\2\0\0\0" + struct.pack(">HH4sx", t, 0, b"hvc1")) for t in tiles]
        uses = b"".join(
            struct.pack(">HB", item, len(of_item)) + bytes(0x80 | use for use in of_item)
            for item, of_item in ((1, grid_uses), *((tile, tile_uses) for tile in tiles))
        )
        made_of = struct.pack(f">HH{columns}H", 1, columns, *tiles)
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), b"\0\1"),
            _box(b"iloc", b"\1\0\0\0\x44\0", struct.pack(">H", columns + 1), locations),
            _box(b"iinf", bytes(4), struct.pack(">H", columns + 1), *names),
            _box(b"iref", bytes(4), _box(b"dimg", made_of)),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _box(b"ipma", bytes(4), struct.pack(">I", columns + 1), uses),
            ),
            _box(b"idat", grid),
        )

    ftyp = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    start = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(start) + _box(b"mdat", *data)


def _box(kind: bytes, *payload: bytes) -> bytes:
    data = b"".join(payload)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _ispe(width: int, height: int) -> bytes:
    return _box(b"ispe", bytes(4), struct.pack(">II", width, height))


def _property(file: bytes, kind: bytes) -> bytes:
    at = file.index(kind) - 4
    return file[at : at + int.from_bytes(file[at : at + 4], "big")]


def animation(frames: Sequence[Image.Image], format: str, **options: Any) -> bytes:
    """Return an animated GIF, WebP or PNG; `options` are Pillow's, such as `duration` in ms."""
    buffer = io.BytesIO()
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:], **options)
    return buffer.getvalue()


def decoded(data: bytes) -> np.ndarray:
    """Decode any output to 8-bit RGB, by libvips."""
    image = pyvips.Image.new_from_buffer(data, "")
    return np.asarray(image.colourspace("srgb")[0:3].numpy())


def reference(source: bytes, width: int, height: int) -> np.ndarray:
    """Decode a source at full size and reduce it with Lanczos, by Pillow."""
    image = Image.open(io.BytesIO(source)).convert("RGB")
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def similarity(left: np.ndarray, right: np.ndarray) -> float:
    """Return the SSIM of two pictures of the same size."""
    score = structural_similarity(  # type: ignore[no-untyped-call]  # ships no types
        left, right, channel_axis=-1, data_range=255
    )
    return float(score)
