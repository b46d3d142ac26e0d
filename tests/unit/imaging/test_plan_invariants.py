"""What holds for the plan of any valid profile and any source."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picstore_imaging.formats import (
    ANIMATED,
    BEST_FIRST,
    PAGED,
    Format,
    SourceFormat,
    most_widely_known,
)
from picstore_imaging.geometry import Point, Size, resolve, scaled_size
from picstore_imaging.plan import OutputSpec, PlannedOutput, SourceFacts, plan_outputs
from picstore_imaging.profile import (
    Density,
    Fit,
    FormatRule,
    Gravity,
    Profile,
    SizeRule,
    When,
    validate,
)
from picstore_imaging.rules import AutoQuality, Chroma, EncoderOptions
from picstore_kit.errors import InvalidFields, Reason

thorough = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long it takes says nothing on a busy machine."""

qualities = st.none() | st.integers(1, 100)
densities = st.lists(
    st.builds(Density, ratio=st.sampled_from([1.0, 1.5, 2.0, 3.0]), quality=qualities),
    min_size=1,
    max_size=3,
    unique_by=lambda density: density.ratio,
).map(tuple)
some_sides = st.integers(1, 600) | st.integers(1, 5000)
sides = st.none() | some_sides
"""Mostly small ones, as mostly large ones would rarely be on either side of a source."""
any_box = {"gravity": st.none() | st.sampled_from(Gravity), "densities": densities}
free_sizes = st.builds(
    SizeRule,
    width=sides,
    height=sides,
    when=st.sampled_from([When.ALWAYS, When.ONLY_DOWNSIZE]),
    enlarge=st.booleans(),
    **any_box,
)
boxed_sizes = st.builds(
    SizeRule,
    width=some_sides,
    height=some_sides,
    fit=st.sampled_from([Fit.COVER, Fit.CONTAIN, Fit.FILL]),
    when=st.sampled_from(When),
    enlarge=st.just(True),
    **any_box,
)
sizes = (
    free_sizes
    | free_sizes.map(lambda rule: replace(rule, enlarge=True, when=When.ONLY_UPSIZE))
    | boxed_sizes
    | boxed_sizes.map(lambda rule: replace(rule, enlarge=False, when=When.ALWAYS))
)
no_formats: st.SearchStrategy[frozenset[SourceFormat]] = st.just(frozenset())
source_formats = no_formats | st.frozensets(st.sampled_from(SourceFormat), max_size=2)

conditions = {"only_from": source_formats, "not_from": source_formats}
efforts = st.none() | st.integers(0, 9)
wanted = st.builds(
    AutoQuality,
    target=st.floats(30, 95),
    min_quality=st.none() | st.integers(1, 40),
    max_quality=st.none() | st.integers(41, 99),
)
maybe = st.none() | st.booleans()
options = {
    Format.JPEG: st.builds(
        EncoderOptions, trellis=maybe, chroma=st.none() | st.sampled_from(Chroma)
    ),
    Format.PNG: st.builds(EncoderOptions, colours=st.sampled_from([None, 2, 4, 16, 256])),
    Format.WEBP: st.builds(EncoderOptions, near_lossless=st.none() | st.integers(0, 99)),
    Format.AVIF: st.builds(
        EncoderOptions,
        chroma=st.none() | st.sampled_from(Chroma),
        bit_depth=st.sampled_from([None, 8, 10]),
    ),
}
plain_formats = st.builds(
    FormatRule, format=st.sampled_from(Format), quality=qualities, effort=efforts, **conditions
)
lossless_formats = st.builds(
    FormatRule,
    format=st.sampled_from([Format.PNG, Format.WEBP, Format.AVIF]),
    lossless=st.just(True),
    effort=efforts,
    **conditions,
)
automatic_formats = st.builds(
    FormatRule,
    format=st.sampled_from([Format.JPEG, Format.WEBP, Format.AVIF]),
    auto_quality=wanted,
    effort=efforts,
    **conditions,
)
formats = (
    plain_formats
    | lossless_formats
    | automatic_formats
    | st.sampled_from(Format).flatmap(
        lambda format: st.builds(
            FormatRule, format=st.just(format), options=options[format], **conditions
        )
    )
)
profiles = st.builds(
    Profile,
    formats=st.lists(formats, min_size=1, max_size=3).map(tuple),
    sizes=st.lists(sizes, min_size=1, max_size=4).map(tuple),
    skip_if_larger_percent=st.none() | st.integers(0, 1000),
)
freezing = st.builds(
    Profile,
    formats=st.lists(
        st.sampled_from(
            [
                FormatRule(format=Format.AVIF, lossless=True),
                FormatRule(format=Format.AVIF),
                FormatRule(format=Format.WEBP, not_from=frozenset({SourceFormat.GIF})),
                FormatRule(format=Format.JPEG),
            ]
        ),
        min_size=2,
        max_size=4,
        unique=True,
    ).map(tuple),
    sizes=st.lists(sizes, min_size=1, max_size=2).map(tuple),
)
"""Where one still stands beside what moves: a lossless AVIF is the only one."""
points = st.none() | st.builds(Point, st.floats(0, 1), st.floats(0, 1))
sources = st.sampled_from([*SourceFormat, *sorted(ANIMATED) * 2]).flatmap(
    lambda format: st.builds(
        SourceFacts,
        format=st.just(format),
        width=st.integers(1, 1000) | st.integers(1, 20_000),
        height=st.integers(1, 1000) | st.integers(1, 20_000),
        has_alpha=st.booleans(),
        frames=st.sampled_from([1, 2, 40]) if format in ANIMATED | PAGED else st.just(1),
    )
)


