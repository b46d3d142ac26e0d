"""What drawing an overlay will take, estimated from the template and the headers of pictures.

Measured with libvips 8.18.7, one thread, on canvases of 0.8 to 100 MP. Pure: importable by every
process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from picstore_imaging.cost import estimate_memory_bytes
from picstore_imaging.facts import SourceFacts
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.overlay.boxes import canvas_size, place
from picstore_imaging.overlay.template import Layer, Overlay

_CANVAS_BYTES: Final = 8
"""For each pixel: the canvas as it was before a layer, and as it is after."""
_LAYER_BYTES: Final = 6
"""For each pixel of the largest layer: itself, and what it is made of."""
_PICTURE_BYTES: Final = 4
"""For each pixel of a picture that was scaled to be cropped or padded."""
_DECORATED_BYTES: Final = 4
"""For each pixel of a text with outline or shadow, beside that: what grows or is blurred."""


def estimate_overlay_memory_bytes(
    overlay: Overlay, base: SourceFacts, images: Mapping[str, SourceFacts]
) -> int:
    """Estimate the peak memory, in bytes, of one child that draws an overlay over a picture.

    `images` are the pictures of its layers by id; one is decoded at a time.
    """
    size = Size(base.width, base.height)
    canvas = canvas_size(overlay.canvas, size)
    decoded = max(estimate_memory_bytes(source, ()) for source in (base, *images.values()))
    whole = _area(scaled_size(overlay.canvas.fit, canvas, size)) * _PICTURE_BYTES
    layers = max((_layer_bytes(layer, canvas, images) for layer in overlay.layers), default=0)
    return decoded + _area(canvas) * _CANVAS_BYTES + max(whole, layers)


def _area(size: Size) -> int:
    return size.width * size.height


def _layer_bytes(layer: Layer, canvas: Size, images: Mapping[str, SourceFacts]) -> int:
    box = place(layer.box, canvas)
    if layer.image is not None and layer.image.image_id in images:
        source = images[layer.image.image_id]
        whole = scaled_size(
            layer.image.fit, Size(box.width, box.height), Size(source.width, source.height)
        )
        return _area(whole) * _PICTURE_BYTES + box.width * box.height * _LAYER_BYTES
    decorated = layer.text is not None and (layer.text.outline or layer.text.shadow)
    each = _LAYER_BYTES + (_DECORATED_BYTES if decorated else 0)
    return box.width * box.height * each
