"""Pictures for tests, drawn when they are needed: like photos to an encoder, and never the same."""

from __future__ import annotations

import hashlib
import io
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
