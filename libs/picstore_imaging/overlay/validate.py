"""Whether an overlay template makes sense, whatever picture it is drawn over.

Which fonts there are is known only where it is drawn. Pure: importable by every process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from picstore_imaging.formats import MAX_SIDE
from picstore_imaging.geometry import MAX_OUTPUT_PIXELS, Size
from picstore_imaging.overlay.bounds import MAX_BLUR, MAX_OUTLINE, MAX_SHADOW, MAX_SIZE
from picstore_imaging.overlay.cost import MAX_CPU_MS, estimate_layers_cpu_ms
from picstore_imaging.overlay.template import (
    MAX_LENGTH,
    Box,
    Canvas,
    FillLayer,
    Fit,
    Gravity,
    ImageLayer,
    Layer,
    Length,
    Overlay,
    TextLayer,
    Variable,
)
from picstore_imaging.overlay.variables import MAX_LINES, MAX_TEXT, fault_of, is_use, uses
from picstore_kit.errors import FieldViolation, InvalidFields
from picstore_kit.ids import ImageId, parse_id

MAX_LAYERS: Final = 50
MAX_VARIABLES: Final = 50
MAX_FONT_NAME: Final = 100
"""Characters of a family's name."""
MIN_LINE_HEIGHT: Final = 0.5
MAX_LINE_HEIGHT: Final = 5.0
WEIGHTS: Final = range(100, 1001)

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")

_Found = Iterator[tuple[str, str]]


def validate(overlay: Overlay) -> None:
    """Raise `InvalidFields` that names every wrong field, with paths such as `layers[2].text.size`.

    It is for templates, not for what `fill` gives.
    """
    violations = [
        FieldViolation(field=field, description=text) for field, text in _violations(overlay)
    ] or _too_dear(overlay)
    if violations:
        raise InvalidFields(violations)


def _too_dear(overlay: Overlay) -> list[FieldViolation]:
    """Say whether a template takes too long whatever picture it is drawn over, so far as is known.

    That is where it has a canvas of its own; texts come out longer than they stand here.
    """
    canvas = overlay.canvas
    if canvas.width is None or canvas.height is None or canvas.fit is Fit.INSIDE:
        return []
    expected = estimate_layers_cpu_ms(overlay, Size(canvas.width, canvas.height))
    if expected <= MAX_CPU_MS:
        return []
    return [FieldViolation(field="layers", description=too_dear(expected))]


def too_dear(expected_ms: float) -> str:
    """Say, as the end of a sentence, that drawing would take so many CPU milliseconds."""
    return (
        f"would take about {expected_ms / 1000:.0f} CPU-seconds to draw,"
        f" {MAX_CPU_MS / 1000:.0f} are allowed"
    )


def _violations(overlay: Overlay) -> _Found:
    yield from _canvas(overlay.canvas)
    if not 1 <= len(overlay.layers) <= MAX_LAYERS:
        yield "layers", f"must be 1 to {MAX_LAYERS}"
    if len(overlay.variables) > MAX_VARIABLES:
        yield "variables", f"must be at most {MAX_VARIABLES}"
    layers = overlay.layers[:MAX_LAYERS]
    variables = overlay.variables[:MAX_VARIABLES]
    used = {name for layer in layers for name in _used(layer)}
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        yield from _variable(f"variables[{index}]", variable, used, seen)
        seen.add(variable.name)
    for index, layer in enumerate(layers):
        yield from _layer(f"layers[{index}]", layer, seen)


def _canvas(canvas: Canvas) -> _Found:
    sides = {"width": canvas.width, "height": canvas.height}
    for name, side in sides.items():
        if side is not None and not 1 <= side <= MAX_SIDE:
            yield f"canvas.{name}", f"must be 1 to {MAX_SIDE}"
    if (canvas.width is None) != (canvas.height is None):
        missing = "width" if canvas.width is None else "height"
        yield f"canvas.{missing}", "must be given where the other side is"
    elif (canvas.width or 1) * (canvas.height or 1) > MAX_OUTPUT_PIXELS:
        yield (
            "canvas.width",
            f"makes {canvas.width} x {canvas.height} px, over {MAX_OUTPUT_PIXELS} pixels",
        )
    if canvas.background:
        yield from _colour("canvas.background", canvas.background)


def _variable(path: str, variable: Variable, used: set[str], seen: set[str]) -> _Found:
    if not _NAME.fullmatch(variable.name):
        yield (
            f"{path}.name",
            "must be 1 to 63 lower-case letters, digits and underscores, a letter first",
        )
    elif variable.name in seen:
        yield f"{path}.name", f"must not repeat {variable.name}"
    elif variable.name not in used:
        yield f"{path}.name", "must be used by a layer"
    if not 1 <= variable.max_length <= MAX_LENGTH:
        yield f"{path}.max_length", f"must be 1 to {MAX_LENGTH}"
    elif variable.default_value is not None:
        fault = fault_of(variable.default_value, variable.max_length)
        if fault is not None:
            yield f"{path}.default_value", fault


def _used(layer: Layer) -> Iterator[str]:
    if layer.text is not None:
        yield from uses(layer.text.text)
    if layer.image is not None:
        yield from uses(layer.image.image_id)


