"""What a conversion reads, an overlay reads, too: as the picture below and as one above."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from picstore_imaging.limits import Limits
from picstore_imaging.overlay.template import (
    Box,
    Canvas,
    Gravity,
    ImageLayer,
    Layer,
    Length,
    Overlay,
)
from tests.pictures import animation
from tests.unit.imaging.overlay.conftest import answer_of

RED = (200, 30, 30)


def saved(**options: object) -> bytes:
    mode = str(options.pop("mode", "RGB"))
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), RED).convert(mode).save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def deep_png() -> bytes:
    pixels = np.full((40, 60, 3), RED, np.uint16) * 257
    data: bytes = pyvips.Image.new_from_array(pixels, interpretation="rgb16").pngsave_buffer()
    return data


def moving_gif() -> bytes:
    frames = [Image.new("RGB", (60, 40), colour) for colour in (RED, (0, 0, 255))]
    return animation(frames, "GIF")


SOURCES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("jpeg", lambda: saved(format="JPEG", quality=95)),
    "cmyk jpeg": ("jpeg", lambda: saved(mode="CMYK", format="JPEG", quality=95)),
    "palette png": ("png", lambda: saved(mode="P", format="PNG")),
    "deep png": ("png", deep_png),
    "webp": ("webp", lambda: saved(format="WEBP", lossless=True)),
    "avif": ("avif", lambda: saved(format="AVIF", quality=90)),
    "moving gif": ("gif", moving_gif),
    "tiff": ("tiff", lambda: saved(format="TIFF")),
    "svg": (
        "svg",
        lambda: (
            b"<svg xmlns='http://www.w3.org/2000/svg' width='60' height='40'>"
            b"<rect width='60' height='40' fill='#c81e1e'/></svg>"
        ),
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_drawn_below_and_above(name: str, tmp_path: Path) -> None:
    source_format, make = SOURCES[name]
    (path := tmp_path / "source").write_bytes(make())
    logo = Layer(
        image=ImageLayer(image_id="logo"),
        box=Box(anchor=Gravity.SOUTH_EAST, width=Length(px=30), height=Length(px=20)),
    )
    for base, above in ((path, None), (None, path)):
        Image.new("RGB", (60, 40), "white").save(plain := tmp_path / "plain.png")
        picture = {"path": str(path), "format": source_format}
        blank = {"path": str(plain), "format": "png"}
        answer = answer_of(
            {
                **(picture if base else blank),
                "images": {"logo": picture if above else blank},
                "overlay": Overlay(canvas=Canvas(width=120, height=80), layers=(logo,)).to_json(),
                "limits": replace(Limits(), allow_svg=True).to_json(),
                "output": str(tmp_path / "output.png"),
            }
        )
        assert not answer["has_alpha"]
        with Image.open(answer["path"]) as drawn:
            pixels = np.asarray(drawn).astype(int)
        seen = pixels[40, 40] if base else pixels[70, 110]
        tolerance = 60 if name in ("cmyk jpeg", "palette png") else 8
        assert abs(seen - RED).max() <= tolerance
        other = pixels[70, 110] if base else pixels[40, 40]
        assert tuple(other) == (255, 255, 255)
