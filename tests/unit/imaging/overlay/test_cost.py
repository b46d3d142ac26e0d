"""How much memory and time an overlay will take follows from its canvas, pictures and layers."""

from __future__ import annotations

from dataclasses import replace

from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat
from picstore_imaging.overlay.cost import (
    MAX_CPU_MS,
    estimate_overlay_cpu_ms,
    estimate_overlay_memory_bytes,
    is_dear_overlay,
)
from picstore_imaging.overlay.template import (
    Box,
    Canvas,
    FillLayer,
    Fit,
    ImageLayer,
    Layer,
    Length,
    Outline,
    Overlay,
    Shadow,
    TextLayer,
)

BASE = SourceFacts(format=SourceFormat.JPEG, width=4_000, height=3_000)
CARD = Overlay(
    canvas=Canvas(width=1200, height=630), layers=(Layer(fill=FillLayer(colour="#000000")),)
)
TEXT = TextLayer(text="a", font="Inter", size=Length(px=20))
MIB = 1024**2


def estimate(overlay: Overlay, base: SourceFacts = BASE, **images: SourceFacts) -> int:
    return estimate_overlay_memory_bytes(overlay, base, images)


def cpu(overlay: Overlay, base: SourceFacts = BASE, **images: SourceFacts) -> float:
    return estimate_overlay_cpu_ms(overlay, base, images)


def test_a_social_card_takes_little() -> None:
    assert estimate(CARD) < 128 * MIB


def test_memory_grows_with_the_canvas() -> None:
    sizes = [
        estimate(replace(CARD, canvas=Canvas(width=side, height=side)))
        for side in (1_000, 4_000, 10_000)
    ]
    assert sizes == sorted(sizes)
    assert 1024 * MIB < sizes[-1] < 2048 * MIB


def test_without_a_canvas_it_is_the_base_picture() -> None:
    plain = replace(CARD, canvas=Canvas())
    assert estimate(plain, replace(BASE, width=8_000)) > estimate(plain) > estimate(CARD)


def test_outlines_take_more_and_small_boxes_less() -> None:
    large = replace(TEXT, text="a" * 200, size=Length(px=200))
    plain = replace(CARD, canvas=Canvas(), layers=(Layer(text=large),))
    outlined = replace(large, outline=Outline(colour="#000000", width=Length(px=100)))
    small = Box(width=Length(px=10), height=Length(px=10))
    for cost in (estimate, cpu):
        assert cost(replace(plain, layers=(Layer(text=outlined),))) > cost(plain)
        assert cost(replace(plain, layers=(Layer(text=outlined, box=small),))) < cost(plain)


def test_of_a_picture_that_is_cropped_counts_what_is_seen() -> None:
    covering = ImageLayer(image_id="logo", fit=Fit.COVER)
    overlay = replace(CARD, layers=(Layer(image=covering),))
    square = SourceFacts(format=SourceFormat.PNG, width=500, height=500)
    assert estimate(overlay, logo=replace(square, height=1)) <= estimate(overlay, logo=square)
    thin = replace(BASE, width=20_000, height=16)
    assert estimate(CARD, thin) < 128 * MIB
    avif = replace(square, format=SourceFormat.AVIF, width=7_000, height=7_000)
    assert estimate(overlay, logo=avif) > 700_000_000


def test_of_tiles_counts_what_is_seen() -> None:
    square = SourceFacts(format=SourceFormat.PNG, width=64, height=64)
    tile = ImageLayer(image_id="logo", tile=True)
    gap = replace(tile, tile_gap=Length(px=14_000))
    wide = replace(tile, tile_width=Length(px=16_000))
    for layer in (Layer(image=gap), Layer(image=wide)):
        assert estimate(replace(CARD, layers=(layer,)), logo=square) < 128 * MIB


def test_a_social_card_is_quick() -> None:
    shadow = Shadow(colour="#000000", blur=Length(px=8))
    title = replace(TEXT, text="A title of some words", size=Length(px=72), shadow=shadow)
    card = replace(CARD, layers=(*CARD.layers, Layer(text=title)))
    assert 100 < cpu(card) < 1_000
    assert not is_dear_overlay(cpu(card))


def test_what_is_large_and_soft_is_dear() -> None:
    shadow = Shadow(colour="#000000", blur=Length(px=100))
    outline = Outline(colour="#ff0000", width=Length(px=100))
    large = replace(TEXT, text="W " * 1_500, size=Length(px=200), shadow=shadow, outline=outline)
    overlay = Overlay(canvas=Canvas(width=4_000, height=4_000), layers=(Layer(text=large),))
    assert is_dear_overlay(cpu(overlay))
    assert cpu(overlay) < MAX_CPU_MS
    assert cpu(replace(overlay, layers=overlay.layers * 10)) > MAX_CPU_MS


def test_every_kind_of_picture_costs_something_to_decode() -> None:
    for source_format in SourceFormat:
        dear = replace(BASE, format=source_format)
        assert cpu(CARD, dear) > cpu(CARD, replace(dear, width=400))
