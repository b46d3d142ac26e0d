"""Automatic quality: what may be asked for, what is planned, and what the child makes of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from picstore_imaging.cost import estimate_cpu_ms, estimate_memory_bytes
from picstore_imaging.encoders.automatic import TOLERANCE
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import OutputSpec, plan_outputs
from picstore_imaging.profile import Profile, validate
from picstore_imaging.quality import AUTO_BOUNDS, DENSE_SHIFT, usual_quality
from picstore_imaging.recipe import Recipe
from picstore_imaging.rules import (
    AutoQuality,
    Density,
    EncoderOptions,
    FormatRule,
    Metric,
    SizeRule,
)
from picstore_kit.errors import InvalidFields
from tests.pictures import animation
from tests.unit.imaging.conftest import Convert

JPEG, PNG, WEBP, AVIF = Format
LOSSY = (JPEG, WEBP, AVIF)
PHOTO = SourceFacts(format=SourceFormat.JPEG, width=4000, height=3000)

Photo = Callable[[int, int], Image.Image]


def rule(format: Format = JPEG, *, target: float = 80, **fields: object) -> FormatRule:
    bounds = {name: fields.pop(name) for name in ("min_quality", "max_quality") if name in fields}
    wanted = AutoQuality(target=target, **bounds)  # type: ignore[arg-type]  # named by the tests
    return FormatRule(format=format, auto_quality=wanted, **fields)  # type: ignore[arg-type]  # named by the tests


def only_spec(*rules: FormatRule, density: Density | None = None) -> OutputSpec:
    size = SizeRule(width=320, densities=(density or Density(),))
    (planned,) = plan_outputs(Profile(formats=rules, sizes=(size,)), PHOTO)
    return planned.spec


def recipes(converted: object) -> list[Recipe]:
    return [Recipe.from_json(event["recipe"]) for event in converted.outputs]  # type: ignore[attr-defined]  # of the conftest


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (rule(PNG), "auto_quality"),
        (rule(PNG, options=EncoderOptions(colours=16)), "auto_quality"),
        (rule(quality=80), "auto_quality"),
        (rule(WEBP, lossless=True), "auto_quality"),
        (rule(WEBP, options=EncoderOptions(near_lossless=60)), "auto_quality"),
        (rule(target=29.9), "auto_quality.target"),
        (rule(target=95.1), "auto_quality.target"),
        (rule(target=float("nan")), "auto_quality.target"),
        (rule(min_quality=0), "auto_quality.min_quality"),
        (rule(max_quality=100), "auto_quality.max_quality"),
        (rule(min_quality=80, max_quality=70), "auto_quality.min_quality"),
    ],
)
def test_what_does_not_go_together_is_named(wrong: FormatRule, field: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        validate(Profile(formats=(wrong,), sizes=(SizeRule(width=320),)))
    assert [violation.field for violation in raised.value.violations] == [f"formats[0].{field}"]


@pytest.mark.parametrize("format", LOSSY)
def test_every_lossy_format_may_be_searched(format: Format) -> None:
    validate(Profile(formats=(rule(format),), sizes=(SizeRule(width=320),)))
    spec = only_spec(rule(format))
    assert (spec.quality, spec.lossless) == (None, False)
    lowest, highest = AUTO_BOUNDS[format]
    assert spec.auto_quality == AutoQuality(
        metric=Metric.SSIMULACRA2, target=80, min_quality=lowest, max_quality=highest
    )


def test_one_bound_alone_moves_the_other_where_they_would_cross() -> None:
    low = only_spec(rule(max_quality=10)).auto_quality
    high = only_spec(rule(min_quality=99)).auto_quality
    assert low is not None
    assert high is not None
    assert (low.min_quality, low.max_quality) == (10, 10)
    assert (high.min_quality, high.max_quality) == (99, 99)


def test_dense_outputs_aim_lower() -> None:
    dense = only_spec(rule(), density=Density(ratio=2)).auto_quality
    assert dense is not None
    assert dense.target == 80 - DENSE_SHIFT


@pytest.mark.parametrize(("quality", "lossless"), [(60, False), (100, True)])
def test_a_quality_of_the_density_goes_before(quality: int, lossless: bool) -> None:
    spec = only_spec(rule(WEBP), density=Density(ratio=2, quality=quality))
    assert spec.auto_quality is None
    assert spec.lossless is lossless
    assert spec.quality == (None if lossless else quality)


def test_another_target_makes_another_output_and_survives_storage() -> None:
    specs = {only_spec(rule(target=target)) for target in (70, 80)}
    assert len({spec.digest() for spec in specs}) == 2
    assert {OutputSpec.from_json(spec.to_json()) for spec in specs} == specs
    given = replace(only_spec(rule()), auto_quality=None, quality=80)
    assert "auto_quality" not in given.to_json()


def test_equal_searches_are_told_and_unequal_ones_are_not() -> None:
    sizes = (SizeRule(width=320),)
    validate(Profile(formats=(rule(target=70), rule(target=80)), sizes=sizes))
    with pytest.raises(InvalidFields):
        validate(Profile(formats=(rule(), rule()), sizes=sizes))


@pytest.mark.parametrize("format", LOSSY)
def test_searches_begin_higher_for_more(format: Format) -> None:
    starts = [usual_quality(format, target) for target in range(30, 96, 5)]
    assert starts == sorted(starts)
    assert len(set(starts)) > 8


def test_a_search_is_estimated_as_several_encodes_and_more_memory() -> None:
    wanted = only_spec(rule(AVIF))
    given = replace(wanted, auto_quality=None, quality=64)
    assert 2 < estimate_cpu_ms(wanted) / estimate_cpu_ms(given) < 6
    assert estimate_memory_bytes(PHOTO, [wanted]) > estimate_memory_bytes(PHOTO, [given])
    moving = replace(wanted, format=WEBP)
    assert estimate_cpu_ms(moving, frames=9) > 5 * estimate_cpu_ms(moving)


@pytest.mark.parametrize("format", LOSSY)
@pytest.mark.parametrize("target", [65, 80])
def test_outputs_meet_the_target_and_say_how(
    format: Format, target: float, photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(900, 700).save(path := tmp_path / "a.png")
    made = convert(path, formats=(rule(format, target=target),), sizes=(SizeRule(width=600),))
    (recipe,) = recipes(made)
    assert recipe.metric == "ssimulacra2"
    assert recipe.quality is not None
    assert recipe.score is not None
    assert 1 <= recipe.encodes <= 5
    assert recipe.score >= target - TOLERANCE
    assert recipe.score < target + 4
    assert any(f"quality {recipe.quality} scores" in step for step in recipe.steps)
    # The file is the one that has the score: beside what a lossless output shows, by other hands.
    (exact,) = convert(path, formats=(FormatRule(format=PNG),), sizes=(SizeRule(width=600),)).paths
    with Image.open(made.paths[0]) as opened:
        file = io.BytesIO()
        opened.convert("RGB").save(file, "PNG")
    assert compute_ssimulacra2(exact, file) == pytest.approx(recipe.score, abs=1.5)


def test_a_smaller_target_makes_a_smaller_file(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(600, 400).save(path := tmp_path / "a.png")
    made = convert(path, formats=tuple(rule(target=target) for target in (60, 75, 88)))
    sizes = [event["bytes"] for event in made.outputs]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_where_the_highest_quality_is_not_enough_it_is_taken_and_said(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(300, 260).save(path := tmp_path / "a.png")
    (recipe,) = recipes(convert(path, formats=(rule(target=90, max_quality=40),)))
    assert recipe.quality == 40
    assert recipe.score is not None
    assert recipe.score < 90 - TOLERANCE
    assert any("quality 40, the highest allowed, scores" in step for step in recipe.steps)


def test_a_quality_that_was_found_is_found_at_once(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(500, 400).save(path := tmp_path / "a.png")
    (first,) = recipes(convert(path, formats=(rule(),)))
    (again,) = recipes(convert(path, formats=(rule(),), start_quality=first.quality))
    assert again.encodes <= 2
    assert (again.quality, again.score) == (first.quality, first.score)


def test_a_recipe_says_where_its_search_began(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(300, 260).save(path := tmp_path / "a.png")
    begun = {
        start: recipes(convert(path, formats=(rule(max_quality=90),), start_quality=start))[0]
        for start in (None, 62, 99)
    }
    assert begun[None].start_quality == usual_quality(JPEG, 80)
    assert begun[62].start_quality == 62
    # Within what is allowed, and so it is what was tried first.
    assert begun[99].start_quality == 90
    (given,) = recipes(convert(path, formats=(FormatRule(format=JPEG, quality=80),)))
    assert given.start_quality is None


@pytest.mark.parametrize("format", [WEBP, AVIF])
def test_transparent_pictures_are_searched_too(
    format: Format, photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    drawn = photo(320, 280)
    drawn.putalpha(Image.linear_gradient("L").resize(drawn.size))
    drawn.save(path := tmp_path / "a.png")
    (recipe,) = recipes(convert(path, formats=(rule(format, target=75),)))
    assert recipe.score is not None
    assert recipe.score >= 75 - TOLERANCE


def test_animations_are_searched_and_still_move(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    drawn = photo(200, 160)
    frames = [drawn.rotate(90 * number).resize((200, 160)) for number in range(4)]
    data = animation(frames, "WEBP", duration=[100] * 4, loop=0, lossless=True)
    (path := tmp_path / "a").write_bytes(data)
    made = convert(path, formats=tuple(rule(format, target=75) for format in (WEBP, AVIF, JPEG)))
    for recipe in recipes(made):
        assert recipe.score is not None
        assert recipe.score >= 75 - TOLERANCE
    for path, count in zip(made.paths, (4, 4, 1), strict=True):
        with Image.open(path) as opened:
            assert getattr(opened, "n_frames", 1) == count


@pytest.mark.parametrize("format", [WEBP, AVIF])
def test_an_animation_whose_frames_an_encoder_joins_is_searched_all_the_same(
    photo: Photo, convert: Convert, tmp_path: Path, format: Format
) -> None:
    one, other = photo(160, 120), photo(161, 120).resize((160, 120))
    frames = [one, one, one, other, other, other]
    data = animation(frames, "GIF", duration=[100] * 6, loop=0)
    (path := tmp_path / "a").write_bytes(data)
    (recipe,) = recipes(convert(path, formats=(rule(format, target=75),)))
    assert recipe.score is not None
    assert recipe.score >= 75 - TOLERANCE


def test_ten_bits_are_scored_as_eight(photo: Photo, convert: Convert, tmp_path: Path) -> None:
    photo(320, 280).save(path := tmp_path / "a.png")
    deep = replace(rule(AVIF), options=EncoderOptions(bit_depth=10))
    shallow, ten = recipes(convert(path, formats=(rule(AVIF), deep)))
    assert shallow.score is not None
    assert ten.score is not None
    assert abs(shallow.score - ten.score) < 3
    assert ten.score >= 80 - TOLERANCE


def test_a_flat_picture_takes_the_lowest_quality(convert: Convert, tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(path := tmp_path / "a.png")
    (recipe,) = recipes(convert(path, formats=(rule(target=80),)))
    assert recipe.quality == AUTO_BOUNDS[JPEG][0]
