"""From a profile and a source to the outputs: each with its spec, or skipped with the reason.

`plan_outputs` is deterministic, so a spec's digest names the same pixels for ever and an output
whose spec and source are unchanged is carried over instead of made again.
Pure: importable by every process.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Final

from picstore_imaging.cost import estimate_cpu_ms, estimate_memory_bytes, is_dear
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import BEST_FIRST, Format, SourceFormat, most_widely_known
from picstore_imaging.geometry import (
    MAX_OUTPUT_PIXELS,
    Point,
    Size,
    Target,
    plain_fit,
    resolve,
    scaled_size,
)
from picstore_imaging.profile import Cell, Profile, expand
from picstore_imaging.quality import (
    automatic_quality,
    encoder_effort,
    encoder_quality,
    keeps_pixels,
)
from picstore_imaging.rules import ColourPolicy, Fit, GainMapPolicy, Gravity, When
from picstore_imaging.spec import OutputSpec
from picstore_kit.errors import Reason

__all__ = [
    "OutputSpec",
    "PlannedOutput",
    "SourceFacts",
    "estimate_cpu_ms",
    "estimate_memory_bytes",
    "is_dear",
    "plan_outputs",
]

_MIDDLE: Final = Point(0.5, 0.5)
_PLACES: Final = 4
"""Decimals of a focal point: less than two pixels of the longest side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutput:
    """One place of the profile's expansion, resolved for a source."""

    spec: OutputSpec
    """What it is, or would have been."""
    size_rule: int
    """Index into `Profile.sizes`."""
    density_rule: int
    """Index into `SizeRule.densities`."""
    format_rule: int
    """Index into `Profile.formats`."""
    skipped: Reason | None = None
    """Why it is not made: `CONDITION_NOT_MET`, `WOULD_ENLARGE`, `WOULD_REDUCE`, `LIMIT_SIDE`,
    `LIMIT_PIXELS`, `WOULD_FREEZE`, `SAME_AS_ANOTHER`."""
    same_as: int | None = None
    """With `SAME_AS_ANOTHER`: the index, in the plan, of the output that stands for this one."""
    better: int | None = None
    """Where this one is of no use if it is larger by `Profile.skip_if_larger_percent`: the index,
    in the plan, of the one of the next better format."""


def plan_outputs(
    profile: Profile, source: SourceFacts, *, focal_point: Point | None = None
) -> tuple[PlannedOutput, ...]:
    """Resolve a valid profile, in its order: sizes, then densities, then formats.

    Equal results are merged: the first is made, each later one is skipped with `SAME_AS_ANOTHER`
    and points at it. Equal are equal specs; and, within one size rule and format, a density for
    which the source has no more pixels than for another one, whatever their qualities.

    A size without a gravity keeps the focal point in view, where there is one.
    """
    planned: list[PlannedOutput] = []
    made: dict[OutputSpec, int] = {}
    made_of_rule: dict[tuple[int, int, Size], int] = {}
    for cell in expand(profile):
        target = _target(cell, source, ratio=cell.density.ratio)
        spec = _spec(profile, cell, source, target, focal_point)
        rule_key = (cell.size_rule, cell.format_rule, target.size)
        skipped = _obstacle(cell, source, target)
        if skipped is None and not spec.moves and _freezes(profile, spec, source):
            skipped = Reason.WOULD_FREEZE
        same_as = made.get(spec, made_of_rule.get(rule_key)) if skipped is None else None
        if same_as is not None:
            skipped = Reason.SAME_AS_ANOTHER
        if skipped is None:
            made[spec] = made_of_rule[rule_key] = len(planned)
        planned.append(
            PlannedOutput(
                spec=spec,
                size_rule=cell.size_rule,
                density_rule=cell.density_rule,
                format_rule=cell.format_rule,
                skipped=skipped,
                same_as=same_as,
            )
        )
    return tuple(planned if profile.skip_if_larger_percent is None else _compared(planned, source))