def is_valid(profile: Profile) -> bool:
    try:
        validate(profile)
    except InvalidFields:
        return False
    return True


@thorough
@given(profiles.filter(is_valid), sources, points)
def test_plans_hold_their_invariants(
    profile: Profile, source: SourceFacts, point: Point | None
) -> None:
    planned = plan_outputs(profile, source, focal_point=point)
    assert planned == plan_outputs(profile, source, focal_point=point)
    assert len(planned) == len(profile.formats) * sum(len(s.densities) for s in profile.sizes)
    made = [output.spec for output in planned if output.skipped is None]
    assert len(made) == len(set(made)), "equal results are merged"
    assert len(made) == len({spec.digest() for spec in made})
    for output in planned:
        spec, rule = output.spec, profile.sizes[output.size_rule]
        scaled = scaled_size(spec.fit, Size(spec.width, spec.height), Size(*_size(source)))
        assert min(spec.width, spec.height) >= 1
        assert OutputSpec.from_json(spec.to_json()) == spec
        if spec.quality is None:
            format = profile.formats[output.format_rule]
            palette = spec.options.colours is not None
            automatic = (spec.auto_quality is None, format.auto_quality is None) == (False, False)
            nearly = spec.options.near_lossless is not None
            assert spec.lossless or palette or nearly or automatic
        else:
            assert not spec.lossless
            assert spec.auto_quality is None
        if not rule.enlarge and source.format is not SourceFormat.SVG:
            assert scaled.width <= source.width
            assert scaled.height <= source.height
        if spec.fit is Fit.COVER:
            assert scaled.width >= spec.width
            assert scaled.height >= spec.height
        if spec.fit is Fit.CONTAIN:
            assert scaled.width <= spec.width
            assert scaled.height <= spec.height
        assert (output.same_as is not None) == (output.skipped is Reason.SAME_AS_ANOTHER)
        if output.same_as is not None:
            other = planned[output.same_as]
            assert output.same_as < planned.index(output)
            assert other.skipped is None
            of_one_rule = (other.size_rule, other.format_rule) == (
                output.size_rule,
                output.format_rule,
            )
            assert of_one_rule or other.spec == spec
            assert (other.spec.width, other.spec.height) == (spec.width, spec.height)
            assert other.spec.format is spec.format


@thorough
@given(profiles.filter(is_valid), sources)
def test_densities_are_real_ones_of_their_size(profile: Profile, source: SourceFacts) -> None:
    for output in plan_outputs(profile, source):
        rule, spec = profile.sizes[output.size_rule], output.spec
        asked = rule.densities[output.density_rule].ratio
        # Densities are told in hundredths, and sides of boxes are whole pixels.
        side = min(side for side in (rule.width, rule.height, 10_000) if side is not None)
        slack = 0.0051 + 0.5 / side
        assert spec.density <= asked + slack, "none claims more than was asked for"
        drawn = source.format is SourceFormat.SVG
        if rule.enlarge or drawn or rule.width is None is rule.height:
            assert spec.density >= asked - slack, "only the end of the source makes it less"
        if spec.density < asked - slack:
            scaled = scaled_size(spec.fit, Size(spec.width, spec.height), Size(*_size(source)))
            reached = (scaled.width >= source.width - 1, scaled.height >= source.height - 1)
            assert any(reached), "it was clamped to the source"
        plain = resolve(rule, Size(*_size(source)), ratio=1.0, drawn=drawn)
        width = plain.size.width * spec.density
        assert abs(width - spec.width) <= 2 + spec.density + slack * plain.size.width


