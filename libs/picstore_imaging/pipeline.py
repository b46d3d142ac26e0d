"""The conversion: one decode of the source, then every output from it.

Two lists of steps say all: what is done once to the source, and what is done to each output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picstore_imaging import animation, vips
from picstore_imaging.animation import Film
from picstore_imaging.blocks import Blocks
from picstore_imaging.context import OutputContext, SourceContext
from picstore_imaging.cost import estimate_cpu_ms
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.ladder import Ladder, top_of
from picstore_imaging.placeholder import placeholder_size
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
    moving = {whole_size(spec, source) for spec in specs if animated and spec.format.moves}
    still = {whole_size(spec, source) for spec in specs if not (animated and spec.format.moves)}
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
    return Decoded(ladder=ladder, film=film, blocks=context.blocks)


def make(decoded: Decoded, source: Size, spec: OutputSpec, path: Path) -> None:
    """Make one output and write it to `path`; raises `ENCODE_FAILED`."""
    whole = whole_size(spec, source)
    if decoded.film is not None and spec.format.moves:
        animation.make(decoded.film, whole, spec, path, decoded.blocks)
        return
    context = OutputContext(
        spec=spec, path=path, image=decoded.ladder.rung(whole), blocks=decoded.blocks
    )
    for step in OUTPUT_STEPS:
        step(context)


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
