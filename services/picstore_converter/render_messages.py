"""What is said to a child that draws, and what is believed of its answer; see `messages`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from picstore_converter.messages import ChildMisbehaved, parse_recipe
from picstore_converter.model import DrawnOriginal, Rendering
from picstore_imaging.facts import SourceFacts
from picstore_imaging.geometry import Size
from picstore_imaging.limits import Limits
from picstore_imaging.overlay.boxes import canvas_size
from picstore_kit.ids import ImageId

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DRAWN: Final = "drawn.png"

SOURCE: Final = "source"
"""What the file is called that has the original of the picture that is drawn over."""


def layer_name(image_id: ImageId) -> str:
    """Return what the file is called that has the original of a layer."""
    return f"layer-{image_id}"


def canvas_of(base: SourceFacts, rendering: Rendering) -> Size:
    """Return the width and the height of what is to be drawn over a picture."""
    return canvas_size(rendering.overlay.canvas, Size(base.width, base.height))


def render_request(
    base: SourceFacts, rendering: Rendering, files: Mapping[str, Path], *, size: int, made: Path
) -> dict[str, Any]:
    """Ask for the overlay to be drawn over a picture of which the facts `base` are known.

    `files` are where the child finds what it is made of; the largest of them has `size` bytes. What
    is drawn comes into the directory `made`.
    """
    point = rendering.focal_point
    facts = [base, *(layer.facts for layer in rendering.images)]
    # What was admitted when it was uploaded is drawn; what is now larger is something else.
    admitted = Limits(
        bytes=size,
        pixels=max(one.pixels for one in facts),
        pixels_whole_decode=max(one.pixels for one in facts),
        side=max(max(one.width, one.height) for one in facts),
        frames=max(one.frames for one in facts),
    )
    return {
        "overlay": rendering.overlay.to_json(),
        "path": str(files[SOURCE]),
        "format": base.format.value,
        "images": {
            layer.id: {
                "path": str(files[layer_name(layer.id)]),
                "format": layer.facts.format.value,
            }
            for layer in rendering.images
        },
        "focal_point": None if point is None else [point.x, point.y],
        "limits": admitted.to_json(),
        "output": str(made / _DRAWN),
    }


def parse_drawn(message: Mapping[str, Any], *, canvas: Size, directory: Path) -> DrawnOriginal:
    """Read the child's answer.

    Raises:
        ChildMisbehaved: It makes no sense.
    """
    try:
        size, digest, alpha = message["bytes"], message["sha256"], message["has_alpha"]
        if message["path"] != str(directory / _DRAWN):
            raise ValueError("not the place that was asked for")
        if (message["width"], message["height"]) != canvas:
            raise ValueError("not the size that was asked for")
        if type(size) is not int or size < 1 or type(alpha) is not bool:
            raise ValueError("not a length, or neither true nor false")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ValueError("not a digest")
        recipe = parse_recipe(message["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise ChildMisbehaved from error
    width, height = canvas
    return DrawnOriginal(
        path=directory / _DRAWN,
        width=width,
        height=height,
        has_alpha=alpha,
        size_bytes=size,
        sha256=digest,
        recipe=recipe,
    )
