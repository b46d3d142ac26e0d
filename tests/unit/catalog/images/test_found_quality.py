"""Where a search for a quality begins: at the same picture's, or at its profile's usual one."""

from __future__ import annotations

from dataclasses import replace

from picstore_catalog.model.found_quality import FoundQuality, start_quality
from picstore_imaging.formats import Format
from picstore_imaging.plan import OutputSpec
from picstore_imaging.rules import AutoQuality, Fit, Gravity

SPEC = OutputSpec(
    format=Format.WEBP,
    width=640,
    height=480,
    fit=Fit.INSIDE,
    gravity=Gravity.CENTRE,
    density=1.0,
    quality=None,
    lossless=False,
    effort=2,
    background=None,
    auto_quality=AutoQuality(target=80, min_quality=30, max_quality=98),
)
FOUND = FoundQuality(format=Format.WEBP, width=640, height=480, target=80, quality=71)


def test_what_the_picture_had_goes_before_what_others_have() -> None:
    older, other = replace(FOUND, quality=60), replace(FOUND, quality=90)
    assert start_quality(SPEC, of_picture=[FOUND, older], of_profile=[other]) == 71


def test_another_size_format_or_target_of_the_picture_says_nothing() -> None:
    others = [
        replace(FOUND, width=320),
        replace(FOUND, format=Format.JPEG),
        replace(FOUND, target=73),
    ]
    assert start_quality(SPEC, of_picture=others, of_profile=[]) is None


def test_other_pictures_say_what_is_usual_at_any_size() -> None:
    others = [
        replace(FOUND, width=width, quality=quality)
        for width, quality in ((320, 60), (640, 95), (1280, 74))
    ]
    strange = [replace(FOUND, format=Format.AVIF, quality=1), replace(FOUND, target=70, quality=2)]
    assert start_quality(SPEC, of_picture=[], of_profile=[*others, *strange]) == 74


def test_a_quality_that_is_given_is_not_searched_for() -> None:
    given = replace(SPEC, auto_quality=None, quality=80)
    assert start_quality(given, of_picture=[FOUND], of_profile=[FOUND]) is None