def _compared(planned: list[PlannedOutput], source: SourceFacts) -> list[PlannedOutput]:
    """Name the better format of each output that may turn out to be of no use.

    Compared are outputs of one size, density and crop that are made. The best has none to be
    compared with, and the one that the most browsers know is kept whatever its size.
    """
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, output in enumerate(planned):
        spec = output.spec
        if output.skipped is None:
            crop = (spec.fit, spec.gravity, spec.focal_point)
            groups[(spec.width, spec.height, spec.density, *crop)].append(index)
    compared = list(planned)
    for group in groups.values():
        by_format = {planned[index].spec.format: index for index in reversed(group)}
        fallback = most_widely_known(by_format, has_alpha=source.has_alpha)
        better: int | None = None
        for format in BEST_FIRST:
            for index in group:
                if planned[index].spec.format is format and format is not fallback:
                    compared[index] = replace(planned[index], better=better)
            better = by_format.get(format, better)
    return compared


def _obstacle(cell: Cell, source: SourceFacts, target: Target) -> Reason | None:
    """Say why a cell is not made of this source, leaving repetitions aside."""
    width, height = target.size
    if not cell.format.applies_to(source.format):
        return Reason.CONDITION_NOT_MET
    if cell.size.when is When.ONLY_DOWNSIZE and target.asked_scale > 1:
        return Reason.WOULD_ENLARGE
    if cell.size.when is When.ONLY_UPSIZE and target.asked_scale < 1:
        return Reason.WOULD_REDUCE
    if max(width, height) > cell.format.format.max_side:
        return Reason.LIMIT_SIDE
    # What COVER cuts off counts as well: of 3,000x2 px, a box of 300x300 shows 1/1,500.
    whole = scaled_size(cell.size.fit, target.size, Size(source.width, source.height))
    if whole.width * whole.height > MAX_OUTPUT_PIXELS:
        return Reason.LIMIT_PIXELS
    return None


def _freezes(profile: Profile, spec: OutputSpec, source: SourceFacts) -> bool:
    """Whether pages would take this still of an animation before, or among, what moves."""
    return source.animated and any(
        BEST_FIRST.index(rule.format) >= BEST_FIRST.index(spec.format)
        for rule in profile.formats
        if rule.moves and rule.applies_to(source.format)
    )


def _spec(
    profile: Profile, cell: Cell, source: SourceFacts, target: Target, focal_point: Point | None
) -> OutputSpec:
    format = cell.format.format
    source_size = Size(source.width, source.height)
    fit = plain_fit(cell.size.fit, target.size, source_size)
    placed = fit in (Fit.COVER, Fit.CONTAIN)
    density = _real_density(cell, source, target)
    quality = encoder_quality(cell.format, cell.density, ratio=density)
    wanted = automatic_quality(cell.format, cell.density, ratio=density)
    point = None
    if placed and cell.size.gravity is None and focal_point is not None:
        point = Point(round(focal_point.x, _PLACES), round(focal_point.y, _PLACES))
    shows_background = fit is Fit.CONTAIN or (source.has_alpha and not format.has_alpha)
    return OutputSpec(
        format=format,
        width=target.size.width,
        height=target.size.height,
        fit=fit,
        gravity=(cell.size.gravity if placed else None) or Gravity.CENTRE,
        density=density,
        quality=quality,
        lossless=wanted is None and keeps_pixels(cell.format, quality),
        effort=encoder_effort(cell.format),
        background=profile.background.lower() if shows_background else None,
        options=cell.format.options,
        focal_point=None if point == _MIDDLE else point,
        metadata=profile.metadata,
        keep_gps=profile.keep_gps,
        wide_gamut=profile.colour is ColourPolicy.KEEP_WIDE,
        auto_quality=wanted,
        keep_gain_map=(
            profile.gain_map is GainMapPolicy.KEEP
            and format is Format.JPEG
            and source.format is SourceFormat.JPEG
        ),
    )


def _target(cell: Cell, source: SourceFacts, *, ratio: float) -> Target:
    drawn = source.format is SourceFormat.SVG
    return resolve(cell.size, Size(source.width, source.height), ratio=ratio, drawn=drawn)


def _real_density(cell: Cell, source: SourceFacts, target: Target) -> float:
    """Say how dense the output really is: a source of 1,200 px fills a 2x of 800 px only to 1.5.

    In hundredths, so that it reads well in a `srcset` descriptor.
    """
    base = _target(cell, source, ratio=1.0)
    return round(target.scale / base.scale, 2)
