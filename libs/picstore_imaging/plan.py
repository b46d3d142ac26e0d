"""From a profile and a source to the outputs: each with its spec, or skipped with the reason.

`plan_outputs` is deterministic, so a spec's digest names the same pixels for ever and an output
whose spec and source are unchanged is carried over instead of made again.
Pure: importable by every process.
"""

from __future__ import annotations

from dataclasses import dataclass

from picstore_imaging.cost import estimate_cpu_ms, estimate_memory_bytes, is_dear
from picstore_imaging.facts import SourceFacts
from picstore_imaging.geometry import (
    MAX_OUTPUT_PIXELS,
    Size,
    Target,
    plain_fit,
    resolve,
    scaled_size,
)
from picstore_imaging.profile import Cell, Profile, expand
from picstore_imaging.quality import encoder_effort, encoder_quality
from picstore_imaging.rules import Fit, Gravity, When
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
    `LIMIT_PIXELS`, `SAME_AS_ANOTHER`."""
    same_as: int | None = None
    """With `SAME_AS_ANOTHER`: the index, in the plan, of the output that stands for this one."""


def plan_outputs(profile: Profile, source: SourceFacts) -> tuple[PlannedOutput, ...]:
    """Resolve a valid profile, in its order: sizes, then densities, then formats.

    Equal results are merged: the first is made, each later one is skipped with `SAME_AS_ANOTHER`
    and points at it. Equal are equal specs; and, within one size rule and format, a density for
    which the source has no more pixels than for another one, whatever their qualities.
    """
    planned: list[PlannedOutput] = []
    made: dict[OutputSpec, int] = {}
    made_of_rule: dict[tuple[int, int, Size], int] = {}
    for cell in expand(profile):
        target = resolve(cell.size, Size(source.width, source.height), ratio=cell.density.ratio)
        spec = _spec(profile, cell, source, target)
        rule_key = (cell.size_rule, cell.format_rule, target.size)
        skipped = _obstacle(cell, source, target)
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
    return tuple(planned)


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


def _spec(profile: Profile, cell: Cell, source: SourceFacts, target: Target) -> OutputSpec:
    format = cell.format.format
    source_size = Size(source.width, source.height)
    fit = plain_fit(cell.size.fit, target.size, source_size)
    placed = fit in (Fit.COVER, Fit.CONTAIN)
    density = _real_density(cell, source_size, target)
    quality = encoder_quality(cell.format, cell.density, ratio=density)
    shows_background = fit is Fit.CONTAIN or (source.has_alpha and not format.has_alpha)
    return OutputSpec(
        format=format,
        width=target.size.width,
        height=target.size.height,
        fit=fit,
        gravity=cell.size.gravity if placed else Gravity.CENTRE,
        density=density,
        quality=quality,
        lossless=quality is None,
        effort=encoder_effort(cell.format),
        background=profile.background.lower() if shows_background else None,
    )


def _real_density(cell: Cell, source: Size, target: Target) -> float:
    """Say how dense the output really is: a source of 1,200 px fills a 2x of 800 px only to 1.5.

    In hundredths, so that it reads well in a `srcset` descriptor.
    """
    base = resolve(cell.size, source, ratio=1.0)
    return round(target.scale / base.scale, 2)
