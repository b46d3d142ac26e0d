"""What callers fill in: `{{name}}` in texts and in the ids of pictures.

Pure: importable by every process.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from picstore_imaging.overlay.template import Layer, Overlay, Variable
from picstore_kit.errors import FieldViolation, InvalidFields
from picstore_kit.ids import ImageId, parse_id
from picstore_kit.violations import Violations

MAX_TEXT: Final = 4_000
"""Characters of one text, its variables filled in."""
MAX_LINES: Final = 200
"""Lines of one text, as it is written."""

_USE: Final = re.compile(r"\{\{([^{}]*)\}\}")
_NO_LETTERS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of Unicode that no text needs; a new line is none of them here."""


def uses(text: str) -> Iterator[str]:
    """Name what stands between double braces, in the order of the text."""
    return (match.group(1) for match in _USE.finditer(text))


def is_use(text: str) -> bool:
    """Whether the whole text is one `{{name}}`."""
    return _USE.fullmatch(text) is not None


def fault_of(value: str, max_length: int) -> str | None:
    """Say why a text can't be drawn, as the end of a sentence; None where it can."""
    if len(value) > max_length:
        return f"must be at most {max_length} characters, not {len(value)}"
    if value.count("\n") >= MAX_LINES:
        return f"must have at most {MAX_LINES} lines"
    if any(c != "\n" and unicodedata.category(c) in _NO_LETTERS for c in value):
        return "must have no control characters but new lines"
    return None


def fill(overlay: Overlay, variables: Mapping[str, str]) -> Overlay:
    """Put values into a valid template; what comes back has no variables any more.

    Values are put in as they are: braces in them mean nothing.

    Raises:
        InvalidFields: A value is missing, of no variable, too long or has control characters, with
            paths such as `variables.title`; or a text comes out too long, or an image's id as none,
            with paths such as `layers[2].text.text`.
    """
    values = _values(overlay.variables, variables)
    found = Violations()
    layers = tuple(
        _filled(f"layers[{index}]", layer, values, found)
        for index, layer in enumerate(overlay.layers)
    )
    found.refuse()
    return replace(overlay, layers=layers, variables=())


def images_of(overlay: Overlay) -> tuple[ImageId, ...]:
    """Name the pictures that a filled template needs beside its base, each once."""
    named = (layer.image.image_id for layer in overlay.layers if layer.image is not None)
    return tuple(dict.fromkeys(ImageId(image_id) for image_id in named))


def _values(declared: tuple[Variable, ...], given: Mapping[str, str]) -> dict[str, str]:
    names = {variable.name for variable in declared}
    wrong = [(name, "is no variable of the template") for name in given if name not in names]
    values = {}
    for variable in declared:
        value = given.get(variable.name, variable.default_value)
        if value is None:
            wrong.append((variable.name, "must be given"))
            continue
        fault = fault_of(value, variable.max_length)
        if fault is not None:
            wrong.append((variable.name, fault))
        values[variable.name] = value
    if wrong:
        raise InvalidFields(
            [FieldViolation(field=f"variables.{name}", description=text) for name, text in wrong]
        )
    return values


def _filled(path: str, layer: Layer, values: Mapping[str, str], found: Violations) -> Layer:
    if layer.text is not None:
        text = _put(layer.text.text, values)
        found.add(f"{path}.text.text", fault_of(text, MAX_TEXT))
        return replace(layer, text=replace(layer.text, text=text))
    if layer.image is not None:
        field = f"{path}.image.image_id"
        try:
            image_id = parse_id(ImageId, _put(layer.image.image_id, values), field=field)
        except InvalidFields as error:
            found.add(field, error.violations[0].description)
            return layer
        return replace(layer, image=replace(layer.image, image_id=image_id))
    return layer


def _put(text: str, values: Mapping[str, str]) -> str:
    return _USE.sub(lambda use: values[use.group(1)], text)
