"""What a page shows until the picture is there: small, right, and in sRGB."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from picstore_imaging.formats import Format
from picstore_imaging.placeholder import MAX_PREVIEW_BYTES
from picstore_imaging.rules import FormatRule, SizeRule
from tests.unit.imaging.conftest import Convert

JPEG = (FormatRule(format=Format.JPEG),)
TINY = (SizeRule(width=16),)


@pytest.fixture
def shown(convert: Convert, tmp_path: Path) -> Callable[[Image.Image], dict[str, Any]]:
    def show(image: Image.Image) -> dict[str, Any]:
        path = tmp_path / "a.png"
        image.save(path)
        events = convert(path, formats=JPEG, sizes=TINY).events
        (event,) = (event for event in events if event["event"] == "placeholder")
        return event

    return show


def preview_of(event: dict[str, Any]) -> Image.Image:
    data = base64.b64decode(event["preview"], validate=True)
    assert len(data) <= MAX_PREVIEW_BYTES
    assert len("data:image/webp;base64," + event["preview"]) <= 400
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)
        image.load()
    return image


@pytest.mark.parametrize("size", [(640, 480), (100, 900), (1, 1), (3, 700)])
def test_the_preview_is_the_picture_in_a_few_bytes(
    size: tuple[int, int],
    photo: Callable[[int, int], Image.Image],
    shown: Callable[[Image.Image], dict[str, Any]],
) -> None:
    source = photo(*size)
    image = preview_of(shown(source))
    assert max(image.size) <= 32
    small = np.asarray(source.resize(image.size, Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(image.convert("RGB")) - small).mean() < 25


def test_the_preview_of_noise_is_no_larger(
    shown: Callable[[Image.Image], dict[str, Any]],
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 4), np.uint8)
    preview_of(shown(Image.fromarray(noise, "RGBA")))


def test_the_preview_is_transparent_where_the_picture_is(
    shown: Callable[[Image.Image], dict[str, Any]],
) -> None:
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (0, 0, 100, 100))
    alpha = np.asarray(preview_of(shown(image)).convert("RGBA"))[..., 3]
    assert alpha[:, :8].min() > 200
    assert alpha[:, -8:].max() < 50


def test_the_palette_names_what_there_is_most_of_first(
    shown: Callable[[Image.Image], dict[str, Any]],
) -> None:
    image = Image.new("RGB", (320, 320), (10, 20, 200))
    image.paste((250, 250, 250), (0, 0, 160, 160))
    image.paste((240, 245, 250), (0, 160, 80, 240))
    image.paste((220, 10, 10), (240, 240, 320, 320))
    event = shown(image)
    assert event["palette"] == ["#0a14c8", event["palette"][1], "#dc0a0a"]
    assert event["dominant_colour"] == event["palette"][0]


def test_a_palette_is_of_five_at_most_and_of_one_at_least(
    photo: Callable[[int, int], Image.Image], shown: Callable[[Image.Image], dict[str, Any]]
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert 1 <= len(shown(Image.fromarray(noise))["palette"]) <= 5
    assert shown(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))["palette"] == ["#ffffff"]
