"""SVG: parsed from start to end, so that what librsvg is given draws and does nothing else.

Refused are entities, scripts, and references to anything outside the file. Nothing is resolved
here: expat reads one file in pieces, and is given no way to open another.
"""

from __future__ import annotations

import mmap
import re
from typing import Final
from xml.parsers import expat

from picstore_imaging.integrity import embedded
from picstore_imaging.integrity.verdict import TRUNCATED, DrawnSize, Integrity, damaged
from picstore_kit.errors import InvalidArgument, Reason

_PIECE_BYTES: Final = 64 * 1024
_SEPARATOR: Final = " "
_SVG: Final = "http://www.w3.org/2000/svg"
_XINCLUDE: Final = "http://www.w3.org/2001/XInclude"
_MAX_DEPTH: Final = 200
"""Elements within one another; libxml2 ends at 256."""

_UNFINISHED: Final = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)

_URL: Final = re.compile(
    r"""url\s*+\(\s*+["']?+\s*+(?!#|data:image/(?:png|jpe?g|gif|webp)[;,])""", re.IGNORECASE
)
_IMPORT: Final = re.compile(r"@import", re.IGNORECASE)
_ESCAPE: Final = "\\"
_REFERENCES: Final = frozenset({"href", "src"})
_STYLES: Final = frozenset(
    {"style", "fill", "stroke", "filter", "mask", "clip-path", "cursor"}
    | {"marker", "marker-start", "marker-mid", "marker-end"}
)
"""Attributes that may refer to something by `url(…)`."""

_LENGTH: Final = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*([a-z]*)\s*")
_PIXELS: Final = {
    "": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "pt": 96 / 72, "pc": 16.0
}  # fmt: skip
_MAX_LENGTH: Final = 1e100
"""Far beyond every limit, and small enough to be computed with."""


def walk(data: mmap.mmap) -> Integrity:
    """Parse the whole file; what follows the root element is trailing.

    Raises `IMAGE_CORRUPT` where it is not well-formed, no SVG, or gives itself no size, and
    `IMAGE_FORMAT_UNSUPPORTED` for what a drawing may not have here.
    """
    reading = _Reading()
    trailing = 0
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            reading.parser.Parse(data[at : at + _PIECE_BYTES], False)
        reading.parser.Parse(b"", True)
    except expat.ExpatError as error:
        if reading.closed:
            trailing = len(data) - reading.parser.ErrorByteIndex
        elif error.code in _UNFINISHED:
            return TRUNCATED
        else:
            raise damaged("the SVG is not well-formed") from error
    except (LookupError, ValueError) as error:  # as Python has it of an encoding
        raise damaged("the SVG is in an encoding that is not read") from error
    if reading.size is None:
        raise damaged("the SVG says neither by width and height nor by viewBox how large it is")
    return Integrity(
        truncated=False,
        trailing_bytes=trailing,
        drawn_size=reading.size,
        embedded_pixels=reading.embedded_pixels,
    )


class _Reading:
    """What one run of the parser has met."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        self.size: DrawnSize | None = None
        self.embedded_pixels = 0
        self._open: list[str] = []
        self._style: list[str] = []
        self._begun = False

    @property
    def closed(self) -> bool:
        """Whether the root element has ended."""
        return self._begun and not self._open

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        if not self._begun:
            self._begun = True
            if local != "svg" or namespace not in ("", _SVG):
                raise damaged("the file's first element is not that of an SVG")
            self.size = _drawn_size(attributes)
        if len(self._open) >= _MAX_DEPTH:
            raise damaged("the SVG nests its elements too deeply")
        if local == "script" or namespace == _XINCLUDE:
            raise _refused("scripts" if local == "script" else "inclusions")
        for key, value in attributes.items():
            attribute = key.rpartition(_SEPARATOR)[2]
            _check_attribute(local, attribute, value)
            if attribute in _REFERENCES and embedded.is_raster(value):
                self.embedded_pixels += embedded.pixels(value)
        self._open.append(local)

    def _end(self, name: str) -> None:
        if self._open.pop() == "style":
            _check_style("".join(self._style))
            self._style.clear()

    def _text(self, text: str) -> None:
        if self._open[-1] == "style":
            self._style.append(text)

    def _doctype(
        self, name: str, system_id: str | None, public_id: str | None, has_subset: bool
    ) -> None:
        # The line that drawing programs write names a DTD, which nobody fetches. What follows in
        # brackets would declare something.
        if has_subset:
            raise _refused("declarations")

    def _entity(self, *declaration: object) -> None:
        raise _refused("entities")

    def _instruction(self, target: str, data: str) -> None:
        if target == "xml-stylesheet":
            raise _refused("references to other files")


def _check_attribute(element: str, name: str, value: str) -> None:
    if name.lower().startswith("on"):
        raise _refused("scripts")
    if name in _REFERENCES:
        # A link leads somewhere only if a reader follows it.
        if element != "a" and not value.lstrip().startswith("#") and not embedded.is_raster(value):
            raise _refused("references to other files")
    elif name in _STYLES:
        _check_style(value)


def _check_style(text: str) -> None:
    if _IMPORT.search(text) or _URL.search(text):
        raise _refused("references to other files")
    # An escape may spell either of the two; drawing programs write none.
    if _ESCAPE in text:
        raise _refused("escaped styles")


def _drawn_size(attributes: dict[str, str]) -> DrawnSize | None:
    """Read width and height in CSS pixels; the viewBox gives what they leave open."""
    width, height = (_length(attributes.get(side, "")) for side in ("width", "height"))
    box = attributes.get("viewBox", "").replace(",", " ").split()
    across, down = (_length(side) for side in box[2:]) if len(box) == 4 else (None, None)
    if across and down:
        if width is None and height is None:
            width, height = across, down
        elif width is None and height is not None:
            width = height * across / down
        elif width is not None and height is None:
            height = width * down / across
    return None if width is None or height is None else DrawnSize(width, height)


def _length(text: str) -> float | None:
    found = _LENGTH.fullmatch(text)
    if found is None or found[2] not in _PIXELS:
        return None
    # Of two infinities, what is left open would be no number, which passes every limit.
    return min(float(found[1]) * _PIXELS[found[2]], _MAX_LENGTH)


def _refused(what: str) -> InvalidArgument:
    return InvalidArgument(
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        f"an SVG with {what} is not accepted",
        metadata={"format": "svg", "found": what},
    )