@thorough
@given(profiles.filter(is_valid), sources)
def test_conditions_alone_decide_what_is_made(profile: Profile, source: SourceFacts) -> None:
    for output in plan_outputs(profile, source):
        format, rule = profile.formats[output.format_rule], profile.sizes[output.size_rule]
        applies = format.applies_to(source.format)
        assert (output.skipped is Reason.CONDITION_NOT_MET) == (not applies)
        enlarges, reduces = _asks_to(rule, output.density_rule, source)
        assert (output.skipped is Reason.WOULD_ENLARGE) == (
            applies and enlarges and rule.when is When.ONLY_DOWNSIZE
        )
        assert (output.skipped is Reason.WOULD_REDUCE) == (
            applies and reduces and rule.when is When.ONLY_UPSIZE
        )


def _asks_to(rule: SizeRule, density: int, source: SourceFacts) -> tuple[bool, bool]:
    """Say whether a box would enlarge a source, and whether it would reduce it, side by side."""
    ratio = rule.densities[density].ratio
    sides = [
        (max(1, int(side * ratio + 0.5)), of_source)
        for side, of_source in zip((rule.width, rule.height), _size(source), strict=True)
        if side is not None
    ]
    larger = [side > of_source for side, of_source in sides]
    smaller = [side < of_source for side, of_source in sides]
    if not sides:
        return False, False
    if rule.fit in (Fit.INSIDE, Fit.CONTAIN):
        return all(larger), any(smaller)
    return any(larger), all(smaller)


@thorough
@given(profiles.filter(is_valid), sources)
def test_a_rule_makes_no_size_twice_for_its_densities(
    profile: Profile, source: SourceFacts
) -> None:
    made: dict[tuple[int, int, int, int], int] = {}
    for index, output in enumerate(plan_outputs(profile, source)):
        spec = output.spec
        place = (output.size_rule, output.format_rule, spec.width, spec.height)
        if output.skipped is None:
            assert place not in made
            made[place] = index
        elif output.skipped is Reason.SAME_AS_ANOTHER:
            assert output.same_as == made.get(place, output.same_as)


@thorough
@given((freezing | profiles).filter(is_valid), sources)
def test_no_still_stands_before_what_moves(profile: Profile, source: SourceFacts) -> None:
    planned = plan_outputs(profile, source)
    rank = BEST_FIRST.index
    moving = [
        rank(rule.format)
        for rule in profile.formats
        if rule.applies_to(source.format) and rule.moves
    ]
    for output in planned:
        may_freeze = source.animated and any(rank(output.spec.format) <= other for other in moving)
        if output.skipped is Reason.WOULD_FREEZE:
            assert may_freeze
            assert not output.spec.moves
        if output.skipped is None and not output.spec.moves:
            assert not may_freeze


def test_the_examples_meet_every_reason() -> None:
    """Else nothing above would say much."""
    met: Counter[Reason | None] = Counter()

    @settings(thorough, derandomize=True)
    @given((freezing | profiles).filter(is_valid), sources)
    def count(profile: Profile, source: SourceFacts) -> None:
        met.update(output.skipped for output in plan_outputs(profile, source))

    count()
    assert met.keys() == {
        None,
        Reason.CONDITION_NOT_MET,
        Reason.WOULD_ENLARGE,
        Reason.WOULD_REDUCE,
        Reason.WOULD_FREEZE,
        Reason.SAME_AS_ANOTHER,
        Reason.LIMIT_SIDE,
        Reason.LIMIT_PIXELS,
    }


@thorough
@given(profiles.filter(is_valid), sources)
def test_every_size_keeps_a_format_that_is_compared_with_none(
    profile: Profile, source: SourceFacts
) -> None:
    planned = plan_outputs(profile, source)
    for output in planned:
        if output.better is None:
            continue
        better = planned[output.better]
        assert profile.skip_if_larger_percent is not None
        assert output.skipped is None is better.skipped
        assert (better.spec.width, better.spec.height, better.spec.density) == (
            output.spec.width,
            output.spec.height,
            output.spec.density,
        )
        order = BEST_FIRST.index
        assert order(better.spec.format) < order(output.spec.format)
        same = [o for o in planned if o.skipped is None and _shown(o) == _shown(output)]
        formats = {o.spec.format for o in same}
        fallback = most_widely_known(formats, has_alpha=source.has_alpha)
        assert all(o.better is None for o in same if o.spec.format is fallback)


def _shown(output: PlannedOutput) -> tuple[object, ...]:
    """What of the picture an output shows, and how large."""
    spec = output.spec
    return spec.width, spec.height, spec.density, spec.fit, spec.gravity, spec.focal_point


def _size(source: SourceFacts) -> tuple[int, int]:
    return source.width, source.height
