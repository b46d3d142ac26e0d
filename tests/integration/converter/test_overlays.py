"""Overlays in the process that draws them, with every layer of the sandbox on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
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
from picstore_imaging.recipe import Recipe
from picstore_kit.errors import Reason
from picstore_kit.sandbox.pool import (
    ChildPool,
    ChildRefused,
    Room,
    SandboxIncomplete,
    SandboxLimits,
)
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


async def draw(pool: ChildPool, *layers: Layer) -> tuple[dict[str, Any], Image.Image]:
    """Return what the child says, and the picture, which is all that it has made."""
    rooms: list[Room] = []

    def request_for(room: Room) -> dict[str, Any]:
        rooms.append(room)
        Image.new("RGB", (640, 480), "white").save(base := room.given / "base.jpg")
        Image.new("RGBA", (40, 40), (255, 0, 0, 128)).save(logo := room.given / "logo.png")
        return {
            "path": str(base),
            "format": "jpeg",
            "overlay": Overlay(canvas=Canvas(width=600, height=400), layers=layers).to_json(),
            "images": {"logo": {"path": str(logo), "format": "png"}},
            "output": str(room.made / "card.png"),
        }

    async with aclosing(pool.call(request_for)) as messages:
        answer = await anext(messages)
        assert os.listdir(rooms[0].made) == ["card.png"]
        with Image.open(answer["path"]) as card:
            card.load()
    return answer, card


async def test_a_confined_child_draws_every_kind_of_layer(pool: ChildPool) -> None:
    lines = ["Hello", "שלום", "日本語", "🎉 😀", "ไทย"]
    answer, card = await draw(
        pool,
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
    assert (card.mode, card.size) == ("RGB", (600, 400))
    pixels = np.asarray(card)
    for index in range(len(lines) + 1):
        assert pixels[50 * index : 50 * index + 50].min() < 60, index
    assert tuple(pixels[375, 550]) == (0, 255, 0)
    assert abs(pixels[375, 25].astype(int) - (255, 127, 127)).max() <= 2
    assert answer["peak_rss_bytes"] < 400 * 1024**2
    recipe = Recipe.from_json(answer["recipe"])
    assert recipe.steps[:4] == (
        "load jpeg 640x480",
        "canvas 600x400, cover",
        "layer 0: fill #00ff00",
        "layer 1: logo png 40x40, inside",
    )
    assert recipe.steps[4] == "layer 2: text in Inter 400, 40 px, 5 characters"
    assert recipe.steps[-3:] == (
        "font Inter: of fontpkg_inter",
        f"font {FAMILY}: of the operator",
        "encode by libpng: compression 3, filter all",
    )
    assert recipe.encoder_version.startswith("libvips ")
    assert 0 < recipe.peak_rss_bytes <= answer["peak_rss_bytes"]


async def test_a_refusal_leaves_the_child_fit_for_the_next_call(pool: ChildPool) -> None:
    with pytest.raises(ChildRefused) as caught:
        await draw(pool, text("Hello", 0, font="Zorra"))
    assert caught.value.reason is Reason.FONT_UNKNOWN
    assert caught.value.metadata["known"].startswith(FAMILY)
    with pytest.raises(ChildRefused) as caught:
        await draw(pool, text("Hello " * 50, 0, overflow=Overflow.REFUSE))
    assert caught.value.reason is Reason.TEXT_OVERFLOWS
    [child] = pool.idle
    await draw(pool, text("Hello", 0))
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
    layer: Layer, canvas: int, base: tuple[int, int], pool: ChildPool
) -> None:
    pictures = {"base": base, "logo": (64, 64), "thin": (1, 3_000)}
    facts = {
        name: SourceFacts(format=SourceFormat.PNG, width=size[0], height=size[1])
        for name, size in pictures.items()
    }
    overlay = Overlay(canvas=Canvas(width=canvas, height=canvas), layers=(layer,))

    def request_for(room: Room) -> dict[str, Any]:
        paths = {name: str(room.given / f"{name}.png") for name in pictures}
        for name, size in pictures.items():
            Image.new("RGB", size, "white").save(paths[name])
        return {
            "path": paths["base"],
            "format": "png",
            "overlay": overlay.to_json(),
            "images": {name: {"path": paths[name], "format": "png"} for name in ("logo", "thin")},
            "output": str(room.made / "card.png"),
        }

    answer = await pool.result(request_for)
    estimated = estimate_overlay_memory_bytes(overlay, facts["base"], facts)
    assert answer["peak_rss_bytes"] <= estimated
    # What is estimated is kept free for it, so it must not be of what nobody sees.
    assert estimated < 4 * answer["peak_rss_bytes"]
