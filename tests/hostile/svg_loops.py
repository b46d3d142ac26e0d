"""SVG: drawings of themselves, filters beyond measure, and more ways to refer to elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, refused
from tests.hostile.svg import svg

_RECT: Final = "<rect width='64' height='64' fill='red' {}/>"
_ELSEWHERE: Final = (
    "file:///etc/passwd",
    "http://127.0.0.1:1/a",
    "//127.0.0.1:1/a",
    "ftp://127.0.0.1/a",
    "a.svg#b",
    "../source#a",
    "javascript:alert(1)",
    "data:text/html,a",
    "data:image/svg+xml;base64,PHN2Zy8+",
    " \n file:///etc/passwd",
    "FILE:///etc/passwd",
)
_REFERRING: Final = (
    "<image width='9' height='9' href='{}'/>",
    "<use href='{}'/>",
    "<feImage xmlns:x='http://www.w3.org/1999/xlink' x:href='{}'/>",
    "<linearGradient href='{}'/>",
    "<tref xlink:href='{}'/>",
    "<foreignObject><iframe xmlns='http://www.w3.org/1999/xhtml' src='{}'/></foreignObject>",
    "<rect style='fill:url({})'/>",
    "<rect filter='url(&quot;{}&quot;)'/>",
    "<style>rect {{ mask: url({}) }}</style>",
    "<style><![CDATA[@import '{}';]]></style>",
)
_BY_ITSELF: Final = {
    "clip-path": "<clipPath id='a'><rect width='9' height='9' clip-path='url(#a)'/></clipPath>",
    "mask": "<mask id='a'><rect width='9' height='9' mask='url(#a)'/></mask>",
    "filter": "<filter id='a'><feImage href='#b'/></filter><g id='b' filter='url(#a)'/>",
    "marker-start": "<marker id='a'><path d='M0 0H9' marker-start='url(#a)'/></marker>",
    "fill": "<linearGradient id='a' href='#b'/><linearGradient id='b' href='#a'/>",
    "stroke": "<pattern id='a' width='.1' height='.1' href='#a'/>",
}
_FILTERS: Final = {
    "a morphology": "<feMorphology operator='dilate' radius='1e9'/>",
    "a matrix": "<feConvolveMatrix order='999 999' kernelMatrix='1 2 3'/>",
    "a full matrix": f"<feConvolveMatrix order='60' kernelMatrix='{'1 ' * 3_600}'/>",
    "a displacement": "<feDisplacementMap in2='SourceGraphic' scale='1e30'/>",
    "light": "<feDiffuseLighting surfaceScale='1e30'><fePointLight z='1e30'/></feDiffuseLighting>",
    "a shift": "<feOffset dx='1e30' dy='-1e30'/>",
    "tiles": "<feFlood x='0' y='0' width='1e-9' height='1e-9'/><feTile/>",
    "1,000 blurs": "<feGaussianBlur stdDeviation='9'/>" * 1_000,
    "1,000 blends": "<feBlend in2='SourceGraphic'/>" * 1_000,
    "a merge": f"<feMerge>{'<feMergeNode/>' * 500}</feMerge>",
    "a table": f"<feComponentTransfer><feFuncR type='table' tableValues='{'0 1 ' * 9_000}'/>"
    "</feComponentTransfer>",
    "no numbers": "<feColorMatrix values='nan inf'/><feComposite k1='nan' operator='arithmetic'/>",
}


def _sizes() -> Iterator[tuple[str, Make]]:
    for name, attributes in (
        ("a box beyond all", "width='64' height='64' viewBox='-1e30 -1e30 1e38 1e38'"),
        ("a box of nothing", "width='64' height='64' viewBox='0 0 0 0'"),
        ("a box below nothing", "width='64' height='64' viewBox='0 0 -1 -1'"),
        ("a tiny box", "width='64' height='64' viewBox='0 0 1e-30 1e-30'"),
        ("half a box", "width='64' height='64' viewBox='0 0 9'"),
        ("sides that are no numbers", "width='1e400' viewBox='0 0 1e400 1e400'"),
        ("a side of all sides", "width='1e308' viewBox='0 0 1e-308 1e308'"),
        ("sides of a grain", "width='1e-9' height='1e-9'"),
        ("sides in letters", "width='64em' height='64ex' viewBox='0 0 9 9'"),
        ("sides of other digits", "width='٦٤' height='٦٤'"),
        ("an aspect of none", "width='64' height='9' preserveAspectRatio='x' viewBox='0 0 1 1'"),
    ):
        yield name, partial(svg, _RECT.format(""), attributes=attributes)


def _drawings() -> Iterator[tuple[str, Make]]:
    for name, definition in _BY_ITSELF.items():
        yield (
            f"a {name} of itself",
            partial(svg, definition + f"<path d='M0 0H64V64' {name}='url(#a)'/>"),
        )
    for name, primitives in _FILTERS.items():
        yield (
            f"a filter of {name}",
            partial(
                svg, f"<filter id='a'>{primitives}</filter>" + _RECT.format("filter='url(#a)'")
            ),
        )
    for transform in ("matrix(0 0 0 0 0 0)", "scale(1e300)", "skewX(90)", "rotate(1e99)" * 999):
        yield (
            f"a transform by {transform[:12]}",
            partial(svg, _RECT.format(f"transform='{transform}'")),
        )
    for name, content in (
        ("a huge stroke", "<path d='M0 0L9 9' stroke='red' stroke-width='1e30'/>"),
        ("a path of no numbers", "<path d='M nan inf L 1e999 A 1 1 0 9 9 1e99 0'/>"),
        ("arcs", f"<path d='M0 0{'a1e9 1e-9 0 1 1 1 1' * 5_000}'/>"),
        ("letters beyond measure", "<text y='60' font-size='1e9'>a</text>"),
        ("a text of 2,000 words", f"<text y='60'>{'a ' * 2_000}</text>"),
        ("20,000 spans", "<text>" + "<tspan dx='1'>a</tspan>" * 20_000 + "</text>"),
        ("marks on marks", f"<text y='60'>a{'&#x301;' * 20_000}</text>"),
        ("text that turns", f"<text>{'&#x202e;a&#x202c;' * 500}</text>"),
        ("drawings in drawings", "<svg viewBox='0 0 9 9'>" * 150 + "</svg>" * 150),
        ("50,000 stops", f"<linearGradient id='a'>{'<stop/>' * 50_000}</linearGradient>"),
        ("switches", "<switch>" * 150 + "</switch>" * 150),
        ("symbols of symbols", "<symbol id='a'><use href='#a'/></symbol><use href='#a'/>"),
        ("20,000 groups that fade", "<g opacity='.5'><rect width='1' height='1'/></g>" * 20_000),
        ("groups within groups that fade", "<g opacity='.5'>" * 190 + "</g>" * 190),
        ("20,000 classes", f"<style>{'.a b > c + d, ' * 20_000} e {{ fill: red }}</style>"),
        ("a style that never ends", "<style>rect { fill: " + "(" * 50_000 + "</style>"),
        ("a style for all", f"<style>{'* ' * 300}{{}}</style>{_RECT.format('') * 300}"),
        ("an attribute of 5 MB", f"<g id='{'a' * 5_000_000}'/>"),
        ("a comment of 5 MB", f"<!--{'a' * 5_000_000}-->"),
        ("20,000 attributes", "<g " + " ".join(f"a{n}=''" for n in range(20_000)) + "/>"),
        ("20,000 namespaces", "<g " + " ".join(f"xmlns:a{n}='b'" for n in range(20_000)) + "/>"),
        ("a picture of no bytes", "<image width='9' height='9' href='data:image/png;base64,'/>"),
        ("a picture that is none", "<image width='9' height='9' href='data:image/png,%ff%00'/>"),
    ):
        yield name, partial(svg, content)
    for encoding in ("utf-16", "utf-7", "ebcdic-cp-us", "utf-32", "none"):
        yield (
            f"a declared encoding {encoding}",
            partial(svg, _RECT.format(""), before=f"<?xml version='1.0' encoding='{encoding}'?>"),
        )
    yield "an encoding of two bytes", lambda: svg(_RECT.format("")).decode().encode("utf-16")


def cases() -> Iterator[Case]:
    """Every SVG of loops and lies."""
    for number, where in enumerate(_ELSEWHERE):
        for place, element in enumerate(_REFERRING):
            if where.startswith("data:image") and element.startswith("<rect"):
                continue  # a data URI there is refused by others
            yield refused(
                f"svg of reference {number} in place {place}",
                SourceFormat.SVG,
                partial(svg, element.format(where)),
                Reason.IMAGE_FORMAT_UNSUPPORTED,
            )
    for group in (_sizes, _drawings):
        for name, make in group():
            yield either(f"svg with {name}", SourceFormat.SVG, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_UNRECOGNISED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
    Reason.CHILD_MEMORY,
)