def _layer(path: str, layer: Layer, declared: set[str]) -> _Found:
    contents = [c for c in (layer.text, layer.image, layer.fill) if c is not None]
    if len(contents) != 1:
        yield path, "must have exactly one of text, image and fill"
    yield from _box(f"{path}.box", layer.box)
    if not 0 <= layer.opacity <= 1:
        yield f"{path}.opacity", "must be 0 to 1"
    if layer.text is not None:
        yield from _text(f"{path}.text", layer.text, declared)
    if layer.image is not None:
        yield from _image(f"{path}.image", layer.image, declared)
    if layer.fill is not None:
        yield from _fill(f"{path}.fill", layer.fill)


def _box(path: str, box: Box) -> _Found:
    if box.anchor is Gravity.ATTENTION:
        yield f"{path}.anchor", "must be an edge, a corner or the middle"
    for name, place in (("x", box.x), ("y", box.y)):
        yield from _length(f"{path}.{name}", place, least=-MAX_SIDE, most=MAX_SIDE)
    for name, side in (("width", box.width), ("height", box.height)):
        yield from _length(f"{path}.{name}", side, above=0, most=MAX_SIDE)


def _text(path: str, text: TextLayer, declared: set[str]) -> _Found:
    if not text.text:
        yield f"{path}.text", "must not be empty"
    fault = fault_of(text.text, MAX_TEXT)
    if fault is not None:
        yield f"{path}.text", fault
    yield from _uses(f"{path}.text", text.text, declared)
    if not text.font.strip() or len(text.font) > MAX_FONT_NAME or not text.font.isprintable():
        yield f"{path}.font", f"must be the name of a font, of at most {MAX_FONT_NAME} characters"
    yield from _length(f"{path}.size", text.size, above=0, most=MAX_SIZE)
    yield from _length(f"{path}.min_size", text.min_size, above=0, most=MAX_SIZE)
    if _larger(text.min_size, text.size):
        yield f"{path}.min_size", "must be no larger than size"
    if text.weight not in WEIGHTS:
        yield f"{path}.weight", "must be 100 to 1000"
    if text.colour:
        yield from _colour(f"{path}.colour", text.colour)
    height = text.line_height
    if height is not None and not MIN_LINE_HEIGHT <= height <= MAX_LINE_HEIGHT:
        yield f"{path}.line_height", f"must be {MIN_LINE_HEIGHT:g} to {MAX_LINE_HEIGHT:g}"
    if text.max_lines is not None and not 1 <= text.max_lines <= MAX_LINES:
        yield f"{path}.max_lines", f"must be 1 to {MAX_LINES}"
    if text.outline is not None:
        yield from _colour(f"{path}.outline.colour", text.outline.colour)
        yield from _length(f"{path}.outline.width", text.outline.width, least=0, most=MAX_OUTLINE)
    if text.shadow is not None:
        shadow, at = text.shadow, f"{path}.shadow"
        yield from _colour(f"{at}.colour", shadow.colour)
        for name, place in (("x", shadow.x), ("y", shadow.y)):
            yield from _length(f"{at}.{name}", place, least=-MAX_SHADOW, most=MAX_SHADOW)
        yield from _length(f"{at}.blur", shadow.blur, least=0, most=MAX_BLUR)


def _image(path: str, image: ImageLayer, declared: set[str]) -> _Found:
    if is_use(image.image_id):
        yield from _uses(f"{path}.image_id", image.image_id, declared)
    else:
        try:
            parse_id(ImageId, image.image_id, field=f"{path}.image_id")
        except InvalidFields as error:
            yield from ((wrong.field, wrong.description) for wrong in error.violations)
    yield from _length(f"{path}.tile_width", image.tile_width, above=0, most=MAX_SIDE)
    yield from _length(f"{path}.tile_gap", image.tile_gap, least=0, most=MAX_SIDE)
    for name, length in (("tile_width", image.tile_width), ("tile_gap", image.tile_gap)):
        if length is not None and not image.tile:
            yield f"{path}.{name}", "must not be given where tile is false"


def _fill(path: str, fill: FillLayer) -> _Found:
    yield from _colour(f"{path}.colour", fill.colour)
    yield from _length(f"{path}.radius", fill.radius, least=0, most=MAX_SIDE)


def _uses(field: str, text: str, declared: set[str]) -> _Found:
    for name in dict.fromkeys(uses(text)):
        if name not in declared:
            yield field, f"uses {{{{{name}}}}}, which variables do not declare"


def _colour(field: str, colour: str) -> _Found:
    if not _COLOUR.fullmatch(colour):
        yield field, "must be a colour such as #ffffff or #ffffff80"


def _length(
    field: str,
    length: Length | None,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float,
) -> _Found:
    """Check a length: pixels up to `most`, or up to 100 percent either way.

    It must be at least `least`, or more than `above`.
    """
    if length is None:
        return
    if (length.px is None) == (length.percent is None):
        yield field, "must have exactly one of px and percent"
        return
    part, number, limit = (
        (".px", length.px, most) if length.px is not None else (".percent", length.percent, 100.0)
    )
    if number is None or not math.isfinite(number) or number > limit:
        yield f"{field}{part}", f"must be at most {limit:g}"
    elif above is not None and number <= above:
        yield f"{field}{part}", f"must be more than {above:g}"
    elif least is not None and number < max(least, -limit):
        yield f"{field}{part}", f"must be at least {max(least, -limit):g}"


def _larger(one: Length | None, other: Length) -> bool:
    """Whether a length is longer than another on every canvas."""
    if one is None:
        return False
    pixels = one.px is not None and other.px is not None and one.px > other.px
    shares = one.percent is not None and other.percent is not None and one.percent > other.percent
    return pixels or shares
