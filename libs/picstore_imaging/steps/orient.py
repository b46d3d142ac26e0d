"""Turn the picture upright, as its EXIF orientation says."""

from __future__ import annotations

from picstore_imaging.context import SourceContext


def orient(context: SourceContext) -> None:
    """Apply the orientation to the pixels; the tag goes with all other metadata.

    It comes after `settle`, for a quarter turn reads by columns what a decoder gives by rows.
    """
    if context.probe.orientation != 1:
        context.image = context.image.autorot().copy_memory()
        context.done.append(f"turn upright from EXIF orientation {context.probe.orientation}")
