"""Conversion profiles: which formats in which sizes, and whether such a wish makes sense.

A profile expands to sizes x densities x formats; `plan` resolves it against one source.
Pure: importable by every process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from picstore_imaging.formats import MAX_SIDE, Format, SourceFormat
from picstore_imaging.geometry import MAX_OUTPUT_PIXELS, scale_box
from picstore_imaging.options import auto_quality_violations, options_violations
from picstore_imaging.quality import automatic_quality, encoder_effort, encoder_quality
from picstore_imaging.rules import (
    AutoQuality,
    ColourPolicy,
    Density,
    Fit,
    FormatRule,
    GainMapPolicy,
    Gravity,
    MetadataPolicy,
    Metric,
    SizeRule,
    When,
)
from picstore_kit.errors import FieldViolation, InvalidFields

__all__ = [
    "AutoQuality",
    "Cell",
    "ColourPolicy",
    "Density",
    "Fit",
    "FormatRule",
    "GainMapPolicy",
    "Gravity",
    "MetadataPolicy",
    "Metric",
    "Profile",
    "SizeRule",
    "When",
    "expand",
    "validate",
]

MAX_OUTPUTS: Final = 200
MAX_DENSITIES: Final = 4
MAX_RATIO: Final = 4.0
MAX_LARGER_PERCENT: Final = 1000

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is to be made of a picture."""

    formats: tuple[FormatRule, ...]
    sizes: tuple[SizeRule, ...]
    background: str = "#ffffff"
    """`#rrggbb`, under what is transparent in a format without alpha, and around `CONTAIN`."""
    metadata: MetadataPolicy = MetadataPolicy.STRIP
    keep_gps: bool = False
    """Whether the place stays among what `KEEP_ALL` keeps."""
    colour: ColourPolicy = ColourPolicy.SRGB
    gain_map: GainMapPolicy = GainMapPolicy.DROP
    skip_if_larger_percent: int | None = None
    """How much larger than the next better format of its size an output may be, in percent; what is
    larger is not kept. None for any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of the expansion: indexes into the profile, and what stands there."""

    size_rule: int
    density_rule: int
    format_rule: int
    size: SizeRule
    density: Density
    format: FormatRule


def expand(profile: Profile) -> Iterator[Cell]:
    """Go through sizes, then densities, then formats, each in the profile's order."""
    for size_rule, size in enumerate(profile.sizes):
        for density_rule, density in enumerate(size.densities):
            for format_rule, format in enumerate(profile.formats):
                yield Cell(
                    size_rule=size_rule,
                    density_rule=density_rule,
                    format_rule=format_rule,
                    size=size,
                    density=density,
                    format=format,
                )


def validate(profile: Profile) -> None:
    """Raise `InvalidFields` that names every wrong field, with paths such as `sizes[2].width`."""
    violations = list(_violations(profile))
    if not violations:
        violations = list(_repetitions(profile))
    if violations:
        raise InvalidFields(
            [FieldViolation(field=field, description=text) for field, text in violations]
        )


def _violations(profile: Profile) -> Iterator[tuple[str, str]]:
    if not profile.formats:
        yield "formats", "must name at least one format"
    if not profile.sizes:
        yield "sizes", "must name at least one size"
    outputs = len(profile.formats) * sum(len(size.densities) for size in profile.sizes)
    if outputs > MAX_OUTPUTS:
        yield "sizes", f"make {outputs} outputs of each picture, at most {MAX_OUTPUTS} are allowed"
    for index, rule in enumerate(profile.formats):
        yield from _format_violations(f"formats[{index}]", rule)
    max_side = min((MAX_SIDE, *(rule.format.max_side for rule in profile.formats)))
    for index, size in enumerate(profile.sizes):
        yield from _size_violations(f"sizes[{index}]", size, max_side)
    if not _COLOUR.fullmatch(profile.background):
        yield "background", "must be a colour such as #ffffff"
    if profile.keep_gps and profile.metadata is not MetadataPolicy.KEEP_ALL:
        yield "keep_gps", "must be false where metadata is not keep_all"
    percent = profile.skip_if_larger_percent
    if percent is not None and not 0 <= percent <= MAX_LARGER_PERCENT:
        yield "skip_if_larger_percent", f"must be 0 to {MAX_LARGER_PERCENT}"


