"""A profile is checked when it is saved, and every wrong field is named at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import (
    Density,
    Fit,
    FormatRule,
    Profile,
    SizeRule,
    When,
    validate,
)
from picstore_imaging.quality import encoder_effort, encoder_quality
from picstore_kit.errors import InvalidFields

WEBP = FormatRule(format=Format.WEBP)
JPEG = FormatRule(format=Format.JPEG)
W400 = SizeRule(width=400)
GOOD = Profile(formats=(WEBP, JPEG), sizes=(W400, SizeRule()))


def wrong_fields(profile: Profile) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        validate(profile)
    return [violation.field for violation in caught.value.violations]


def test_a_usual_profile_passes() -> None:
    validate(
        Profile(
            formats=(FormatRule(format=Format.AVIF, effort=3), WEBP, JPEG),
            sizes=(
                SizeRule(width=400, densities=(Density(), Density(ratio=2.0))),
                SizeRule(width=800),
                SizeRule(width=1200, height=630, fit=Fit.COVER),
                SizeRule(),
            ),
        )
    )


def test_every_wrong_field_is_named_at_once() -> None:
    profile = Profile(
        formats=(
            FormatRule(format=Format.JPEG, quality=0, lossless=True),
            FormatRule(format=Format.WEBP, effort=10),
            FormatRule(format=Format.AVIF, lossless=True, quality=50),
            FormatRule(
                format=Format.PNG,
                only_from=frozenset({SourceFormat.PNG}),
                not_from=frozenset({SourceFormat.PNG}),
            ),
        ),
        sizes=(
            SizeRule(width=0, height=16_384),
            SizeRule(width=10, fit=Fit.COVER),
            SizeRule(width=10, when=When.ONLY_UPSIZE),
            SizeRule(width=9_000, densities=(Density(ratio=2.0), Density(ratio=5.0))),
            SizeRule(width=10, densities=(Density(quality=101), Density(ratio=1.0))),
            SizeRule(densities=(Density(ratio=2.0),)),
            SizeRule(width=20, densities=()),
            SizeRule(width=10_001, height=10_001, fit=Fit.FILL),
        ),
        background="white",
    )
    assert wrong_fields(profile) == [
        "formats[0].quality",
        "formats[0].lossless",
        "formats[1].effort",
        "formats[2].quality",
        "formats[3].not_from",
        "sizes[0].width",
        "sizes[0].height",
        "sizes[1].height",
        "sizes[2].enlarge",
        "sizes[3].densities[0].ratio",
        "sizes[3].densities[1].ratio",
        "sizes[4].densities[0].quality",
        "sizes[4].densities[1].ratio",
        "sizes[5].densities[0].ratio",
        "sizes[6].densities",
        "sizes[7].densities[0].ratio",
        "background",
    ]


def test_an_empty_profile_is_wrong() -> None:
    assert wrong_fields(Profile(formats=(), sizes=())) == ["formats", "sizes"]


@pytest.mark.parametrize("ratio", [0.0, 0.5, 4.5, float("nan"), float("inf")])
def test_density_ratios_have_a_range(ratio: float) -> None:
    profile = replace(GOOD, sizes=(SizeRule(width=10, densities=(Density(ratio=ratio),)),))
    assert wrong_fields(profile) == ["sizes[0].densities[0].ratio"]


def test_two_hundred_outputs_pass_and_one_more_size_does_not() -> None:
    sizes = tuple(SizeRule(width=width) for width in range(1, 101))
    validate(replace(GOOD, sizes=sizes))
    assert wrong_fields(replace(GOOD, sizes=(*sizes, SizeRule(width=500)))) == ["sizes"]


def test_only_webp_lowers_the_longest_side() -> None:
    size = SizeRule(width=16_384)
    validate(Profile(formats=(JPEG,), sizes=(size,)))
    assert wrong_fields(Profile(formats=(JPEG, WEBP), sizes=(size,))) == ["sizes[0].width"]


@pytest.mark.parametrize(
    ("formats", "sizes", "expected"),
    [
        ((WEBP, WEBP), (W400,), ["formats[1]"]),
        ((WEBP, FormatRule(format=Format.WEBP, quality=86)), (W400,), ["formats[1]"]),
        ((WEBP,), (W400, SizeRule(width=100), W400), ["sizes[2]"]),
        ((WEBP,), (W400, replace(W400, when=When.ONLY_DOWNSIZE)), ["sizes[1]"]),
        (
            (WEBP,),
            (
                SizeRule(width=400, densities=(Density(), Density(ratio=2.0))),
                SizeRule(width=400, densities=(Density(ratio=2.0),)),
            ),
            ["sizes[1]"],
        ),
        (
            (WEBP, FormatRule(format=Format.WEBP, quality=60)),
            (SizeRule(width=400, densities=(Density(quality=50),)),),
            ["formats[1]"],
        ),
    ],
)
def test_what_would_be_made_twice_is_wrong(
    formats: tuple[FormatRule, ...], sizes: tuple[SizeRule, ...], expected: list[str]
) -> None:
    assert wrong_fields(Profile(formats=formats, sizes=sizes)) == expected


@pytest.mark.parametrize(
    ("formats", "sizes"),
    [
        ((WEBP, FormatRule(format=Format.WEBP, quality=100)), (W400,)),
        (
            (
                FormatRule(format=Format.JPEG, only_from=frozenset({SourceFormat.JPEG})),
                FormatRule(format=Format.JPEG, not_from=frozenset({SourceFormat.JPEG})),
            ),
            (W400,),
        ),
        (
            (WEBP,),
            (
                SizeRule(width=400, when=When.ONLY_DOWNSIZE),
                SizeRule(width=400, when=When.ONLY_UPSIZE, enlarge=True),
            ),
        ),
        ((WEBP,), (SizeRule(width=800), SizeRule(width=400, densities=(Density(ratio=2.0),)))),
    ],
)
def test_what_only_looks_alike_passes(
    formats: tuple[FormatRule, ...], sizes: tuple[SizeRule, ...]
) -> None:
    validate(Profile(formats=formats, sizes=sizes))


def test_dense_outputs_have_their_own_lower_default_quality() -> None:
    for format in (Format.JPEG, Format.WEBP, Format.AVIF):
        rule = FormatRule(format=format)
        plain = encoder_quality(rule, Density(), ratio=1.0)
        dense = encoder_quality(rule, Density(ratio=2.0), ratio=2.0)
        assert plain is not None
        assert dense is not None
        assert dense < plain


def test_quality_of_a_density_wins_over_quality_of_the_format() -> None:
    rule = FormatRule(format=Format.WEBP, quality=90)
    assert encoder_quality(rule, Density(ratio=2.0), ratio=2.0) == 90
    assert encoder_quality(rule, Density(ratio=2.0, quality=50), ratio=2.0) == 50


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (FormatRule(format=Format.WEBP, quality=100), None),
        (FormatRule(format=Format.WEBP, lossless=True), None),
        (FormatRule(format=Format.PNG), None),
        (FormatRule(format=Format.PNG, quality=80), 80),
        (FormatRule(format=Format.AVIF, quality=100), 100),
        (FormatRule(format=Format.AVIF, lossless=True), None),
    ],
)
def test_lossless_outputs_have_no_quality(rule: FormatRule, expected: int | None) -> None:
    assert encoder_quality(rule, Density(), ratio=1.0) == expected


def test_effort_is_capped_where_it_stops_to_pay() -> None:
    assert encoder_effort(FormatRule(format=Format.AVIF, effort=9)) == 7
    assert encoder_effort(FormatRule(format=Format.WEBP, effort=9)) == 6
    assert encoder_effort(FormatRule(format=Format.AVIF)) == 3
