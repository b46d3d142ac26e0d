"""SSIMULACRA2 of our own: 100 for the same, down with quality, and as its package has it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageFilter
from ssimulacra2 import compute_ssimulacra2

from picstore_imaging.metrics.ssimulacra2 import Ssimulacra2
from picstore_imaging.metrics.view import look_at
from picstore_imaging.quality import SCORED_PIXELS
from tests.unit.imaging.conftest import Pixels

Photo = Callable[[int, int], Image.Image]


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def coded(image: Image.Image, format: str, quality: int, **options: Any) -> Image.Image:
    file = io.BytesIO()
    image.save(file, format, quality=quality, **options)
    with Image.open(file) as opened:
        return opened.convert("RGB")


def png(image: Image.Image) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file


def as_vips(array: Pixels) -> pyvips.Image:
    return pyvips.Image.new_from_array(array, interpretation="srgb")


def test_the_same_picture_scores_all_there_is(photo: Photo) -> None:
    original = pixels(photo(300, 270))
    assert Ssimulacra2(original).score(original) > 99.9


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_a_score_rises_with_quality(photo: Photo, format: str) -> None:
    drawn = photo(400, 300)
    scorer = Ssimulacra2(pixels(drawn))
    scores = [scorer.score(pixels(coded(drawn, format, q))) for q in (10, 30, 50, 70, 90, 97)]
    assert scores == sorted(scores)
    assert scores[-1] - scores[0] > 20


def test_blur_and_a_wrong_colour_cost_more_than_a_careful_encoder(photo: Photo) -> None:
    drawn = photo(400, 300)
    scorer = Ssimulacra2(pixels(drawn))
    careful = scorer.score(pixels(coded(drawn, "JPEG", 92)))
    blurred = scorer.score(pixels(drawn.filter(ImageFilter.GaussianBlur(2))))
    red, green, blue = drawn.split()
    swapped = scorer.score(pixels(Image.merge("RGB", (blue, green, red))))
    assert careful > 80 > blurred
    assert careful > swapped


@pytest.mark.parametrize("seed_size", [(512, 512), (640, 400), (801, 533)])
@pytest.mark.parametrize(
    ("format", "quality"), [("JPEG", 50), ("JPEG", 80), ("JPEG", 93), ("WEBP", 80), ("AVIF", 60)]
)
def test_scores_are_those_of_the_package(
    photo: Photo, seed_size: tuple[int, int], format: str, quality: int
) -> None:
    # The package reflects the picture at two of its edges, where the reference and we see black.
    drawn = photo(*seed_size)
    encoded = coded(drawn, format, quality)
    ours = Ssimulacra2(pixels(drawn)).score(pixels(encoded))
    assert ours == pytest.approx(compute_ssimulacra2(png(drawn), png(encoded)), abs=1.5)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (17, 9), (33, 40)])
def test_small_pictures_have_a_score(photo: Photo, size: tuple[int, int]) -> None:
    drawn = photo(*size)
    score = Ssimulacra2(pixels(drawn)).score(pixels(coded(drawn, "JPEG", 75)))
    assert np.isfinite(score)
    assert score <= 100


@pytest.mark.parametrize("size", [(400, 7), (1, 300), (6, 6)])
def test_the_thinnest_pictures_are_looked_at_too(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    drawn = Image.fromarray(noise)
    scorer = Ssimulacra2(noise)
    rough, fine = (scorer.score(pixels(coded(drawn, "JPEG", q))) for q in (10, 97))
    assert rough < min(fine, 80)
    assert scorer.score(noise) > 99.9


def test_what_is_transparent_is_looked_at_on_black_and_on_white() -> None:
    clear = np.zeros((20, 30, 4), np.uint8)
    clear[..., :3] = 200
    seen = look_at(as_vips(clear))
    assert seen.shape == (40, 30, 3)
    assert (seen[:20] == 0).all()
    assert (seen[20:] == 255).all()


def test_the_first_the_middle_and_the_last_frame_are_looked_at() -> None:
    strip = np.repeat(np.arange(5, dtype=np.uint8), 10)[:, None, None] * np.ones(
        (1, 12, 3), np.uint8
    )
    film = as_vips(strip).copy()
    film.set_type(pyvips.GValue.gint_type, "page-height", 10)
    seen = look_at(film)
    assert seen.shape == (30, 12, 3)
    assert [int(row) for row in seen[::10, 0, 0]] == [0, 2, 4]


@pytest.mark.parametrize("size", [(3000, 2000), (1800, 4000), (16_000, 300), (40, 60_000)])
def test_of_a_large_picture_tiles_all_over_it_are_looked_at(size: tuple[int, int]) -> None:
    width, height = size
    places = pyvips.Image.xyz(width, height)
    across, down = places[0] * (255 / width), places[1] * (255 / height)
    image = across.bandjoin([down, down]).cast("uchar").copy(interpretation="srgb").copy_memory()
    seen = look_at(image)
    assert seen.shape[0] * seen.shape[1] <= SCORED_PIXELS
    assert seen.shape[0] * seen.shape[1] >= min(SCORED_PIXELS, width * height) / 4
    for channel in (0, 1):
        assert abs(float(seen[..., channel].mean()) - 127) < 30
        if size[channel] > 1024:
            assert seen[..., channel].min() < 90
            assert seen[..., channel].max() > 165


def test_the_score_of_tiles_is_nearly_that_of_the_whole(photo: Photo) -> None:
    drawn = photo(2100, 1400)
    encoded = coded(drawn, "JPEG", 80)
    whole = Ssimulacra2(pixels(drawn)).score(pixels(encoded))
    original, other = (look_at(as_vips(pixels(image))) for image in (drawn, encoded))
    assert original.shape[0] * original.shape[1] < 2100 * 1400
    assert Ssimulacra2(original).score(other) == pytest.approx(whole, abs=1.5)
