"""How much memory an overlay will take follows from the canvas, the pictures and the layers."""

from __future__ import annotations

from dataclasses import replace

from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat
from picstore_imaging.overlay.cost import estimate_overlay_memory_bytes
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
    plain = replace(CARD, canvas=Canvas(), layers=(Layer(text=TEXT),))
    outlined = replace(TEXT, outline=Outline(colour="#000000", width=Length(px=4)))
    small = Box(width=Length(px=10), height=Length(px=10))
    assert estimate(replace(plain, layers=(Layer(text=outlined),))) > estimate(plain)
    assert estimate(replace(plain, layers=(Layer(text=outlined, box=small),))) < estimate(plain)


def test_a_picture_that_is_cropped_counts_whole() -> None:
    covering = ImageLayer(image_id="logo", fit=Fit.COVER)
    overlay = replace(CARD, layers=(Layer(image=covering),))
    square = SourceFacts(format=SourceFormat.PNG, width=500, height=500)
    thin = replace(square, height=10)
    assert estimate(overlay, logo=thin) > estimate(overlay, logo=square)
    avif = replace(square, format=SourceFormat.AVIF, width=7_000, height=7_000)
    assert estimate(overlay, logo=avif) > 700_000_000
