"""How an overlay was drawn, for people: what was laid over what, and where the fonts are from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from picstore_imaging.encoders.used import EncoderUsed
from picstore_imaging.geometry import Size
from picstore_imaging.overlay.fonts import PACKAGES, SYSTEM
from picstore_imaging.overlay.pictures import Open, Picture
from picstore_imaging.overlay.template import Layer, Length, Overlay
from picstore_imaging.recipe import MAX_STEP, MAX_STEPS, Recipe, printable


def recipe_of(
    overlay: Overlay,
    base: Picture,
    images: Open,
    canvas: Size,
    encoder: EncoderUsed,
    *,
    effort: int,
    origins: Mapping[str, Path],
) -> Recipe:
    """Return the recipe of a drawing of the size `canvas`, but not what it cost.

    `origins` says of each family of fonts in which directory it is. No text is told.
    """
    steps = [
        f"load {base.probe.format.value} {_size(base.size)}",
        f"canvas {_size(canvas)}, {overlay.canvas.fit.value}",
        *(f"layer {index}: {_told(layer, images)}" for index, layer in enumerate(overlay.layers)),
        *_fonts(overlay, origins),
    ]
    last = f"encode by {encoder.name}: {encoder.told}"
    return Recipe(
        steps=tuple(printable(step, MAX_STEP) for step in (*steps[: MAX_STEPS - 1], last)),
        encoder=printable(encoder.name),
        encoder_version=printable(encoder.version),
        quality=None,
        effort=effort,
    )


def _told(layer: Layer, images: Open) -> str:
    how = "" if layer.opacity == 1 else f", opacity {layer.opacity:g}"
    if layer.blend.value != "over":
        how += f", {layer.blend.value}"
    if (text := layer.text) is not None:
        return (
            f"text in {text.font} {text.weight}, {_length(text.size)}, "
            f"{len(text.text)} characters{how}"
        )
    if (image := layer.image) is not None:
        picture = images(image.image_id)
        tiled = ", tiled" if image.tile else f", {image.fit.value}"
        return f"{image.image_id} {picture.probe.format.value} {_size(picture.size)}{tiled}{how}"
    return f"fill {layer.fill.colour}{how}" if layer.fill is not None else "nothing"


def _fonts(overlay: Overlay, origins: Mapping[str, Path]) -> Iterator[str]:
    places = {family.casefold(): place for family, place in origins.items()}
    named = {layer.text.font: None for layer in overlay.layers if layer.text is not None}
    for family in named:
        yield f"font {family}: {_origin(places.get(family.casefold()))}"


def _origin(place: Path | None) -> str:
    """Name a directory without its path, which is a converter's own."""
    if place is None:
        return "unknown"
    if place in SYSTEM:
        return "of the system"
    return f"of {place.name}" if place.name in PACKAGES else "of the operator"


def _size(size: Size) -> str:
    return f"{size.width}x{size.height}"


def _length(length: Length) -> str:
    return f"{length.px:g} px" if length.px is not None else f"{length.percent or 0:g} %"