def _format_violations(path: str, rule: FormatRule) -> Iterator[tuple[str, str]]:
    if rule.quality is not None and not 1 <= rule.quality <= 100:
        yield f"{path}.quality", "must be 1 to 100"
    if rule.effort is not None and not 0 <= rule.effort <= 9:
        yield f"{path}.effort", "must be 0 to 9"
    if rule.lossless and rule.format is Format.JPEG:
        yield f"{path}.lossless", "must be false: JPEG has no lossless mode"
    elif rule.lossless and rule.quality not in (None, 100):
        yield f"{path}.quality", "must not be given beside lossless"
    yield from options_violations(path, rule)
    yield from auto_quality_violations(path, rule)
    if rule.only_from and not rule.only_from - rule.not_from:
        yield f"{path}.not_from", "must leave a format that only_from names"


def _size_violations(path: str, size: SizeRule, max_side: int) -> Iterator[tuple[str, str]]:
    for name, side in (("width", size.width), ("height", size.height)):
        if side is not None and not 1 <= side <= max_side:
            yield f"{path}.{name}", f"must be 1 to {max_side}"
        if side is None and size.fit is not Fit.INSIDE:
            yield f"{path}.{name}", f"must be given where fit is {size.fit}"
    if size.when is When.ONLY_UPSIZE and not size.enlarge:
        yield f"{path}.enlarge", "must be true where when is only_upsize"
    yield from _density_violations(path, size, max_side)


def _density_violations(path: str, size: SizeRule, max_side: int) -> Iterator[tuple[str, str]]:
    if not 1 <= len(size.densities) <= MAX_DENSITIES:
        yield f"{path}.densities", f"must be 1 to {MAX_DENSITIES}"
    seen: set[float] = set()
    for index, density in enumerate(size.densities[:MAX_DENSITIES]):
        if density.quality is not None and not 1 <= density.quality <= 100:
            yield f"{path}.densities[{index}].quality", "must be 1 to 100"
        field = f"{path}.densities[{index}].ratio"
        if not 1 <= density.ratio <= MAX_RATIO:
            yield field, f"must be 1 to {MAX_RATIO:g}"
            continue
        if density.ratio in seen:
            yield field, f"must not repeat {density.ratio:g}"
        seen.add(density.ratio)
        width, height = scale_box(size.width, size.height, density.ratio)
        if density.ratio > 1 and width is None and height is None:
            yield field, "must be 1 where neither width nor height is given"
        elif density.ratio > 1 and max(width or 1, height or 1) > max_side:
            yield field, f"makes a side of {max(width or 1, height or 1)} px, over {max_side}"
        elif size.fit is not Fit.INSIDE and (width or 1) * (height or 1) > MAX_OUTPUT_PIXELS:
            yield field, f"makes {width} x {height} px, over {MAX_OUTPUT_PIXELS} pixels"


def _repetitions(profile: Profile) -> Iterator[tuple[str, str]]:
    """Find cells that would make the same output of some source."""
    first: dict[tuple[object, ...], list[Cell]] = {}
    told: set[str] = set()
    for cell in expand(profile):
        key = (
            cell.format.format,
            encoder_quality(cell.format, cell.density, ratio=cell.density.ratio),
            encoder_effort(cell.format),
            cell.format.options,
            automatic_quality(cell.format, cell.density, ratio=cell.density.ratio),
            scale_box(cell.size.width, cell.size.height, cell.density.ratio),
            cell.density.ratio,
            cell.size.fit,
            (cell.size.gravity or Gravity.CENTRE) if _is_placed(cell.size) else None,
        )
        for other in first.get(key, ()):
            if not _may_meet(cell, other):
                continue
            same_size = cell.size_rule == other.size_rule
            kind = "formats" if same_size else "sizes"
            mine = cell.format_rule if same_size else cell.size_rule
            theirs = other.format_rule if same_size else other.size_rule
            if (field := f"{kind}[{mine}]") not in told:
                told.add(field)
                yield field, f"makes the same output as {kind}[{theirs}]"
        first.setdefault(key, []).append(cell)


def _is_placed(size: SizeRule) -> bool:
    return size.fit in (Fit.COVER, Fit.CONTAIN)


def _may_meet(one: Cell, other: Cell) -> bool:
    """Whether some source passes the conditions of both."""
    sizes_meet = {one.size.when, other.size.when} != {When.ONLY_DOWNSIZE, When.ONLY_UPSIZE}
    return sizes_meet and any(
        one.format.applies_to(source) and other.format.applies_to(source) for source in SourceFormat
    )
