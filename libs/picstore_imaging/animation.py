"""An animation: every frame scaled for each output that can move, its times kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyvips

from picstore_imaging import vips
from picstore_imaging.blocks import Blocks
from picstore_imaging.context import OutputContext, SourceContext
from picstore_imaging.facts import Probe
from picstore_imaging.geometry import Size
from picstore_imaging.spec import OutputSpec
from picstore_imaging.steps.colour import colour
from picstore_imaging.steps.crop import crop
from picstore_imaging.steps.encode import encode
from picstore_imaging.steps.flatten import flatten
from picstore_imaging.steps.gamut import gamut
from picstore_imaging.steps.orient import orient
from picstore_imaging.steps.pad import pad
from picstore_imaging.steps.scale import described, scale, scaled
from picstore_imaging.steps.settle import settle

_FRAME_STEPS: Final[tuple[Callable[[SourceContext], None], ...]] = (scale, colour, settle, orient)
_FITTING_STEPS: Final[tuple[Callable[[OutputContext], None], ...]] = (crop, gamut, flatten, pad)

_DEFAULT_DELAY_MS: Final = 100
"""What browsers take where a file gives no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """The frames, upright in sRGB and in memory, and how they follow each other."""

    frames: Sequence[pyvips.Image]
    delays_ms: Sequence[int]
    """How long each is shown."""
    loop: int
    """How often they are shown; 0 for ever."""
    steps: Sequence[str] = ()
    """What was done to the first, and so to each of them."""


def decode(path: Path, probe: Probe, size: Size, *, wide_gamut: bool = False) -> Film:
    """Decode every frame of an animation and bring it to `size`; raises `pyvips.Error`."""
    # Frames build on those before, so they are decoded once and in their order: as one tall strip.
    strip = vips.open_image(path, probe.format, n=-1).copy_memory()
    height = strip.get("page-height")
    frames: list[pyvips.Image] = []
    steps: list[str] = [f"load {probe.format.value} {probe.width}x{probe.height}"]
    for top in range(0, strip.height, height):
        context = SourceContext(
            path=path,
            probe=probe,
            size=size,
            wide_gamut=wide_gamut,
            image=strip.crop(0, top, strip.width, height),
        )
        for step in _FRAME_STEPS:
            step(context)
        if not frames:
            steps.extend(context.done)
        frames.append(context.image)
    fields = frozenset(strip.get_fields())
    delays = list(strip.get("delay"))[: len(frames)] if "delay" in fields else []
    delays += [_DEFAULT_DELAY_MS] * (len(frames) - len(delays))
    loop = strip.get("loop") if "loop" in fields else 0
    steps.insert(1, f"{len(frames)} frames")
    return Film(frames=frames, delays_ms=delays, loop=loop, steps=steps)


def make(
    film: Film,
    whole: Size,
    spec: OutputSpec,
    path: Path,
    blocks: Blocks,
    *,
    start_quality: int | None = None,
) -> OutputContext:
    """Make one output that moves, each frame scaled to `whole`, and return what was done to one.

    Raises `ENCODE_FAILED`.
    """
    context = OutputContext(
        spec=spec, path=path, image=None, blocks=blocks, start_quality=start_quality
    )
    fitted = []
    with vips.encode_failed_on_error():
        for frame in film.frames:
            size = Size(frame.width, frame.height)
            # The same is done to every frame; the recipe has it once.
            context.done = [described(size, whole)] if size != whole else []
            context.image = scaled(frame, whole)
            for step in _FITTING_STEPS:
                step(context)
            fitted.append(context.image)
        strip = pyvips.Image.arrayjoin(fitted, across=1).copy()
        strip.set_type(pyvips.GValue.gint_type, "page-height", spec.height)
        strip.set_type(pyvips.GValue.array_int_type, "delay", list(film.delays_ms))
        strip.set_type(pyvips.GValue.gint_type, "loop", film.loop)
    context.image = strip
    encode(context)
    return context
