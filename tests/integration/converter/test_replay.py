"""A job made once more gives the same bytes, or the same failure."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow

from picstore_converter.model import LayerSource, Rendering, WantedOutput
from picstore_converter.replay import Made, NotMade, missing, redraw, replay
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.overlay.template import (
    Canvas,
    ImageLayer,
    Layer,
    Length,
    Overlay,
    TextLayer,
)
from picstore_imaging.plan import OutputSpec
from picstore_imaging.rules import AutoQuality, Fit, Gravity
from picstore_kit.errors import Reason
from picstore_kit.ids import ImageId, LocationId, OutputId, new_id
from picstore_kit.sandbox.limits import SandboxLimits
from tests.fonts import FAMILY, write_font
from tests.pictures import photo

FACTS = SourceFacts(format=SourceFormat.JPEG, width=640, height=480)


def wanted() -> list[WantedOutput]:
    return [
        WantedOutput(
            id=new_id(OutputId),
            spec=OutputSpec(
                format=format,
                width=width,
                height=width * 3 // 4,
                fit=Fit.INSIDE,
                gravity=Gravity.CENTRE,
                density=1.0,
                quality=70,
                lossless=False,
                effort=2,
                background=None,
            ),
        )
        for format in (Format.JPEG, Format.WEBP, Format.AVIF)
        for width in (160, 320)
    ]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "original"
    path.write_bytes(photo(640, 480, seed="replay"))
    return path


@pytest.fixture
def cut(source: Path) -> Path:
    """The original, as far as somebody got it."""
    source.write_bytes(source.read_bytes()[:3000])
    return source


async def played(
    source: Path,
    outputs: Sequence[WantedOutput],
    *,
    only: Sequence[WantedOutput] | None = None,
    limits: SandboxLimits | None = None,
    keep: Path | None = None,
    facts: SourceFacts = FACTS,
    fonts_dir: Path | None = None,
) -> dict[OutputId, Made | NotMade]:
    return await replay(
        source,
        facts,
        outputs,
        only={output.id for output in (outputs if only is None else only)},
        limits=limits or SandboxLimits(),
        scratch=source.parent,
        keep=keep,
        fonts_dir=fonts_dir,
    )


async def test_the_same_bytes_come_of_it_each_time(source: Path, tmp_path: Path) -> None:
    outputs = wanted()
    (keep := tmp_path / "kept").mkdir()
    first = await played(source, outputs, keep=keep)
    hashes = {}
    for output_id, made in first.items():
        assert isinstance(made, Made)
        hashes[output_id] = made.sha256
        (path,) = keep.glob(f"{output_id}.*")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.sha256
        assert made.recipe.steps[0] == "load jpeg 640x480"
    assert hashes.keys() == {output.id for output in outputs}

    # Of a few alone as well: they are made of the same sizes.
    some = [output for output in outputs if output.spec.width == 160]
    again = await played(source, outputs, only=some)
    assert {
        output_id: made.sha256 for output_id, made in again.items() if isinstance(made, Made)
    } == {output.id: hashes[output.id] for output in some}
    assert sorted(path.name for path in source.parent.iterdir()) == ["kept", "original"]


async def test_a_search_that_begins_where_it_began_comes_to_the_same(tmp_path: Path) -> None:
    noise = Pillow.frombytes("RGB", (300, 300), random.Random(0).randbytes(3 * 300 * 300))
    noise.save(source := tmp_path / "original", "PNG")
    sought = replace(
        wanted()[0].spec, width=300, height=300, quality=None, auto_quality=AutoQuality(target=80)
    )
    facts = SourceFacts(format=SourceFormat.PNG, width=300, height=300)

    async def made(start: int | None) -> Made:
        output = WantedOutput(id=new_id(OutputId), spec=sought, start_quality=start)
        (one,) = (await played(source, [output], facts=facts)).values()
        assert isinstance(one, Made)
        return one

    first = await made(None)
    assert (await made(first.recipe.start_quality)).sha256 == first.sha256
    # Noise needs five encodes, and from what they come to the search goes on to a lower quality.
    assert (await made(first.recipe.quality)).sha256 != first.sha256


def card(*layers: Layer, images: Sequence[LayerSource] = ()) -> Rendering:
    return Rendering(
        overlay=Overlay(canvas=Canvas(width=400, height=210), layers=layers),
        focal_point=None,
        images=tuple(images),
        object_key="",
        abandoned_keys=(),
    )


def title(font: str = "Inter") -> Layer:
    return Layer(text=TextLayer(text="Hello", font=font, size=Length(px=40)))


async def test_the_same_bytes_are_drawn_each_time(source: Path, tmp_path: Path) -> None:
    logo = LayerSource(
        id=new_id(ImageId),
        location=LocationId(""),
        key="",
        facts=SourceFacts(format=SourceFormat.PNG, width=40, height=40),
    )
    Pillow.new("RGB", (40, 40), "red").save(layer := tmp_path / "logo", "PNG")
    rendering = card(title(), Layer(image=ImageLayer(image_id=logo.id)), images=[logo])
    results = [
        await redraw(
            source,
            FACTS,
            rendering,
            {logo.id: layer},
            limits=SandboxLimits(),
            scratch=tmp_path,
            keep=tmp_path / name,
        )
        for name in ("one.png", "two.png")
    ]
    for made in results:
        assert isinstance(made, Made)
        assert f"layer 1: {logo.id} png 40x40, inside" in made.recipe.steps
        assert made.sha256 == hashlib.sha256((tmp_path / "one.png").read_bytes()).hexdigest()
    with Pillow.open(tmp_path / "two.png") as drawn:
        assert drawn.size == (400, 210)
    assert set(os.listdir(tmp_path)) == {"original", "logo", "one.png", "two.png"}


async def test_an_operators_font_is_drawn_with_where_it_is(
    source: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_font(fonts_dir := tmp_path_factory.mktemp("fonts"))
    limits = SandboxLimits()
    without = await redraw(source, FACTS, card(title(FAMILY)), {}, limits=limits, scratch=tmp_path)
    assert isinstance(without, NotMade)
    assert (without.reason, without.death) == (Reason.FONT_UNKNOWN, None)
    made = await redraw(
        *(source, FACTS, card(title(FAMILY)), {}),
        limits=limits,
        scratch=tmp_path,
        fonts_dir=fonts_dir,
    )
    assert isinstance(made, Made)
    assert f"font {FAMILY}: of the operator" in made.recipe.steps


async def test_an_svg_is_drawn_with_the_operators_fonts(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_font(fonts_dir := tmp_path_factory.mktemp("fonts"))
    (source := tmp_path / "original").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480">'
        f'<text x="20" y="120" font-size="90" font-family="{FAMILY}" font-weight="900">Words</text>'
        "</svg>"
    )
    facts = SourceFacts(format=SourceFormat.SVG, width=640, height=480, has_alpha=True)
    output = next(one for one in wanted() if one.spec.format is Format.WEBP)
    made = [
        (await played(source, [output], facts=facts, fonts_dir=fonts))[output.id]
        for fonts in (None, fonts_dir, fonts_dir)
    ]
    plain, *fine = (one.sha256 for one in made if isinstance(one, Made))
    assert len(set(fine)) == 1
    assert plain != fine[0]


async def test_a_drawing_that_runs_into_a_limit_is_told_of(source: Path, tmp_path: Path) -> None:
    limits = SandboxLimits(wall_s=0.001)
    result = await redraw(source, FACTS, card(title()), {}, limits=limits, scratch=tmp_path)
    assert isinstance(result, NotMade)
    assert result.death is not None
    assert (result.reason, result.death.limit) == (Reason.CHILD_TIMEOUT, "wall")


async def test_a_drawing_that_no_child_has_the_memory_for_is_refused_as_by_a_converter(
    source: Path, tmp_path: Path
) -> None:
    limits = SandboxLimits(memory_bytes=1024**2)
    result = await redraw(source, FACTS, card(title()), {}, limits=limits, scratch=tmp_path)
    assert isinstance(result, NotMade)
    assert (result.reason, result.death) == (Reason.LIMIT_PIXELS, None)


async def test_a_child_that_runs_into_a_limit_is_told_of(source: Path) -> None:
    outputs = wanted()
    results = await played(source, outputs, limits=SandboxLimits(wall_s=0.001))
    assert results.keys() == {output.id for output in outputs}
    for result in results.values():
        assert isinstance(result, NotMade)
        assert result.reason is Reason.CHILD_TIMEOUT
        assert result.death is not None
        assert result.death.limit == "wall"


async def test_a_source_that_does_not_decode_fails_and_kills_nobody(cut: Path) -> None:
    for result in (await played(cut, wanted())).values():
        assert isinstance(result, NotMade)
        assert (result.reason, result.death) == (Reason.IMAGE_TRUNCATED, None)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == []
    monkeypatch.setattr("picstore_converter.replay.NEEDS", ("pyvips", "no_such_package"))
    assert missing() == ["no_such_package"]
