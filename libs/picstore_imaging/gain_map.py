"""The gain map of a JPEG: read beside the picture, and made to go with each output of it.

libultrahdr, by libvips, reads what it says; its pixels are an ordinary JPEG. What cannot be read is
left out, for the picture is whole without it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging import ultra_hdr, vips
from picstore_imaging.context import OutputContext
from picstore_imaging.facts import Probe
from picstore_imaging.geometry import Size
from picstore_imaging.integrity.jpeg import pixels
from picstore_imaging.rules import Fit
from picstore_imaging.spec import OutputSpec
from picstore_imaging.steps.pad import pad
from picstore_imaging.steps.scale import scaled
from picstore_imaging.ultra_hdr import Gain

_DATA: Final = "gainmap-data"
_WIDTHS: Final = (1, 3)
"""Channels that there may be."""
_MAX_PIXELS: Final = 25_000_000
_QUALITY: Final = 85
"""At least, as libultrahdr writes them: it is smooth and small, and its steps would show."""
_WHITE: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class GainMap:
    """A gain map, upright and in memory."""

    image: pyvips.Image
    """Of one channel or three, in 8 bits."""
    gain: Gain
    scale: float
    """How many pixels of the picture one of it stands for, on a side."""


def read(path: Path, probe: Probe) -> GainMap | None:
    """Read the gain map of a JPEG; None where it has none, or none that can be read."""
    try:
        found = vips.open_ultra_hdr(path)
    except pyvips.Error:
        return None
    if _DATA not in found.get_fields():
        return None
    data = bytes(found.get(_DATA))
    gain = _gain_of(found)
    # It is looked at before it is decoded: a small file may announce a large picture.
    if gain is None or not 0 < pixels(data) <= min(_MAX_PIXELS, probe.width * probe.height):
        return None
    try:
        image = pyvips.Image.jpegload_buffer(data, fail_on="error")
        if image.bands not in _WIDTHS:
            return None
        width = probe.height if probe.orientation >= 5 else probe.width
        scale = width / image.width
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", probe.orientation)
        upright = image.autorot().copy_memory()
    except pyvips.Error:
        return None
    return GainMap(image=upright, gain=gain, scale=max(1.0, scale))


def join(gain_map: GainMap, context: OutputContext, whole: Size) -> None:
    """Put the gain map behind an output that is made: cut and padded as it is.

    `whole` is the size of the picture before it was cropped or padded. Raises `pyvips.Error`.
    """
    image = scaled(gain_map.image, whole)
    spec = context.spec
    if context.corner is not None:
        image = image.crop(*context.corner, spec.width, spec.height)
    elif spec.fit is Fit.CONTAIN:
        image = _padded(image, context, _neutral(gain_map.gain))
    width, height = (max(1, round(side / gain_map.scale)) for side in (spec.width, spec.height))
    encoded = scaled(image, Size(width, height)).jpegsave_buffer(
        Q=max(_QUALITY, spec.quality or 0), keep="none", optimize_coding=True, subsample_mode="off"
    )
    made = ultra_hdr.joined(
        context.path.read_bytes(), encoded, gain_map.gain, channels=gain_map.image.bands
    )
    context.path.write_bytes(made)


def _padded(image: pyvips.Image, context: OutputContext, value: int) -> pyvips.Image:
    """Pad as the picture was padded, with what leaves the padding as bright as it is."""
    bands = image.bands
    spec: OutputSpec = replace(context.spec, background=f"#{value:02x}{value:02x}{value:02x}")
    like = image if bands == 3 else image.bandjoin([image, image])
    beside = OutputContext(spec=spec, path=context.path, image=like.copy(interpretation="srgb"))
    pad(beside)
    return beside.image if bands == 3 else beside.image[0].copy(interpretation="b-w")


def _neutral(gain: Gain) -> int:
    """The value that multiplies light by one, as far as there is such a value."""
    low, high = math.log2(gain.min_boost[0]), math.log2(gain.max_boost[0])
    if high <= low:
        return 0
    share = min(1.0, max(0.0, -low / (high - low)))
    return round(_WHITE * math.pow(share, gain.gamma[0]))


def _gain_of(image: pyvips.Image) -> Gain | None:
    def numbers(name: str) -> tuple[float, ...]:
        value: Any = image.get(f"gainmap-{name}")
        return tuple(map(float, value)) if isinstance(value, list) else (float(value),)

    try:
        gain = Gain(
            min_boost=numbers("min-content-boost"),
            max_boost=numbers("max-content-boost"),
            gamma=numbers("gamma"),
            offset_sdr=numbers("offset-sdr"),
            offset_hdr=numbers("offset-hdr"),
            capacity_min=numbers("hdr-capacity-min")[0],
            capacity_max=numbers("hdr-capacity-max")[0],
            in_base_colours=bool(image.get("gainmap-use-base-cg")),
        )
    except pyvips.Error:
        return None
    return gain if gain.is_sound else None
