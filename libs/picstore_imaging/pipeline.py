"""The conversion: one decode of the source, then every output from it.

Two lists of steps say all: what is done once to the source, and what is done to each output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from picstore_imaging import vips
from picstore_imaging.context import OutputContext, SourceContext
from picstore_imaging.cost import estimate_cpu_ms
from picstore_imaging.facts import Probe
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.ladder import Ladder, top_of
from picstore_imaging.placeholder import placeholder_size
from picstore_imaging.spec import OutputSpec
from picstore_imaging.steps.colour import colour
from picstore_imaging.steps.crop import crop
from picstore_imaging.steps.encode import encode
from picstore_imaging.steps.flatten import flatten
from picstore_imaging.steps.load import load
from picstore_imaging.steps.opaque import drop_opaque_alpha
from picstore_imaging.steps.orient import orient
from picstore_imaging.steps.pad import pad
from picstore_imaging.steps.scale import scale
from picstore_imaging.steps.settle import settle

SOURCE_STEPS: Final[tuple[Callable[[SourceContext], None], ...]] = (
    load,
    scale,
    colour,
    settle,
    drop_opaque_alpha,
    orient,
)
OUTPUT_STEPS: Final[tuple[Callable[[OutputContext], None], ...]] = (
    crop,
    flatten,
    pad,
    encode,
)


def decode(path: Path, probe: Probe, specs: Sequence[OutputSpec]) -> Ladder:
    """Decode a probed source once, no larger than needed, and make every size that is needed.

    Raises `IMAGE_CORRUPT`.
    """
    source = Size(probe.width, probe.height)
    sizes = {placeholder_size(source), *(whole_size(spec, source) for spec in specs)}
    context = SourceContext(path=path, probe=probe, size=top_of(sizes, source))
    with vips.corrupt_on_error():
        for step in SOURCE_STEPS:
            step(context)
        ladder = Ladder(context.image)
        ladder.build(sizes)
    return ladder


def make(ladder: Ladder, source: Size, spec: OutputSpec, path: Path) -> None:
    """Make one output and write it to `path`; raises `ENCODE_FAILED`."""
    context = OutputContext(spec=spec, path=path, image=ladder.rung(whole_size(spec, source)))
    for step in OUTPUT_STEPS:
        step(context)


def whole_size(spec: OutputSpec, source: Size) -> Size:
    """To which size the whole picture is scaled for an output, before it is cropped or padded."""
    return scaled_size(spec.fit, Size(spec.width, spec.height), source)


def cheap_first(specs: Sequence[OutputSpec]) -> list[int]:
    """Order outputs, as indexes, so that a page has its first pictures soonest."""
    return sorted(range(len(specs)), key=lambda index: estimate_cpu_ms(specs[index]))
