"""Drawings: SVG is sized, drawn at the size needed, and refused where it does more than draw."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason
from tests.unit.imaging.conftest import run_conversion

Pixels = npt.NDArray[np.uint8]
RunProbe = Callable[..., Probe]

XMLNS = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"
SQUARE = "<rect width='20' height='10' fill='#ff0000'/>"
PNG = "data:image/png;base64,iVBORw0KGgo="


def svg(content: str = SQUARE, attributes: str = "width='40' height='20'") -> bytes:
    return f"<svg {XMLNS} {attributes}>{content}</svg>".encode()


@pytest.fixture
def draw(probe: RunProbe, tmp_path: Path) -> Callable[[bytes], Probe]:
    def run(data: bytes) -> Probe:
        (path := tmp_path / "a.svg").write_bytes(data)
        return probe(path, limits={"allow_svg": True})

    return run


Draw = Callable[[bytes], Probe]


def refusal(draw: Draw, data: bytes) -> PicstoreError:
    with pytest.raises(InvalidArgument) as caught:
        draw(data)
    return caught.value


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("width='40' height='20'", (40, 20)),
        ("width='40px' height='20px' viewBox='0 0 1 1'", (40, 20)),
        ("width='1in' height='2.54cm'", (96, 96)),
        ("width='72pt' height='6pc'", (96, 96)),
        ("width='25.4mm' height='1e1'", (96, 10)),
        ("viewBox='0 0 30 10'", (30, 10)),
        ("viewBox='-5,-5,30,10'", (30, 10)),
        ("width='100%' height='100%' viewBox='0 0 30 10'", (30, 10)),
        ("width='60' viewBox='0 0 30 10'", (60, 20)),
        ("height='30' viewBox='0 0 30 10'", (90, 30)),
    ],
)
def test_a_drawing_says_how_large_it_is(attributes: str, size: tuple[int, int], draw: Draw) -> None:
    probed = draw(svg(attributes=attributes))
    assert (probed.format, probed.width, probed.height) == (SourceFormat.SVG, *size)
    assert probed.has_alpha


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (svg(attributes=""), Reason.IMAGE_CORRUPT),
        (svg(attributes="width='100%' height='100%'"), Reason.IMAGE_CORRUPT),
        (svg(attributes="width='0' height='9'"), Reason.IMAGE_CORRUPT),
        (svg(attributes="width='-9' height='9'"), Reason.IMAGE_CORRUPT),
        (svg(attributes="width='nan' height='9'"), Reason.IMAGE_CORRUPT),
        (svg(attributes="width='1e400' height='9'"), Reason.LIMIT_SIDE),
        (svg(attributes="width='1e400' viewBox='0 0 1e400 1e400'"), Reason.LIMIT_SIDE),
        (svg(attributes="width='4294967306' height='9'"), Reason.LIMIT_SIDE),
        (svg(attributes="width='20001' height='9'"), Reason.LIMIT_SIDE),
        (svg(attributes="width='20000' height='20000'"), Reason.LIMIT_PIXELS),
        (svg("<g>"), Reason.IMAGE_CORRUPT),
        (b"<?xml version='1.0' encoding='utf-7'?>" + svg(), Reason.IMAGE_CORRUPT),
        (b"<?xml version='1.0' encoding='none'?>" + svg(), Reason.IMAGE_CORRUPT),
        (svg("&nbsp;"), Reason.IMAGE_CORRUPT),
        (svg("<g>" * 250 + "</g>" * 250), Reason.IMAGE_CORRUPT),
        (b"<svg xmlns='urn:other' width='9' height='9'/>", Reason.IMAGE_CORRUPT),
        (svg()[:-7], Reason.IMAGE_TRUNCATED),
        (b"<svg " + b" " * 10_000_000, Reason.LIMIT_BYTES),
    ],
)
def test_what_is_no_drawing_is_refused_with_its_reason(
    data: bytes, reason: Reason, draw: Draw
) -> None:
    assert refusal(draw, data).reason is reason


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + svg("<text>&a;</text>"), "declarations"),
        (
            b"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + svg("<text>&a;</text>"),
            "declarations",
        ),
        (svg("<script>alert(1)</script>"), "scripts"),
        (svg("<rect onload='alert(1)'/>"), "scripts"),
        (svg("<image href='http://169.254.169.254/'/>"), "references to other files"),
        (svg("<image xlink:href='file:///etc/passwd'/>"), "references to other files"),
        (svg("<image href='neighbour.png'/>"), "references to other files"),
        (svg("<image href='data:image/svg+xml,%3Csvg/%3E'/>"), "references to other files"),
        (svg("<use href='other.svg#a'/>"), "references to other files"),
        (svg("<rect fill='url(http://example.com/a.svg#b)'/>"), "references to other files"),
        (svg("<rect style='fill:url( \"a.svg#b\")'/>"), "references to other files"),
        (svg("<style>@import 'a.css';</style>"), "references to other files"),
        (svg("<style><![CDATA[@im]]><![CDATA[port 'a.css';]]></style>"), "references to other"),
        (svg("<rect style='fill:\\75rl(a.svg#b)'/>"), "escaped styles"),
        (b"<?xml-stylesheet href='a.css'?>" + svg(), "references to other files"),
        (
            svg("<x:include xmlns:x='http://www.w3.org/2001/XInclude' href='#a'/>"),
            "inclusions",
        ),
    ],
)
def test_a_drawing_that_does_more_than_draw_is_refused(data: bytes, found: str, draw: Draw) -> None:
    error = refusal(draw, data)
    assert error.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert error.message.startswith(f"an SVG with {found}")


@pytest.mark.parametrize(
    "content",
    [
        "<a href='https://example.com/'><rect width='9' height='9'/></a>",
        "<defs><rect id='r' width='9' height='9'/></defs><use href='#r'/><use xlink:href='#r'/>",
        f"<image href='{PNG}' width='9' height='9'/>",
        "<linearGradient id='g'/><rect fill='url(#g)' style='stroke:url(\"#g\")'/>",
        "<title>C:\\drawings (1)</title><style>.a { fill: red }</style>",
    ],
)
def test_a_drawing_may_refer_to_itself(content: str, draw: Draw) -> None:
    assert draw(svg(content)).width == 40


def raster(format: str, width: int = 300, height: int = 200, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, format, **options)
    return buffer.getvalue()


def in_base64(data: bytes) -> str:
    return ";base64," + base64.b64encode(data).decode()


RASTERS = [
    ("png", in_base64(raster("PNG"))),
    ("png", "," + "".join(f"%{byte:02x}" for byte in raster("PNG"))),
    ("png", in_base64(raster("PNG")).replace("base64", "ba&#10;se64")),
    ("png", in_base64(raster("PNG")).replace(";base64,", ";charset=utf-8; BASE64 ,").rstrip("=")),
    ("jpeg", in_base64(raster("JPEG"))),
    ("jpg", in_base64(raster("JPEG", progressive=True, exif=b"Exif\0\0" + b"\xff\xd9" * 99))),
    ("gif", in_base64(raster("GIF"))),
    ("webp", in_base64(raster("WEBP"))),
    ("WEBP", in_base64(raster("WEBP", lossless=True))),
]


@pytest.mark.parametrize(("kind", "data"), RASTERS)
def test_pictures_in_a_drawing_count_together(
    kind: str, data: str, probe: RunProbe, tmp_path: Path
) -> None:
    image = f"<image xlink:href='data:image/{kind}{data}' width='9' height='9'/>"
    (path := tmp_path / "a.svg").write_bytes(svg(image * 2))
    limits = {"allow_svg": True, "embedded_pixels": 2 * 300 * 200}
    assert probe(path, limits=limits).width == 40
    with pytest.raises(InvalidArgument) as caught:
        probe(path, limits=limits | {"embedded_pixels": 2 * 300 * 200 - 1})
    assert caught.value.reason is Reason.LIMIT_PIXELS
    assert caught.value.metadata["actual"] == "120000"


def test_the_line_that_drawing_programs_write_is_harmless(draw: Draw) -> None:
    doctype = (
        b"<?xml version='1.0' encoding='utf-8'?><!-- drawn by hand -->\n<!DOCTYPE svg PUBLIC "
        b"'-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd'>\n"
    )
    assert draw(doctype + svg()).width == 40


@pytest.mark.parametrize("side", ["10.2", "10.5", "10.8", "0.6"])
def test_a_drawing_passes_the_limits_of_its_own_size(
    side: str, draw: Draw, probe: RunProbe, tmp_path: Path
) -> None:
    first = draw(svg(attributes=f"width='{side}' height='{side}'"))
    limits = {"allow_svg": True, "side": first.width, "pixels": first.width * first.height}
    assert probe(tmp_path / "a.svg", limits=limits) == first


def test_drawings_are_refused_by_name_unless_they_are_allowed(
    probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a.svg").write_bytes(svg())
    with pytest.raises(InvalidArgument) as caught:
        probe(path)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert caught.value.metadata["format"] == "svg"


def test_a_drawing_is_drawn_at_the_size_that_is_needed(
    draw: Draw, decoded: Callable[[Path], Pixels], tmp_path: Path
) -> None:
    # An edge at a third of the width: enlarged pixels would blur it over a dozen of them.
    data = svg("<rect x='3' width='9' height='9' fill='#0000ff'/>", "width='9' height='9'")
    probed = draw(data + b"\0 and more")
    assert probed.trailing_bytes == 10
    profile = Profile(
        formats=(FormatRule(format=Format.PNG),),
        sizes=(SizeRule(width=900), SizeRule(width=3)),
    )
    specs = [output.spec for output in plan_outputs(profile, probed.facts())]
    made = run_conversion(tmp_path / "a.svg", probed, specs, tmp_path / "outputs")
    large, small = (decoded(path) for path in made.paths)
    assert large.shape == (900, 900, 4)
    assert small.shape == (3, 3, 4)
    assert large[450, 298, 3] == 0
    assert large[450, 301].tolist() == [0, 0, 255, 255]
