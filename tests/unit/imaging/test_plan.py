"""A plan resolves a profile for a source: sizes, merging, reasons, and specs that never change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.geometry import Point, Size, corner_by_focus
from picstore_imaging.plan import OutputSpec, PlannedOutput, SourceFacts, plan_outputs
from picstore_imaging.profile import Density, Fit, FormatRule, Gravity, Profile, SizeRule, When
from picstore_kit.errors import Reason

PHOTO = SourceFacts(format=SourceFormat.JPEG, width=1200, height=800)
WEBP = FormatRule(format=Format.WEBP)


def plan(*sizes: SizeRule, source: SourceFacts = PHOTO) -> tuple[PlannedOutput, ...]:
    return plan_outputs(Profile(formats=(WEBP,), sizes=sizes), source)


def size_of(rule: SizeRule, source: SourceFacts = PHOTO) -> tuple[int, int, Fit]:
    (output,) = plan(rule, source=source)
    return output.spec.width, output.spec.height, output.spec.fit


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (SizeRule(), (1200, 800, Fit.INSIDE)),
        (SizeRule(width=600), (600, 400, Fit.INSIDE)),
        (SizeRule(height=100), (150, 100, Fit.INSIDE)),
        (SizeRule(width=600, height=600), (600, 400, Fit.INSIDE)),
        (SizeRule(width=333), (333, 222, Fit.INSIDE)),
        (SizeRule(width=2400), (1200, 800, Fit.INSIDE)),
        (SizeRule(width=2400, enlarge=True), (2400, 1600, Fit.INSIDE)),
        (SizeRule(width=300, height=300, fit=Fit.COVER), (300, 300, Fit.COVER)),
        (SizeRule(width=300, height=200, fit=Fit.COVER), (300, 200, Fit.INSIDE)),
        (SizeRule(width=1000, height=1000, fit=Fit.COVER), (800, 800, Fit.COVER)),
        (SizeRule(width=1000, height=1000, fit=Fit.CONTAIN), (1000, 1000, Fit.CONTAIN)),
        (SizeRule(width=2000, height=2000, fit=Fit.CONTAIN), (1200, 1200, Fit.CONTAIN)),
        (SizeRule(width=1000, height=1000, fit=Fit.FILL), (800, 800, Fit.FILL)),
        (SizeRule(width=600, height=400, fit=Fit.FILL), (600, 400, Fit.INSIDE)),
        (
            SizeRule(width=2000, height=100, fit=Fit.FILL, enlarge=True),
            (2000, 100, Fit.FILL),
        ),
    ],
)
def test_sizes_are_resolved_and_clamped_to_the_source(
    rule: SizeRule, expected: tuple[int, int, Fit]
) -> None:
    assert size_of(rule) == expected


def test_a_very_thin_picture_keeps_at_least_one_pixel() -> None:
    thin = SourceFacts(format=SourceFormat.PNG, width=10_000, height=1)
    assert size_of(SizeRule(width=100), thin) == (100, 1, Fit.INSIDE)


def test_sides_are_rounded_half_up() -> None:
    source = SourceFacts(format=SourceFormat.PNG, width=100, height=25)
    assert size_of(SizeRule(width=50), source) == (50, 13, Fit.INSIDE)


def test_conditions_skip_with_their_reason() -> None:
    formats = (
        FormatRule(format=Format.JPEG, only_from=frozenset({SourceFormat.PNG})),
        FormatRule(format=Format.WEBP, not_from=frozenset({SourceFormat.JPEG})),
        FormatRule(format=Format.AVIF),
    )
    planned = plan_outputs(Profile(formats=formats, sizes=(SizeRule(width=100),)), PHOTO)
    assert [output.skipped for output in planned] == [
        Reason.CONDITION_NOT_MET,
        Reason.CONDITION_NOT_MET,
        None,
    ]


@pytest.mark.parametrize(
    ("width", "when", "expected"),
    [
        (600, When.ONLY_DOWNSIZE, None),
        (1200, When.ONLY_DOWNSIZE, None),
        (1201, When.ONLY_DOWNSIZE, Reason.WOULD_ENLARGE),
        (600, When.ONLY_UPSIZE, Reason.WOULD_REDUCE),
        (1200, When.ONLY_UPSIZE, None),
        (1201, When.ONLY_UPSIZE, None),
    ],
)
def test_when_compares_what_was_asked_with_the_source(
    width: int, when: When, expected: Reason | None
) -> None:
    (output,) = plan(SizeRule(width=width, when=when, enlarge=True))
    assert output.skipped is expected


def test_clamped_sizes_are_merged_and_point_at_the_one_that_is_made() -> None:
    planned = plan(SizeRule(width=1600), SizeRule(width=1920), SizeRule())
    assert [(o.skipped, o.same_as) for o in planned] == [
        (None, None),
        (Reason.SAME_AS_ANOTHER, 0),
        (Reason.SAME_AS_ANOTHER, 0),
    ]


def test_a_density_is_real_or_says_how_far_it_goes() -> None:
    densities = (Density(), Density(ratio=2.0))
    outputs = [
        [(o.spec.width, o.spec.density, o.spec.quality, o.skipped) for o in plan(size)]
        for size in (
            SizeRule(width=400, densities=densities),
            SizeRule(width=800, densities=densities),
            SizeRule(width=1000, densities=densities),
            SizeRule(width=1200, densities=densities),
        )
    ]
    assert outputs == [
        [(400, 1.0, 86, None), (800, 2.0, 78, None)],
        [(800, 1.0, 86, None), (1200, 1.5, 78, None)],
        [(1000, 1.0, 86, None), (1200, 1.2, 86, None)],
        [(1200, 1.0, 86, None), (1200, 1.0, 86, Reason.SAME_AS_ANOTHER)],
    ]


def test_a_denser_output_without_more_pixels_is_merged_whatever_its_quality() -> None:
    densities = (Density(), Density(ratio=2.0, quality=50))
    planned = plan(SizeRule(width=1200, densities=densities))
    assert [(o.skipped, o.same_as) for o in planned] == [
        (None, None),
        (Reason.SAME_AS_ANOTHER, 0),
    ]


def test_the_same_pixels_for_another_density_stay_an_output_of_their_own() -> None:
    rule = FormatRule(format=Format.WEBP, quality=80)
    sizes = (SizeRule(width=800), SizeRule(width=400, densities=(Density(ratio=2.0),)))
    planned = plan_outputs(Profile(formats=(rule,), sizes=sizes), PHOTO)
    assert [(o.spec.width, o.spec.density, o.skipped) for o in planned] == [
        (800, 1.0, None),
        (800, 2.0, None),
    ]


def test_what_a_format_cannot_hold_is_skipped() -> None:
    wide = SourceFacts(format=SourceFormat.JPEG, width=16_384, height=100)
    formats = (WEBP, FormatRule(format=Format.JPEG))
    planned = plan_outputs(Profile(formats=formats, sizes=(SizeRule(),)), wide)
    assert [output.skipped for output in planned] == [Reason.LIMIT_SIDE, None]


def test_a_picture_of_any_accepted_side_has_something_to_show() -> None:
    long = SourceFacts(format=SourceFormat.PNG, width=3, height=20_000)
    formats = tuple(FormatRule(format=format) for format in Format)
    planned = plan_outputs(Profile(formats=formats, sizes=(SizeRule(width=320),)), long)
    assert {output.spec.format: output.skipped for output in planned} == {
        Format.AVIF: Reason.LIMIT_SIDE,
        Format.WEBP: Reason.LIMIT_SIDE,
        Format.JPEG: None,
        Format.PNG: None,
    }


def test_a_drawing_has_whatever_size_is_asked_for() -> None:
    drawing = SourceFacts(format=SourceFormat.SVG, width=24, height=12)
    densities = (Density(), Density(ratio=2.0))
    sizes = (
        SizeRule(width=320, densities=densities),
        SizeRule(width=100, height=100, fit=Fit.COVER),
        SizeRule(width=320, when=When.ONLY_DOWNSIZE),
        SizeRule(),
    )
    planned = plan_outputs(Profile(formats=(WEBP,), sizes=sizes), drawing)
    assert [
        (output.spec.width, output.spec.height, output.spec.density, output.skipped)
        for output in planned
    ] == [
        (320, 160, 1.0, None),
        (640, 320, 2.0, None),
        (100, 100, 1.0, None),
        (320, 160, 1.0, Reason.WOULD_ENLARGE),
        (24, 12, 1.0, None),
    ]


def test_an_enlargement_past_the_largest_output_is_skipped() -> None:
    (output,) = plan(SizeRule(width=16_000, enlarge=True))
    assert output.skipped is Reason.LIMIT_PIXELS


def test_what_is_cut_off_counts_for_the_limit_as_well() -> None:
    square = SizeRule(width=300, height=300, fit=Fit.COVER, enlarge=True)
    profile = Profile(formats=(WEBP,), sizes=(square, replace(square, fit=Fit.CONTAIN)))
    thin = SourceFacts(format=SourceFormat.PNG, width=3_000, height=2)
    skipped = [output.skipped for output in plan_outputs(profile, thin)]
    assert skipped == [Reason.LIMIT_PIXELS, None]


def test_a_background_is_part_of_the_spec_only_where_it_shows() -> None:
    formats = (FormatRule(format=Format.JPEG), WEBP)
    sizes = (SizeRule(width=100), SizeRule(width=100, height=100, fit=Fit.CONTAIN))
    profile = Profile(formats=formats, sizes=sizes, background="#AABBCC")

    def backgrounds(source: SourceFacts) -> list[str | None]:
        return [output.spec.background for output in plan_outputs(profile, source)]

    assert backgrounds(PHOTO) == [None, None, "#aabbcc", "#aabbcc"]
    assert backgrounds(replace(PHOTO, has_alpha=True)) == ["#aabbcc", None, "#aabbcc", "#aabbcc"]


def test_gravity_is_part_of_the_spec_only_where_something_is_cropped() -> None:
    north = SizeRule(width=300, height=300, fit=Fit.COVER, gravity=Gravity.NORTH)
    assert plan(north)[0].spec.gravity is Gravity.NORTH
    assert plan(replace(north, height=200))[0].spec.gravity is Gravity.CENTRE


SPEC = plan(SizeRule(width=320))[0].spec


def test_the_digest_of_a_spec_never_changes() -> None:
    assert SPEC.to_json() == {
        "version": 2,
        "format": "webp",
        "width": 320,
        "height": 213,
        "fit": "inside",
        "gravity": "centre",
        "density": 1.0,
        "quality": 86,
        "lossless": False,
        "effort": 2,
        "background": None,
    }
    assert SPEC.digest() == ("f7d896f79b501b9a5b353fd28e039fe102302edd835471de6899b4ef928ca8a2")


def cropped(gravity: Gravity | None, point: Point | None, fit: Fit = Fit.COVER) -> OutputSpec:
    rule = SizeRule(width=300, height=300, fit=fit, gravity=gravity)
    profile = Profile(formats=(WEBP,), sizes=(rule,))
    (output,) = plan_outputs(profile, PHOTO, focal_point=point)
    return output.spec


@pytest.mark.parametrize("fit", [Fit.COVER, Fit.CONTAIN])
def test_a_gravity_goes_before_the_focal_point_and_that_before_the_centre(fit: Fit) -> None:
    corner = Point(0.9, 0.12345678)
    explicit = cropped(Gravity.CENTRE, corner, fit)
    assert (explicit.gravity, explicit.focal_point) == (Gravity.CENTRE, None)
    attention = cropped(Gravity.ATTENTION, corner, fit)
    assert (attention.gravity, attention.focal_point) == (Gravity.ATTENTION, None)
    by_point = cropped(None, corner, fit)
    assert (by_point.gravity, by_point.focal_point) == (Gravity.CENTRE, Point(0.9, 0.1235))
    assert cropped(None, None, fit) == explicit
    assert cropped(None, Point(0.5, 0.5), fit) == explicit, "the middle is the centre"
    assert by_point.digest() != explicit.digest()


def test_a_focal_point_plays_no_part_where_nothing_is_cropped() -> None:
    plain = plan_outputs(Profile(formats=(WEBP,), sizes=(SizeRule(width=300),)), PHOTO)
    pointed = plan_outputs(
        Profile(formats=(WEBP,), sizes=(SizeRule(width=300),)), PHOTO, focal_point=Point(0, 1)
    )
    assert plain == pointed


@pytest.mark.parametrize(
    ("point", "whole", "box", "corner"),
    [
        (Point(0.5, 0.5), Size(400, 200), Size(200, 200), (100, 0)),
        (Point(0, 0), Size(400, 200), Size(200, 200), (0, 0)),
        (Point(1, 1), Size(400, 200), Size(200, 200), (200, 0)),
        (Point(0.3, 0.9), Size(400, 200), Size(200, 200), (20, 0)),
        (Point(0, 0.5), Size(400, 200), Size(400, 400), (0, -100)),
        (Point(0, 1), Size(400, 200), Size(400, 400), (0, 0)),
        (Point(0, 0), Size(400, 200), Size(400, 400), (0, -200)),
        (Point(0, 0.75), Size(400, 200), Size(400, 400), (0, -50)),
    ],
)
def test_the_focal_point_comes_as_near_to_the_middle_as_can_be(
    point: Point, whole: Size, box: Size, corner: tuple[int, int]
) -> None:
    assert corner_by_focus(point, whole, box) == corner


def better_formats(
    *formats: Format, has_alpha: bool = False, percent: int | None = 50
) -> dict[Format, Format | None]:
    """By format, the one that it is compared with."""
    profile = Profile(
        formats=tuple(FormatRule(format=format) for format in formats),
        sizes=(SizeRule(width=600),),
        skip_if_larger_percent=percent,
    )
    planned = plan_outputs(profile, replace(PHOTO, has_alpha=has_alpha))
    return {
        output.spec.format: None if output.better is None else planned[output.better].spec.format
        for output in planned
    }


def test_each_format_is_compared_with_the_next_better_one_but_for_the_fallback() -> None:
    jpeg, png, webp, avif = Format
    every = better_formats(jpeg, png, webp, avif)
    assert every == {avif: None, webp: avif, jpeg: None, png: jpeg}
    assert better_formats(png, webp, jpeg, avif, has_alpha=True) == {
        avif: None,
        webp: avif,
        jpeg: webp,
        png: None,
    }
    assert better_formats(avif, webp) == {avif: None, webp: None}, "WebP is the fallback"
    assert better_formats(avif) == {avif: None}
    assert set(better_formats(jpeg, png, webp, avif, percent=None).values()) == {None}
