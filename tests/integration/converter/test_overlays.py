"""Overlays in the process that draws them, with every layer of the sandbox on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from picstore_imaging.facts import SourceFacts
from picstore_imaging.fonts import child_environment
from picstore_imaging.formats import SourceFormat
from picstore_imaging.overlay.cost import estimate_overlay_memory_bytes
from picstore_imaging.overlay.template import (
    Box,
    Canvas,
    FillLayer,
    Fit,
    Gravity,
    ImageLayer,
    Layer,
    Length,
    Outline,
    Overflow,
    Overlay,
    Shadow,
    TextLayer,
)
from picstore_kit.errors import Reason
from picstore_kit.sandbox.pool import ChildPool, ChildRefused, SandboxIncomplete, SandboxLimits
from picstore_kit.sandbox.report import Layer as SandboxLayer
from tests.fonts import FAMILY, write_font

LIMITS: Final = SandboxLimits(memory_bytes=2 * 1024**3, cpu_s=60, wall_s=60)


@pytest.fixture
async def pool(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ChildPool]:
    """Children that also have the fonts of an operator, where nothing else may be read."""
    write_font(fonts_dir := tmp_path_factory.mktemp("fonts"))
    async with ChildPool(
        target="picstore_imaging.sandboxed:work",
        size=1,
        spares=0,
        limits=LIMITS,
        work_dir=tmp_path,
        env=child_environment(fonts_dir),
        readable=[fonts_dir],
        required=tuple(SandboxLayer),
    ) as pool:
        try:
            await pool.started()
        except SandboxIncomplete as error:
            pytest.skip(f"this kernel has not every layer: {error.message}")
        yield pool


def text(words: str, top: int, **fields: Any) -> Layer:
    return Layer(
        text=TextLayer(**{"text": words, "font": "Inter", "size": Length(px=40), **fields}),
        box=Box(anchor=Gravity.NORTH_WEST, y=Length(px=top), height=Length(px=50)),
    )


def request_for(directory: Path, *layers: Layer) -> dict[str, Any]:
    Image.new("RGB", (640, 480), "white").save(directory / "base.jpg")
    Image.new("RGBA", (40, 40), (255, 0, 0, 128)).save(directory / "logo.png")
    return {
        "path": str(directory / "base.jpg"),
        "format": "jpeg",
        "overlay": Overlay(canvas=Canvas(width=600, height=400), layers=layers).to_json(),
        "images": {"logo": {"path": str(directory / "logo.png"), "format": "png"}},
        "output": str(directory / "card.png"),
    }


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_a_confined_child_draws_every_kind_of_layer(pool: ChildPool, tmp_path: Path) -> None:
    lines = ["Hello", "שלום", "日本語", "🎉 😀", "ไทย"]
    answer = await pool.result(
        request_for(
            tmp_path,
            Layer(
                fill=FillLayer(colour="#00ff00", radius=Length(px=9)),
                box=Box(anchor=Gravity.SOUTH_EAST, width=Length(px=100), height=Length(px=50)),
            ),
            Layer(
                image=ImageLayer(image_id="logo"),
                box=Box(anchor=Gravity.SOUTH_WEST, width=Length(px=50), height=Length(px=50)),
            ),
            *(text(words, 50 * index) for index, words in enumerate(lines)),
            text(
                "Outline",
                50 * len(lines),
                font=FAMILY,
                outline=Outline(colour="#ff0000", width=Length(px=2)),
                shadow=Shadow(colour="#00000080", blur=Length(px=3)),
            ),
        )
    )
    assert names_in(tmp_path) == {"base.jpg", "logo.png", "card.png"}
    with Image.open(answer["path"]) as card:
        assert (card.mode, card.size) == ("RGB", (600, 400))
        pixels = np.asarray(card)
    for index in range(len(lines) + 1):
        assert pixels[50 * index : 50 * index + 50].min() < 60, index
    assert tuple(pixels[375, 550]) == (0, 255, 0)
    assert abs(pixels[375, 25].astype(int) - (255, 127, 127)).max() <= 2
    assert answer["peak_rss_bytes"] < 400 * 1024**2


async def test_a_refusal_leaves_the_child_fit_for_the_next_call(
    pool: ChildPool, tmp_path: Path
) -> None:
    with pytest.raises(ChildRefused) as caught:
        await pool.result(request_for(tmp_path, text("Hello", 0, font="Zorra")))
    assert caught.value.reason is Reason.FONT_UNKNOWN
    assert caught.value.metadata["known"].startswith(FAMILY)
    with pytest.raises(ChildRefused) as caught:
        await pool.result(
            request_for(tmp_path, text("Hello " * 50, 0, overflow=Overflow.REFUSE)),
        )
    assert caught.value.reason is Reason.TEXT_OVERFLOWS
    assert names_in(tmp_path) == {"base.jpg", "logo.png"}
    [child] = pool.idle
    await pool.result(request_for(tmp_path, text("Hello", 0)))
    assert pool.idle == [child]


LONG: Final = TextLayer(text="W " * 1_500, font="Inter", size=Length(px=200))
SOFT: Final = Shadow(colour="#000000", x=Length(px=200), blur=Length(px=100))
WIDE: Final = Outline(colour="#ff0000", width=Length(px=100))


@pytest.mark.parametrize(
    ("layer", "canvas"),
    [
        (Layer(image=ImageLayer(image_id="logo", tile=True, tile_gap=Length(px=14_000))), 100),
        (Layer(image=ImageLayer(image_id="logo", tile=True, tile_width=Length(px=9_999))), 100),
        (Layer(image=ImageLayer(image_id="logo", tile=True, tile_width=Length(px=1))), 2_000),
        (Layer(image=ImageLayer(image_id="thin", fit=Fit.COVER)), 2_000),
        (Layer(fill=FillLayer(colour="#ff0000", radius=Length(px=50))), 2_000),
        (Layer(text=LONG), 2_000),
        (Layer(text=replace(LONG, size=Length(px=70), overflow=Overflow.ELLIPSIS)), 2_000),
        (Layer(text=replace(LONG, shadow=SOFT, outline=WIDE)), 2_000),
        (Layer(text=replace(LONG, shadow=replace(SOFT, blur=Length(px=9.9)))), 2_000),
        (Layer(text=replace(LONG, text="Hello", shadow=SOFT)), 100),
        (Layer(text=replace(LONG, text="\ufdfd " * 600, size=Length(px=6.28))), 1_000),
        (
            Layer(text=replace(LONG, text="日本 😀 ไทย हिन्दी שלום አማርኛ ខ្មែរ", size=Length(px=40))),
            400,
        ),
    ],
)
@pytest.mark.parametrize("base", [(100, 100), (20_000, 16)])
async def test_no_more_memory_is_taken_than_estimated(
    layer: Layer, canvas: int, base: tuple[int, int], pool: ChildPool, tmp_path: Path
) -> None:
    pictures = {"base": base, "logo": (64, 64), "thin": (1, 3_000)}
    for name, size in pictures.items():
        Image.new("RGB", size, "white").save(tmp_path / f"{name}.png")
    facts = {
        name: SourceFacts(format=SourceFormat.PNG, width=size[0], height=size[1])
        for name, size in pictures.items()
    }
    overlay = Overlay(canvas=Canvas(width=canvas, height=canvas), layers=(layer,))
    answer = await pool.result(
        {
            "path": str(tmp_path / "base.png"),
            "format": "png",
            "overlay": overlay.to_json(),
            "images": {
                name: {"path": str(tmp_path / f"{name}.png"), "format": "png"}
                for name in ("logo", "thin")
            },
            "output": str(tmp_path / "card.png"),
        }
    )
    estimated = estimate_overlay_memory_bytes(overlay, facts["base"], facts)
    assert answer["peak_rss_bytes"] <= estimated
    # What is estimated is kept free for it, so it must not be of what nobody sees.
    assert estimated < 4 * answer["peak_rss_bytes"]
