"""The conversion: one decode of the source, then every output from it.

Two lists of steps say all: what is done once to the source, and what is done to each output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from picstore_imaging import animation, gain_map, vips
from picstore_imaging.animation import Film
from picstore_imaging.blocks import Blocks
from picstore_imaging.context import OutputContext, SourceContext
from picstore_imaging.cost import estimate_cpu_ms
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.gain_map import GainMap
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.ladder import Ladder, top_of
from picstore_imaging.placeholder import placeholder_size
from picstore_imaging.recipe import MAX_STEP, MAX_STEPS, Recipe, printable
from picstore_imaging.spec import OutputSpec
from picstore_imaging.steps.colour import colour
from picstore_imaging.steps.crop import crop
from picstore_imaging.steps.encode import encode
from picstore_imaging.steps.flatten import flatten
from picstore_imaging.steps.gamut import gamut
from picstore_imaging.steps.load import load
from picstore_imaging.steps.opaque import drop_opaque_alpha
from picstore_imaging.steps.orient import orient
from picstore_imaging.steps.pad import pad
from picstore_imaging.steps.read_blocks import read_blocks
from picstore_imaging.steps.scale import scale
from picstore_imaging.steps.settle import settle
from picstore_imaging.steps.shallow import shallow

SOURCE_STEPS: Final[tuple[Callable[[SourceContext], None], ...]] = (
    load,
    read_blocks,
    scale,
    colour,
    settle,
    drop_opaque_alpha,
    orient,
)
OUTPUT_STEPS: Final[tuple[Callable[[OutputContext], None], ...]] = (
    shallow,
    crop,
    gamut,
    flatten,
    pad,
    encode,
)

_BYTE: Final = 8
"""Bits; a source with more stays deep where an output does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A source in memory."""

    ladder: Ladder
    """Of the picture, or of an animation's first frame."""
    film: Film | None
    """Where it is an animation and an output moves."""
    blocks: Blocks
    """The metadata of the file."""
    steps: tuple[str, ...] = ()
    """What was done until the top of the ladder was there."""
    gain_map: GainMap | None = None
    """Where the source has one and an output keeps it."""

    @property
    def frames(self) -> int:
        """How many frames an output has that moves."""
        return 1 if self.film is None else len(self.film.frames)


def decode(path: Path, probe: Probe, specs: Sequence[OutputSpec]) -> Decoded:
    """Decode a probed source once, no larger than needed, and make every size that is needed.

    The frames of an animation are decoded beside its first one, for the outputs that move. Raises
    `IMAGE_CORRUPT`.
    """
    source = Size(probe.width, probe.height)
    animated = probe.facts().animated
    moving = {whole_size(spec, source) for spec in specs if animated and spec.moves}
    still = {whole_size(spec, source) for spec in specs if not (animated and spec.moves)}
    drawn = probe.format is SourceFormat.SVG
    wide = any(spec.wide_gamut for spec in specs)
    context = SourceContext(
        path=path,
        probe=probe,
        # The placeholder's rung is made when that is.
        size=top_of(still | {placeholder_size(source)}, source, drawn=drawn),
        deep=probe.bit_depth > _BYTE and any(spec.deep for spec in specs),
        wide_gamut=wide,
    )
    with vips.corrupt_on_error():
        for step in SOURCE_STEPS:
            step(context)
        ladder = Ladder(context.image)
        ladder.build(still)
        film = None
        if moving:
            film = animation.decode(path, probe, top_of(moving, source), wide_gamut=wide)
    gain = gain_map.read(path, probe) if any(spec.keep_gain_map for spec in specs) else None
    return Decoded(
        ladder=ladder,
        film=film,
        blocks=context.blocks,
        steps=tuple(context.done),
        gain_map=gain,
    )


def make(
    decoded: Decoded,
    source: Size,
    spec: OutputSpec,
    path: Path,
    *,
    start_quality: int | None = None,
) -> Recipe:
    """Make one output, write it to `path` and say how, but not what it cost.

    Where its quality is searched for, that begins at `start_quality`. Raises `ENCODE_FAILED`.
    """
    whole = whole_size(spec, source)
    if decoded.film is not None and spec.moves:
        made = animation.make(
            decoded.film, whole, spec, path, decoded.blocks, start_quality=start_quality
        )
        return recipe_of(made, decoded.film.steps)
    context = OutputContext(
        spec=spec,
        path=path,
        image=decoded.ladder.rung(whole),
        blocks=decoded.blocks,
        start_quality=start_quality,
    )
    for step in OUTPUT_STEPS:
        step(context)
    if decoded.gain_map is not None and spec.keep_gain_map:
        with vips.encode_failed_on_error():
            gain_map.join(decoded.gain_map, context, whole)
            context.done.append("gain map")
    return recipe_of(context, (*decoded.steps, *decoded.ladder.steps(whole)))


def recipe_of(made: OutputContext, before: Sequence[str]) -> Recipe:
    """Return the recipe of an output that is written; `before` is what was done to its source."""
    assert made.encoder is not None  # the last step has run
    steps = (*before, *made.done)[:MAX_STEPS]
    recipe = Recipe(
        steps=tuple(printable(step, MAX_STEP) for step in steps),
        encoder=printable(made.encoder.name),
        encoder_version=printable(made.encoder.version),
        quality=made.spec.quality,
        effort=made.spec.effort,
    )
    if (sought := made.sought) is None:
        return recipe
    return replace(
        recipe,
        quality=sought.quality,
        metric=sought.metric.value,
        score=sought.score,
        encodes=sought.encodes,
        start_quality=sought.start,
    )


def whole_size(spec: OutputSpec, source: Size) -> Size:
    """To which size the whole picture is scaled for an output, before it is cropped or padded."""
    return scaled_size(spec.fit, Size(spec.width, spec.height), source)


def cheap_first(
    specs: Sequence[OutputSpec], frames: int, after: Mapping[int, int] | None = None
) -> list[int]:
    """Order outputs, as indexes, so that a page has its first pictures soonest.

    One that is `after` another, which is not after it in turn, waits for it.
    """
    after = after or {}

    def key(index: int) -> tuple[float, int]:
        cost, waits = estimate_cpu_ms(specs[index], frames=frames), 0
        while index in after and waits < len(specs):
            index, waits = after[index], waits + 1
            cost = max(cost, estimate_cpu_ms(specs[index], frames=frames))
        return cost, waits

    return sorted(range(len(specs)), key=key)
