"""What holds for the plan of any valid profile and any source."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picstore_imaging.formats import BEST_FIRST, Format, SourceFormat, most_widely_known
from picstore_imaging.geometry import Point, Size, resolve, scaled_size
from picstore_imaging.plan import OutputSpec, SourceFacts, plan_outputs
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
from picstore_kit.errors import InvalidFields, Reason

thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long it takes says nothing on a busy machine."""

qualities = st.none() | st.integers(1, 100)
densities = st.lists(
    st.builds(Density, ratio=st.sampled_from([1.0, 1.5, 2.0, 3.0]), quality=qualities),
    min_size=1,
    max_size=3,
    unique_by=lambda density: density.ratio,
).map(tuple)
sides = st.none() | st.integers(1, 5000)
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
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    fit=st.sampled_from([Fit.COVER, Fit.CONTAIN, Fit.FILL]),
    when=st.sampled_from(When),
    enlarge=st.just(True),
    **any_box,
)
sizes = (
    free_sizes
    | boxed_sizes
    | boxed_sizes.map(lambda rule: replace(rule, enlarge=False, when=When.ALWAYS))
)
source_formats = st.frozensets(st.sampled_from(SourceFormat), max_size=2)
formats = st.builds(
    FormatRule,
    format=st.sampled_from(Format),
    quality=qualities,
    effort=st.none() | st.integers(0, 9),
    only_from=source_formats,
    not_from=source_formats,
)
profiles = st.builds(
    Profile,
    formats=st.lists(formats, min_size=1, max_size=3).map(tuple),
    sizes=st.lists(sizes, min_size=1, max_size=4).map(tuple),
    skip_if_larger_percent=st.none() | st.integers(0, 1000),
)
points = st.none() | st.builds(Point, st.floats(0, 1), st.floats(0, 1))
sources = st.builds(
    SourceFacts,
    format=st.sampled_from([SourceFormat.JPEG, SourceFormat.PNG, SourceFormat.AVIF]),
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    has_alpha=st.booleans(),
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
        assert (spec.quality is None) == spec.lossless
        if not rule.enlarge:
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
            assert other.skipped is None
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
        if rule.enlarge or rule.width is None is rule.height:
            assert spec.density >= asked - slack, "only the end of the source makes it less"
        if spec.density < asked - slack:
            scaled = scaled_size(spec.fit, Size(spec.width, spec.height), Size(*_size(source)))
            reached = (scaled.width >= source.width - 1, scaled.height >= source.height - 1)
            assert any(reached), "it was clamped to the source"
        plain = resolve(rule, Size(*_size(source)), ratio=1.0)
        width = plain.size.width * spec.density
        assert abs(width - spec.width) <= 2 + spec.density + slack * plain.size.width


@thorough
@given(profiles.filter(is_valid), sources)
def test_conditions_alone_decide_what_is_made(profile: Profile, source: SourceFacts) -> None:
    for output in plan_outputs(profile, source):
        format, rule = profile.formats[output.format_rule], profile.sizes[output.size_rule]
        applies = format.applies_to(source.format)
        assert (output.skipped is Reason.CONDITION_NOT_MET) == (not applies)
        if output.skipped is Reason.WOULD_ENLARGE:
            assert rule.when is When.ONLY_DOWNSIZE
        if output.skipped is Reason.WOULD_REDUCE:
            assert rule.when is When.ONLY_UPSIZE
        if applies and rule.when is When.ALWAYS:
            assert output.skipped not in (Reason.WOULD_ENLARGE, Reason.WOULD_REDUCE)


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
        size = (output.spec.width, output.spec.height, output.spec.density)
        same_size = [
            o
            for o in planned
            if o.skipped is None and (o.spec.width, o.spec.height, o.spec.density) == size
        ]
        formats = {o.spec.format for o in same_size}
        fallback = most_widely_known(formats, has_alpha=source.has_alpha)
        kept = [o for o in same_size if o.spec.format is fallback]
        assert all(o.better is None for o in kept if o.spec.fit is output.spec.fit)


def _size(source: SourceFacts) -> tuple[int, int]:
    return source.width, source.height
