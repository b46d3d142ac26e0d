"""An animation: every frame scaled for each output that can move, its times kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyvips

from picstore_imaging import apng, canvas, vips
from picstore_imaging.blocks import ICC, ORIENTATION, Blocks, describe
from picstore_imaging.context import OutputContext, SourceContext
from picstore_imaging.encoders import avif_film
from picstore_imaging.encoders.automatic import find_quality_of
from picstore_imaging.encoders.used import EncoderUsed
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.geometry import Size
from picstore_imaging.integrity.verdict import parts
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
_MAX_DELAY_MS: Final = 3_600_000
"""An hour; encoders add up all of them in 31 bits."""
_MAX_LOOP: Final = 65_535
"""As often as a GIF or a WebP can say; an APNG can say more."""

_OPAQUE: Final = 255
_WEBP_FLAGS: Final = 20
"""Where they are in the file."""
_WEBP_ALPHA: Final = 0x10


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
    reel = _apng(path) if probe.format is SourceFormat.PNG else _strip(path, probe.format)
    frames: list[pyvips.Image] = []
    steps: list[str] = [f"load {probe.format.value} {probe.width}x{probe.height}"]
    for image in reel.images:
        context = SourceContext(
            path=path, probe=probe, size=size, wide_gamut=wide_gamut, image=image
        )
        for step in _FRAME_STEPS:
            step(context)
        if not frames:
            steps.extend(context.done)
        frames.append(context.image)
    delays = list(reel.delays_ms[: len(frames)])
    delays += [_DEFAULT_DELAY_MS] * (len(frames) - len(delays))
    delays = [min(delay, _MAX_DELAY_MS) for delay in delays]
    steps.insert(1, f"{len(frames)} frames")
    return Film(
        frames=_without_idle_alpha(frames),
        delays_ms=delays,
        loop=min(reel.loop, _MAX_LOOP),
        steps=steps,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reel:
    """An animation whose frames are decoded as they are asked for."""

    images: Iterable[pyvips.Image]
    """As large as the source."""
    delays_ms: Sequence[int]
    loop: int


def _strip(path: Path, format: SourceFormat) -> _Reel:
    """Read a GIF or WebP: frames build on those before, so all are decoded at once, in a column."""
    strip = vips.open_image(path, format, n=-1).copy_memory()
    height = strip.get("page-height")
    fields = frozenset(strip.get_fields())
    return _Reel(
        images=(strip.crop(0, y, strip.width, height) for y in range(0, strip.height, height)),
        delays_ms=strip.get("delay") if "delay" in fields else [],
        loop=strip.get("loop") if "loop" in fields else 0,
    )


def _apng(path: Path) -> _Reel:
    data = path.read_bytes()
    animation = apng.read(data, parts())
    if animation is None:
        raise vips.undecodable()
    header = vips.open_image(path, SourceFormat.PNG)
    return _Reel(
        images=(_described(image, header) for image in canvas.painted(data, animation)),
        delays_ms=[frame.delay_ms for frame in animation.frames],
        loop=animation.plays,
    )


def _described(image: pyvips.Image, header: pyvips.Image) -> pyvips.Image:
    """Give a frame what the file says of all of them: its profile and its orientation."""
    image = image.copy()
    for name in {ICC, ORIENTATION} & set(header.get_fields()):
        image.set_type(header.get_typeof(name), name, header.get(name))
    return image


def _without_idle_alpha(frames: list[pyvips.Image]) -> list[pyvips.Image]:
    """Spare every output a channel that is full everywhere, in all frames."""
    if not all(frame.hasalpha() and frame[frame.bands - 1].min() == _OPAQUE for frame in frames):
        return frames
    return [frame[: frame.bands - 1].copy_memory() for frame in frames]


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
        if spec.format is Format.AVIF:
            fitted[0] = describe(fitted[0], blocks, spec)
            _encode_avif(context, fitted, film)
            return context
        strip = pyvips.Image.arrayjoin(fitted, across=1).copy()
        strip.set_type(pyvips.GValue.gint_type, "page-height", spec.height)
        strip.set_type(pyvips.GValue.array_int_type, "delay", list(film.delays_ms))
        strip.set_type(pyvips.GValue.gint_type, "loop", film.loop)
    context.image = strip
    encode(context)
    if strip.hasalpha() and spec.format is Format.WEBP:
        _say_that_it_has_alpha(path)
    return context


def _encode_avif(context: OutputContext, frames: Sequence[pyvips.Image], film: Film) -> None:
    """Write an AVIF that moves, whichever way its quality is found; raises `pyvips.Error`."""

    def save(spec: OutputSpec) -> EncoderUsed:
        return avif_film.save(frames, film.delays_ms, film.loop, context.path, spec)

    try:
        if context.spec.auto_quality is None:
            context.encoder = save(context.spec)
        else:
            context.sought = find_quality_of(
                avif_film.some_of(frames),
                context.path,
                context.spec,
                encode=save,
                decode=avif_film.decode_some,
                start=context.start_quality,
            )
            context.encoder = context.sought.encoder
            context.done.append(context.sought.told)
    except pyvips.Error:
        context.path.unlink(missing_ok=True)
        raise
    context.done.append(f"encode by {context.encoder.name}: {context.encoder.told}")


def _say_that_it_has_alpha(path: Path) -> None:
    """Set the flag in the header of a WebP.

    libwebp crops each frame to what changes. Where that leaves opaque rectangles on a clear canvas
    it sets none, and some viewers then show the canvas black.
    """
    with path.open("r+b") as file:
        head = file.read(_WEBP_FLAGS + 1)
        if head[12:16] == b"VP8X":
            file.seek(_WEBP_FLAGS)
            file.write(bytes([head[_WEBP_FLAGS] | _WEBP_ALPHA]))
