"""What drawing an overlay will take, estimated from the template and the headers of pictures.

Measured with libvips 8.18.7, one thread, on canvases of 0.8 to 100 MP, on a 2-core x86-64 machine.
Pure: importable by every process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from picstore_imaging.cost import DEAR_CPU_MS, estimate_memory_bytes
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import MAX_OUTPUT_PIXELS, Size, round_side, scaled_size
from picstore_imaging.overlay.bounds import (
    BLUR_REACH,
    MAX_BLUR,
    MAX_OUTLINE,
    MAX_SHADOW,
    MAX_SIZE,
    MIN_SIZE,
)
from picstore_imaging.overlay.boxes import canvas_size, pixels, place
from picstore_imaging.overlay.template import ImageLayer, Layer, Overlay, TextLayer

MAX_CPU_MS: Final = 60_000.0
"""What an overlay may be expected to take. A card takes 350 ms and ten full surfaces on 25 MP 15 s;
what takes more than a minute holds up a small installation, and ten times as much, which an
estimate may be wrong by, would end the child."""

_CANVAS_BYTES: Final = 8
"""For each pixel: the canvas as it was before a layer, and as it is after."""
_BEGUN_BYTES: Final = 4
"""For each pixel: the base picture, scaled to the canvas."""
_LAYER_BYTES: Final = 6
"""For each pixel of a layer: itself, and what it is made of."""
_PICTURE_BYTES: Final = 4
"""For each pixel of a picture that is decoded, of a tile, or of what tiles are repeated to."""
_ROUND_BYTES: Final = 12
"""For each pixel of a surface with round corners, which are drawn."""
_DECORATED_BYTES: Final = 7
"""For each pixel of a text and what is around it: its letters, and what grows."""
_BLURRED_BYTES: Final = 5
"""The same for a blur."""
_TRIED_BYTES: Final = 8
"""For each pixel of a text that is tried: itself, and with one line more."""
_TRIED_TIMES: Final = 8
"""How many times its room a text may cover that is tried."""
_TRIED_LEAST: Final = 1_000_000
_TRIED_MOST: Final = 43_000_000
_ENLARGED_SIZE: Final = 32
_ENLARGED_MOST: Final = 4_000_000
"""Pixels of a text that has to be drawn enlarged."""
_ENLARGED_BYTES: Final = 16
_FONTS_BYTES: Final = 24 * 1024 * 1024
"""What letters of many scripts load of their fonts."""
_WIDEST: Final = 10
"""How many times as wide as high an intricate letter is."""

# CPU nanoseconds for each pixel.
_DECODE_NS: Final = {
    SourceFormat.JPEG: 10,
    SourceFormat.PNG: 22,
    SourceFormat.WEBP: 42,
    SourceFormat.AVIF: 95,
    SourceFormat.HEIC: 95,
    SourceFormat.GIF: 40,
    SourceFormat.TIFF: 40,
}
_OTHER_DECODE_NS: Final = 100
_SCALE_NS: Final = 60
_ENCODE_NS: Final = 150
"""To write noise as a PNG; a plain surface takes a quarter."""
_COPY_NS: Final = 5
"""Of the canvas, for each layer."""
_LAY_NS: Final = 30
_FILL_NS: Final = 25
_TILE_NS: Final = 15
_TRIALS: Final = 12
"""How often a text is set until it fits."""
_TRIAL_NS: Final = 10
_TRIAL_LETTER_NS: Final = 20_000
"""For each letter instead."""
_LETTERS_NS: Final = 90
"""To bring letters to the colours they are laid in."""
_OUTLINE_NS: Final = 60
_SHADOW_NS: Final = 80
_BLUR_NS: Final = 110
"""Of the dearest blur, by nearly 10 pixels; wider ones take a third."""

_NOTHING: Final = SourceFacts(format=SourceFormat.PNG, width=1, height=1)


def estimate_overlay_memory_bytes(
    overlay: Overlay, base: SourceFacts, images: Mapping[str, SourceFacts]
) -> int:
    """Estimate the peak memory, in bytes, of one child that draws an overlay over a picture.

    `images` are the pictures of its layers by id; one is decoded at a time.
    """
    size = Size(base.width, base.height)
    canvas = canvas_size(overlay.canvas, size)
    whole = scaled_size(overlay.canvas.fit, canvas, size)
    begun = _BEGUN_BYTES
    if base.has_alpha or whole.width < canvas.width or whole.height < canvas.height:
        begun += _CANVAS_BYTES
    layers = max((_layer_bytes(layer, canvas, images) for layer in overlay.layers), default=0)
    return max(
        _decoded_bytes(base, whole) + _area(canvas) * begun,
        estimate_memory_bytes(_NOTHING, ()) + _area(canvas) * _CANVAS_BYTES + layers,
    )


def estimate_overlay_cpu_ms(
    overlay: Overlay, base: SourceFacts, images: Mapping[str, SourceFacts]
) -> float:
    """Estimate the CPU time, in milliseconds, to draw an overlay over a picture.

    `images` are the pictures of its layers by id; each is decoded for every layer that has it.
    """
    size = Size(base.width, base.height)
    canvas = canvas_size(overlay.canvas, size)
    decoded = [base] + [
        images[layer.image.image_id]
        for layer in overlay.layers
        if layer.image is not None and layer.image.image_id in images
    ]
    nanoseconds = sum(
        source.pixels * _DECODE_NS.get(source.format, _OTHER_DECODE_NS) for source in decoded
    )
    if canvas != size:
        nanoseconds += _area(canvas) * _SCALE_NS
    return nanoseconds / 1e6 + estimate_layers_cpu_ms(overlay, canvas)


def estimate_layers_cpu_ms(overlay: Overlay, canvas: Size) -> float:
    """Estimate the CPU time, in milliseconds, that follows from the template and canvas alone."""
    layers = sum(_layer_ns(layer, canvas) for layer in overlay.layers)
    copied = _area(canvas) * (_ENCODE_NS + len(overlay.layers) * _COPY_NS)
    return (layers + copied) / 1e6


def is_dear_overlay(cpu_ms: float) -> bool:
    """Whether an overlay of that estimate belongs into the slow lane."""
    return cpu_ms >= DEAR_CPU_MS


def _area(size: Size) -> int:
    return size.width * size.height


def _decoded_bytes(source: SourceFacts, whole: Size) -> int:
    """What a picture takes that is decoded in order to be scaled to `whole`."""
    kept = min(_area(whole), source.pixels)
    if source.format is SourceFormat.SVG and _area(whole) <= MAX_OUTPUT_PIXELS:
        kept = _area(whole)
    return estimate_memory_bytes(source, ()) + kept * _PICTURE_BYTES


def _whole(layer: Layer, canvas: Size, images: Mapping[str, SourceFacts]) -> Size:
    """Say to which size the picture of a layer is scaled before it is cropped."""
    assert layer.image is not None
    source = images[layer.image.image_id]
    own = Size(source.width, source.height)
    if layer.image.tile:
        return tile_size(layer.image, own, canvas)
    box = place(layer.box, canvas)
    return scaled_size(layer.image.fit, Size(box.width, box.height), own)


def tile_size(layer: ImageLayer, own: Size, canvas: Size) -> Size:
    """Say how large one tile is of a picture that is repeated."""
    width = own.width if layer.tile_width is None else layer.tile_width.of(canvas.width)
    return Size(round_side(width), round_side(own.height * width / own.width))


def _layer_bytes(layer: Layer, canvas: Size, images: Mapping[str, SourceFacts]) -> int:
    box = place(layer.box, canvas)
    room = Size(box.width, box.height)
    if layer.text is not None:
        return _text_bytes(layer.text, room, canvas)
    if layer.fill is not None and pixels(layer.fill.radius, canvas.width) > 0:
        return _area(room) * _ROUND_BYTES
    if layer.image is None:
        return _area(room) * _LAYER_BYTES
    decoded = 0
    if layer.image.image_id in images:
        decoded = _decoded_bytes(
            images[layer.image.image_id], _whole(layer, canvas, images)
        ) - estimate_memory_bytes(_NOTHING, ())
    # A tile, and what it is repeated to, are never larger than their box.
    copies = 3 if layer.image.tile else 1
    return decoded + _area(room) * (copies * _PICTURE_BYTES + _LAYER_BYTES)


def _text_bytes(text: TextLayer, room: Size, canvas: Size) -> int:
    """What a text takes while it is tried, or while it is drawn."""
    most = min(max(_TRIED_LEAST, _area(room) * _TRIED_TIMES), _TRIED_MOST)
    letters = len(text.text)
    tried = min(most, math.ceil(letters * _size(text, canvas) ** 2))
    enlarged = min(_ENLARGED_MOST, letters * _ENLARGED_SIZE**2 * _WIDEST)
    each = _LAYER_BYTES + _DECORATED_BYTES
    if text.shadow is not None and pixels(text.shadow.blur, canvas.width) > 0:
        each += _BLURRED_BYTES
    return _FONTS_BYTES + max(
        tried * _TRIED_BYTES,
        enlarged * _ENLARGED_BYTES,
        _area(_decorated(text, _ink(text, room, canvas), canvas)) * each,
    )


def _layer_ns(layer: Layer, canvas: Size) -> float:
    box = place(layer.box, canvas)
    room = Size(box.width, box.height)
    if layer.image is not None:
        return _area(room) * (_LAY_NS + (_TILE_NS if layer.image.tile else _SCALE_NS))
    if layer.fill is not None:
        return _area(room) * (_LAY_NS + _FILL_NS)
    if layer.text is None:
        return 0
    text = layer.text
    letters = len(text.text)
    tried = min(2 * _area(room), letters * _size(text, canvas) ** 2) * _TRIAL_NS
    tried += letters * _TRIAL_LETTER_NS
    each = _LETTERS_NS + _LAY_NS
    if text.outline is not None:
        each += _OUTLINE_NS
    if text.shadow is not None:
        each += _SHADOW_NS + (_BLUR_NS if pixels(text.shadow.blur, canvas.width) > 0 else 0)
    return _TRIALS * tried + _area(_decorated(text, _ink(text, room, canvas), canvas)) * each


def _size(text: TextLayer, canvas: Size) -> float:
    return min(max(text.size.of(canvas.width), MIN_SIZE), MAX_SIZE)


def _ink(text: TextLayer, room: Size, canvas: Size) -> Size:
    """Estimate what a text covers of its room, taking a letter to be as wide as high."""
    size = _size(text, canvas)
    lengths = [max(1, len(line)) * size for line in text.text.split("\n")]
    lines = sum(math.ceil(length / room.width) for length in lengths)
    height = lines * size * max(text.line_height or 0.0, 1.5)
    return Size(
        min(room.width, math.ceil(max(lengths))),
        min(room.height, math.ceil(height)),
    )


def _decorated(text: TextLayer, ink: Size, canvas: Size) -> Size:
    """Say how large a text is with what is around it."""
    edge = 0.0
    if text.outline is not None:
        edge += min(pixels(text.outline.width, canvas.width), MAX_OUTLINE)
    if (shadow := text.shadow) is not None:
        away = max(abs(pixels(shadow.x, canvas.width)), abs(pixels(shadow.y, canvas.height)))
        blur = min(pixels(shadow.blur, canvas.width), MAX_BLUR)
        edge += min(away, MAX_SHADOW) + BLUR_REACH * blur
    around = 2 * math.ceil(edge)
    return Size(ink.width + around, ink.height + around)
