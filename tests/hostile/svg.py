"""SVG: scripts, entities, references to elsewhere, and drawings without end."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, harmless, refused
from tests.hostile.png import png
from tests.hostile.whole import whole

_OPEN: Final = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
_SIZE: Final = "width='64' height='64'"


def svg(content: str, *, attributes: str = _SIZE, before: str = "") -> bytes:
    """Return a drawing."""
    return f"{before}{_OPEN}{attributes}>{content}</svg>".encode()


def _laughs() -> bytes:
    entities = "".join(
        f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" if n else "<!ENTITY l0 'ha'>" for n in range(10)
    )
    return svg("<text>&l9;</text>", before=f"<!DOCTYPE svg [{entities}]>")


_ACTIVE: Final[dict[str, bytes]] = {
    "a script": svg("<script>alert(1)</script>"),
    "a script from elsewhere": svg("<script xlink:href='http://127.0.0.1:1/a.js'/>"),
    "a handler": svg("<rect width='9' height='9' onload='alert(1)'/>"),
    "a handler of its own": svg("", attributes=f"{_SIZE} onload='alert(1)'"),
    "an entity": svg("<text>&a;</text>", before="<!DOCTYPE svg [<!ENTITY a 'a'>]>"),
    "a file as an entity": svg(
        "<text>&a;</text>", before="<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    ),
    "a page as an entity": svg(
        "<text>&a;</text>", before="<!DOCTYPE svg [<!ENTITY a SYSTEM 'http://127.0.0.1:1/'>]>"
    ),
    "a parameter entity": svg(
        "", before="<!DOCTYPE svg [<!ENTITY % a SYSTEM 'http://127.0.0.1:1/'> %a;]>"
    ),
    "a billion laughs": _laughs(),
    "a picture from a file": svg("<image width='9' height='9' href='file:///etc/passwd'/>"),
    "a picture from elsewhere": svg(
        "<image width='9' height='9' xlink:href='http://127.0.0.1:1/a.png'/>"
    ),
    "a picture beside it": svg("<image width='9' height='9' href='source'/>"),
    "a drawing from elsewhere": svg("<use href='http://127.0.0.1:1/a.svg#a'/>"),
    "a drawing in a picture": svg(
        "<image width='9' height='9' href='data:image/svg+xml,%3Csvg/%3E'/>"
    ),
    "a fill from elsewhere": svg("<rect fill='url(http://127.0.0.1:1/a.svg#a)'/>"),
    "a style from elsewhere": svg("<style>@import url(http://127.0.0.1:1/a.css);</style>"),
    "a style that is escaped": svg("<style>@\\69mport 'http://127.0.0.1:1/a.css';</style>"),
    "a font from a file": svg("<style>@font-face { src: url('file:///etc/passwd') }</style>"),
    "a style sheet": svg("", before="<?xml-stylesheet href='http://127.0.0.1:1/a.css'?>"),
    "an inclusion": svg(
        "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' parse='text' "
        "href='file:///etc/passwd'/>"
    ),
    "an animated reference": svg(
        "<image href='#a'><set attributeName='href' to='file:///etc/passwd' "
        "href='http://127.0.0.1:1/'/></image>"
    ),
}


def _deep(count: int) -> bytes:
    return svg("<g>" * count + "</g>" * count)


def _uses(levels: int) -> bytes:
    """Each level uses the one before ten times."""
    parts = "<g id='l0'><rect width='1' height='1'/></g>" + "".join(
        f"<g id='l{n}'>" + f"<use href='#l{n - 1}'/>" * 10 + "</g>" for n in range(1, levels)
    )
    return svg(f"<defs>{parts}</defs><use href='#l{levels - 1}'/>")


def _embedded(data: bytes, kind: str) -> bytes:
    return svg(_image(data, kind))


def _many_embedded(count: int) -> bytes:
    """Pictures that differ, so that none stands for another."""
    return svg("".join(_image(png(2_500 - n, 2_500, depth=1), "png") for n in range(count)))


def _image(data: bytes, kind: str) -> str:
    text = base64.b64encode(data).decode()
    return f"<image width='64' height='64' href='data:image/{kind};base64,{text}'/>"


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    yield "side", lambda: svg("", attributes="width='65535' height='65535'"), (Reason.LIMIT_SIDE,)
    yield (
        "longest side",
        lambda: svg("", attributes="width='1e30' height='1e30'"),
        (Reason.LIMIT_SIDE,),
    )
    yield (
        "side of the box",
        lambda: svg("", attributes="viewBox='0 0 99999999 9'"),
        (Reason.LIMIT_SIDE,),
    )
    yield (
        "pixels",
        lambda: svg("", attributes="width='19999' height='19999'"),
        (Reason.LIMIT_PIXELS,),
    )
    yield (
        "a picture in it",
        lambda: _embedded(png(19_999, 19_999, depth=1), "png"),
        (Reason.LIMIT_PIXELS,),
    )
    yield "pictures in it that add up", partial(_many_embedded, 9), (Reason.LIMIT_PIXELS,)
    yield "depth", partial(_deep, 100_000), (Reason.IMAGE_CORRUPT,)
    yield "bytes", lambda: svg("<g/>" * 2_600_000), (Reason.LIMIT_BYTES,)
    yield "no size", lambda: svg("", attributes=""), (Reason.IMAGE_CORRUPT,)
    yield (
        "a size of nothing",
        lambda: svg("", attributes="width='0' height='0'"),
        (Reason.IMAGE_CORRUPT,),
    )
    yield (
        "a size below nothing",
        lambda: svg("", attributes="width='-9' height='-9'"),
        (Reason.IMAGE_CORRUPT,),
    )
    yield "not well-formed", lambda: svg("<g></svg>"), (Reason.IMAGE_CORRUPT,)
    yield "deflated", lambda: gzip.compress(whole("svg"), mtime=0), (Reason.IMAGE_UNRECOGNISED,)


def _puzzles() -> Iterator[tuple[str, Make]]:
    yield "a use of itself", lambda: svg("<g id='a'><use href='#a'/></g>")
    yield (
        "uses in a circle",
        lambda: svg("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>"),
    )
    yield "uses of uses", partial(_uses, 7)
    yield (
        "a pattern of itself",
        lambda: svg(
            "<pattern id='a' width='1' height='1'>"
            "<rect width='9' height='9' fill='url(#a)'/></pattern>"
            "<rect width='64' height='64' fill='url(#a)'/>"
        ),
    )
    yield (
        "a huge blur",
        lambda: svg(
            "<filter id='a' x='-1e4' y='-1e4' width='1e5' height='1e5'>"
            "<feGaussianBlur stdDeviation='1e9'/></filter>"
            "<rect width='64' height='64' filter='url(#a)'/>"
        ),
    )
    yield (
        "endless turbulence",
        lambda: svg(
            "<filter id='a'><feTurbulence baseFrequency='9' numOctaves='2147483647'/></filter>"
            "<rect width='64' height='64' filter='url(#a)'/>"
        ),
    )
    yield "a damaged picture in it", lambda: _embedded(whole("jpeg")[:600], "jpeg")
    yield (
        "a dash of nothing",
        lambda: svg("<path d='M0 0H64' stroke='red' stroke-dasharray='1e-9'/>"),
    )
    yield "many elements", lambda: svg("<rect width='64' height='64'/>" * 10_000)
    yield "a huge path", lambda: svg(f"<path d='M0 0{'L9 9L1e9 1' * 50_000}' stroke='red'/>")


def cases() -> Iterator[Case]:
    """Every SVG."""
    for name, data in _ACTIVE.items():
        yield refused(
            f"svg with {name}",
            SourceFormat.SVG,
            partial(bytes, data),
            Reason.IMAGE_FORMAT_UNSUPPORTED,
        )
    for name, make, reasons in _bombs():
        yield refused(f"svg bomb: {name}", SourceFormat.SVG, make, *reasons)
    for name, make in _puzzles():
        yield either(f"svg with {name}", SourceFormat.SVG, make, *_PUZZLING)
    # librsvg ends its process where it cannot have the memory; for this much it can.
    yield harmless(
        "svg with as large a picture in it as may be",
        SourceFormat.SVG,
        lambda: _embedded(png(7_000, 7_000, depth=16, colour=6), "png"),
    )


_PUZZLING: Final = (Reason.IMAGE_CORRUPT, Reason.CHILD_MEMORY)
