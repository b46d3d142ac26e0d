"""What an output's recipe says, and what is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from picstore_imaging.encoders import svt
from picstore_imaging.encoders.used import jpeg_library
from picstore_imaging.formats import Format
from picstore_imaging.profile import Fit, FormatRule, Gravity, SizeRule
from picstore_imaging.recipe import Recipe, printable
from tests.unit.imaging.conftest import Convert, Converted

Photo = Callable[[int, int], Image.Image]

RECIPE = Recipe(
    steps=("load jpeg 400x200", "scale 400x200 → 100x50 lanczos3"),
    encoder="SVT-AV1",
    encoder_version="4.1.0, libavif 1.4.2",
    quality=None,
    effort=3,
    metric="ssimulacra2",
    score=79.4,
    encodes=4,
    cpu_ms=3,
    decode_cpu_ms=7,
    peak_rss_bytes=50_000_000,
    start_quality=61,
)


def recipes(converted: Converted) -> list[Recipe]:
    return [Recipe.from_json(event["recipe"]) for event in converted.outputs]


def test_a_recipe_survives_json() -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPE.to_json()))) == RECIPE


def test_what_came_later_may_be_missing() -> None:
    given = {"steps": [], "encoder": "libpng", "encoder_version": "1", "effort": 6}
    made = Recipe.from_json(given)
    assert (made.quality, made.score, made.encodes, made.metric) == (None, None, 1, "")
    assert made.start_quality is None


@pytest.mark.parametrize(
    "nonsense",
    [
        {"steps": None},
        {"steps": {"a": 1}},
        {"steps": ["x"] * 65},
        {"steps": ["x" * 201]},
        {"steps": ["\x1b[2J"]},
        {"encoder": None},
        {"encoder": "a" * 101},
        {"encoder_version": 8},
        {"quality": 1.5},
        {"quality": -1},
        {"effort": True},
        {"score": float("inf")},
        {"score": "80"},
        {"score": 10**400},
        {"encodes": 1001},
        {"cpu_ms": 2**31},
        {"peak_rss_bytes": -1},
        {"start_quality": 101},
    ],
)
def test_nonsense_is_no_recipe(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not "):
        Recipe.from_json(RECIPE.to_json() | nonsense)


def test_a_name_out_of_a_file_becomes_a_short_line() -> None:
    assert printable("Display\0 P3\n\x1b" + "x" * 200) == "Display P3" + "x" * 90


def test_steps_have_their_numbers(photo: Photo, convert: Convert, tmp_path: Path) -> None:
    picture = photo(1280, 853).convert("CMYK")
    picture.save(path := tmp_path / "a.jpg", quality=90, exif=b"")
    size = SizeRule(width=200, height=200, fit=Fit.COVER, gravity=Gravity.WEST)
    (whole, cropped) = recipes(
        convert(
            path,
            formats=(FormatRule(format=Format.JPEG, quality=71, effort=1),),
            sizes=(SizeRule(width=640), size),
        )
    )
    assert whole.steps[:-1] == (
        "load jpeg 1280x853",
        "scale 1280x853 → 640x427 lanczos3",
        "icc cmyk → sRGB",
    )
    assert whole.steps[-1].startswith("encode by mozjpeg: Q 71, optimize_coding")
    assert cropped.steps[3:5] == (
        "scale 640x427 → 300x200 lanczos3",
        "crop 200x200+0+0 by west",
    )
    assert (whole.quality, whole.effort, whole.encodes) == (71, 1, 1)
    assert whole.peak_rss_bytes > 10_000_000


def test_what_has_nothing_to_do_says_nothing(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.png")
    (made,) = recipes(convert(path, formats=(FormatRule(format=Format.WEBP),)))
    assert made.steps[0] == "load png 64x48"
    assert len(made.steps) == 2


def test_decoders_shrinks_turns_profiles_and_backgrounds_are_told(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo(1600, 1200).save(path := tmp_path / "a.jpg", exif=exif, icc_profile=profile)
    (made,) = recipes(
        convert(path, formats=(FormatRule(format=Format.JPEG),), sizes=(SizeRule(width=240),))
    )
    assert made.steps[:2] == ("load jpeg 1200x1600", "shrink-on-load 1/4")
    assert any(step.startswith("icc ") and step.endswith("→ sRGB") for step in made.steps)
    assert "turn upright from EXIF orientation 6" in made.steps

    clear = photo(64, 48).convert("RGBA")
    clear.putalpha(100)
    clear.save(path := tmp_path / "b.png")
    made, kept = recipes(
        convert(
            path,
            formats=(FormatRule(format=Format.JPEG), FormatRule(format=Format.WEBP)),
            background="#102030",
        )
    )
    assert "flatten #102030" in made.steps
    assert not any(step.startswith("flatten") for step in kept.steps)


def test_frames_are_told_once(photo: Photo, convert: Convert, tmp_path: Path) -> None:
    frames = [photo(64 + n, 48).resize((64, 48)) for n in range(4)]
    frames[0].save(path := tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    (made,) = recipes(
        convert(path, formats=(FormatRule(format=Format.WEBP),), sizes=(SizeRule(width=32),))
    )
    assert made.steps[:2] == ("load gif 64x48", "4 frames")
    assert sum(step.startswith("scale ") for step in made.steps) == 1


def test_encoders_are_named_as_their_libraries_tell_it(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.png")
    rules = (
        FormatRule(format=Format.AVIF),
        FormatRule(format=Format.AVIF, quality=95),
        FormatRule(format=Format.WEBP, lossless=True),
        FormatRule(format=Format.PNG),
    )
    found = [
        (made.encoder, made.quality)
        for rule in rules
        for made in recipes(convert(path, formats=(rule,)))
    ]
    assert found == [("SVT-AV1", 66), ("libaom", 95), ("libwebp", None), ("libpng", None)]
    encoder = svt.version().partition(",")[0]
    assert f"svt [enc]:v{encoder}" in svt.configure().AvifCodecVersions()
    assert jpeg_library() == "mozjpeg"
