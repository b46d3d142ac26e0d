"""Letters as Pillow sees them: where they are, in which colours, and that none leaves its box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from picstore_imaging.overlay.effects import blurred
from picstore_imaging.overlay.template import (
    Box,
    Gravity,
    Layer,
    Length,
    Outline,
    Overflow,
    Shadow,
    TextAlignment,
    TextLayer,
    VerticalAlignment,
)
from picstore_kit.errors import FailedPrecondition, Reason
from tests.unit.imaging.overlay.conftest import Draw, Extent, Pixels

WHITE = (255, 255, 255)
HEBREW = "שלום עולם"


def px(pixels: float) -> Length:
    return Length(px=pixels)


def text(
    words: str, *, box: Box | None = None, size: float = 40, opacity: float = 1, **fields: Any
) -> Layer:
    return Layer(
        text=TextLayer(**{"text": words, "font": "Noto Sans", "size": px(size), **fields}),
        box=box or Box(),
        opacity=opacity,
    )


def rows_of_ink(pixels: Pixels) -> int:
    """Count the lines of a text: runs of rows that are not all white."""
    inked = (pixels < 128).any(axis=(1, 2)).astype(int)
    return int((np.diff(inked, prepend=0) == 1).sum())


def test_letters_are_black_and_begin_at_the_left_top(draw: Draw, extent: Extent) -> None:
    pixels = draw(text("Hexagon"))
    left, top, right, bottom = extent(pixels)
    assert left < 8
    assert top < 30
    assert 100 < right < 250
    assert 30 < bottom - top < 60
    assert pixels.min() == 0
    assert np.ptp(pixels, axis=2).max() == 0


@pytest.mark.parametrize("words", ["Hello", HEBREW])
@pytest.mark.parametrize("alignment", TextAlignment)
def test_lines_begin_where_their_writing_begins(
    words: str, alignment: TextAlignment, draw: Draw, extent: Extent
) -> None:
    left, _, right, _ = extent(draw(text(words, alignment=alignment)))
    rightwards = words == "Hello"
    if alignment is TextAlignment.CENTRE:
        assert abs(left - (400 - right)) < 8
    elif (alignment is TextAlignment.START) == rightwards:
        assert left < 8
    else:
        assert right > 392


@pytest.mark.parametrize("alignment", VerticalAlignment)
def test_lines_stand_where_the_box_says(
    alignment: VerticalAlignment, draw: Draw, extent: Extent
) -> None:
    _, top, _, bottom = extent(draw(text("xxx", vertical_alignment=alignment)))
    middle = (top + bottom) / 2
    low, high = {"top": (20, 50), "middle": (90, 115), "bottom": (150, 180)}[alignment]
    assert low < middle < high


def test_markup_has_no_meaning(draw: Draw) -> None:
    marked = draw(text("<b>&amp;</b> <span size='9999'>"))
    assert rows_of_ink(marked) >= 1
    assert not np.array_equal(marked, draw(text("&")))


def test_a_family_is_a_name_and_not_markup_either(draw: Draw) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        draw(text("a", font="'/><b font='"))
    assert caught.value.reason is Reason.FONT_UNKNOWN


def test_an_unknown_font_is_an_error_that_says_which_there_are(draw: Draw) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        draw(text("Hello", font="Noto Sanz"))
    assert caught.value.reason is Reason.FONT_UNKNOWN
    assert caught.value.metadata["font"] == "Noto Sanz"
    assert caught.value.metadata["known"].startswith("Noto Sans,")


@pytest.mark.parametrize("font", ["Inter", "Noto Serif", "Noto Sans CJK JP"])
def test_fonts_that_come_with_the_converter_differ(font: str, draw: Draw) -> None:
    usual, other = (draw(text("Hamburgefons", font=name)) for name in ("Noto Sans", font))
    assert not np.array_equal(usual, other)


def test_a_family_may_be_written_in_any_case(draw: Draw) -> None:
    usual, other = (draw(text("Hamburg", font=name)) for name in ("Noto Serif", "noto serif"))
    assert np.array_equal(usual, other)


def test_a_weight_makes_letters_heavier_and_italic_slants_them(draw: Draw) -> None:
    ink = [255 - draw(text("Hill", weight=weight)).mean() for weight in (100, 400, 700, 900)]
    assert ink == sorted(ink)
    assert ink[0] * 1.5 < ink[3]
    assert not np.array_equal(draw(text("Hill")), draw(text("Hill", italic=True)))


@pytest.mark.parametrize(
    "words",
    [HEBREW, "مرحبا", "日本語", "中文", "한국어", "ไทย", "हिन्दी", "Ελλάδα", "Привет", "🎉", "😀"],
)
def test_letters_that_a_font_has_not_come_from_another(words: str, draw: Draw) -> None:
    drawn = draw(text(words, font="Inter"))
    missing = draw(text("\U0010fffd" * len(words), font="Inter"))
    assert drawn.min() < 100
    assert not np.array_equal(drawn, missing)


def test_a_long_text_is_wrapped_and_its_lines_are_as_far_apart_as_said(
    draw: Draw, extent: Extent
) -> None:
    words = "xxxx " * 12
    close, loose = (
        draw(text(words, size=24, line_height=height), base=Image.new("RGB", (200, 400), "white"))
        for height in (1.0, 2.0)
    )
    assert rows_of_ink(close) == rows_of_ink(loose) > 2
    gaps = rows_of_ink(loose) - 1
    spread = [extent(pixels)[3] - extent(pixels)[1] for pixels in (close, loose)]
    assert abs((spread[1] - spread[0]) - gaps * 24) <= gaps


def test_a_text_is_made_smaller_until_it_fits(draw: Draw, extent: Extent) -> None:
    box = Box(anchor=Gravity.NORTH_WEST, x=px(50), y=px(40), width=px(200), height=px(60))
    pixels = draw(text("Twelve words would not fit " * 2, size=60, box=box))
    left, top, right, bottom = extent(pixels)
    assert left >= 50
    assert top >= 40
    assert 200 < right <= 250
    assert 80 < bottom <= 100


def test_no_more_lines_are_drawn_than_allowed(draw: Draw) -> None:
    for overflow in (Overflow.SHRINK, Overflow.ELLIPSIS):
        layer = text("xxxx " * 60, size=30, max_lines=2, overflow=overflow)
        assert rows_of_ink(draw(layer)) == 2


def test_a_text_that_must_be_whole_is_refused(draw: Draw) -> None:
    layers = (text("short"), text("long " * 40, overflow=Overflow.REFUSE))
    with pytest.raises(FailedPrecondition) as caught:
        draw(*layers)
    assert caught.value.reason is Reason.TEXT_OVERFLOWS
    assert caught.value.metadata == {"layer": "1"}


@pytest.mark.parametrize("words", ["", " \n ", "\u200b\u200d"])
def test_a_text_without_ink_draws_nothing(words: str, draw: Draw) -> None:
    assert draw(text(words)).min() == 255


def test_letters_have_their_colour_and_opacity(draw: Draw) -> None:
    solid = draw(text("MMM", colour="#ff0000", weight=900))
    assert ((solid == (255, 0, 0)).all(axis=2)).any()
    for layer in (
        text("MMM", colour="#ff000080", weight=900),
        text("MMM", colour="#ff0000", weight=900, opacity=0.5),
    ):
        pixels = draw(layer)
        assert abs(int(pixels[..., 1].min()) - 127) <= 1
        assert pixels[..., 0].min() == 255


def test_an_outline_is_around_the_letters_and_in_the_box(draw: Draw, extent: Extent) -> None:
    outline = Outline(colour="#0000ff", width=px(6))
    plain = draw(text("O", colour="#ff0000", size=120, weight=900))
    drawn = draw(text("O", colour="#ff0000", size=120, weight=900, outline=outline))
    letters, outside = extent(plain), extent(drawn)
    grown = [outside[2] - outside[0] - letters[2] + letters[0]]
    grown.append(outside[3] - outside[1] - letters[3] + letters[1])
    assert all(11 <= by <= 13 for by in grown)
    red, blue = (drawn[..., 0] > 200) & (drawn[..., 2] < 50), (drawn == (0, 0, 255)).all(axis=2)
    assert abs(int(red.sum()) - int((plain[..., 1] < 50).sum())) < 400
    assert blue.sum() > 1000


def test_an_outline_is_not_seen_through_letters(draw: Draw) -> None:
    outline = Outline(colour="#000000", width=px(4))
    pixels = draw(text("O", colour="#ff000080", size=120, weight=900, outline=outline))
    assert ((abs(pixels.astype(int) - (255, 127, 127)) <= 1).all(axis=2)).sum() > 500


def test_a_sharp_shadow_is_the_letters_again(draw: Draw) -> None:
    shadow = Shadow(colour="#00ff00", x=px(80), y=px(-4))
    pixels = draw(text("I", colour="#ff0000", size=60, weight=900, shadow=shadow))
    red, green = ((pixels == colour).all(axis=2) for colour in ((255, 0, 0), (0, 255, 0)))
    assert red.any()
    assert np.array_equal(np.roll(red, (-4, 80), (0, 1)), green)


def test_a_blur_spreads_a_shadow_and_keeps_its_weight(draw: Draw) -> None:
    def darkness(blur: float) -> tuple[float, int]:
        shadow = Shadow(colour="#000000", x=px(0), y=px(0), blur=px(blur))
        box = Box(width=px(200), height=px(100))
        layer = text("MM", colour="#00000000", size=40, shadow=shadow, box=box)
        pixels = draw(layer)
        return float((255 - pixels).sum()), int(pixels.min())

    (sharp, darkest), (soft, lightest) = darkness(0), darkness(8)
    assert abs(sharp - soft) < 0.03 * sharp
    assert darkest == 0
    assert lightest > 60


@pytest.mark.parametrize("deviation", [8, 12.5, 40, 100])
def test_a_wide_blur_is_a_gauss_function_all_the_same(deviation: float) -> None:
    mask = np.zeros((301, 403), np.float32)
    mask[100:180, 120:260] = 1
    edge = round(3 * deviation)
    picture = pyvips.Image.new_from_array(np.pad(mask, edge))
    exact = picture.gaussblur(deviation, min_ampl=0.001, precision="float").numpy()
    assert exact.max() > 0.1
    assert abs(blurred(picture, deviation).numpy() - exact).max() < 0.02


def test_nothing_breaks_at_extreme_sizes(draw: Draw) -> None:
    draw(text("W" * 3_000, size=4_096))
    draw(text("a\n" * 1_500, size=4_096, line_height=5.0))
    draw(text("word " * 700, size=4_096, min_size=px(4_096)))


BISMILLAH = "\ufdfd"
"""One letter, ten times as wide as high, that FreeType fails to rasterise at many small sizes."""


@pytest.mark.parametrize(
    ("words", "width", "height", "size"),
    [
        (BISMILLAH, 62, 93, 24),
        (f"محمد {BISMILLAH} محمد {BISMILLAH} {BISMILLAH}", 168, 68, 16),
        (f"{BISMILLAH} محمد محمد ﷺ ﷺ", 132, 95, 40),
        (f"{BISMILLAH} {BISMILLAH}", 116, 22, 24),
    ],
)
@pytest.mark.parametrize("font", ["Inter", "Noto Sans", "Noto Sans Arabic"])
def test_a_text_does_not_vanish(
    words: str, width: int, height: int, size: int, font: str, draw: Draw, extent: Extent
) -> None:
    box = Box(anchor=Gravity.NORTH_WEST, width=px(width), height=px(height))
    left, top, right, bottom = extent(draw(text(words, box=box, size=size, font=font)))
    assert 0.7 * width < right - left <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize("size", [6.0, 6.28, 12.3, 13.47])
def test_what_comes_after_an_intricate_letter_is_drawn(
    size: float, draw: Draw, extent: Extent
) -> None:
    words = f"left {BISMILLAH} "
    shorter, longer = (extent(draw(text(words + end, size=size))) for end in ("", "right"))
    assert longer[2] - shorter[2] > 1.5 * size
    assert shorter[2] > 10 * size


def test_letters_are_never_too_small_to_be_seen(draw: Draw, extent: Extent) -> None:
    left, _, right, _ = extent(draw(text("Hello", size=0.01)))
    assert 2 <= right - left <= 5


@pytest.mark.parametrize("outline", [None, Outline(colour="#ff0000", width=px(6))])
def test_in_a_box_that_takes_no_ellipsis_nothing_is_drawn(
    outline: Outline | None, draw: Draw
) -> None:
    box = Box(width=px(10), height=px(10))
    whole = text("Hello", box=box, overflow=Overflow.ELLIPSIS, outline=outline)
    assert draw(whole).min() == 255
    with pytest.raises(FailedPrecondition) as caught:
        draw(text("Hello", box=box, overflow=Overflow.REFUSE, outline=outline))
    assert caught.value.reason is Reason.TEXT_OVERFLOWS


INK = st.text(
    st.sampled_from("\ufdfdabcgjyQWÅ|ﷺ日本ไู้עש مر\u0301\u0308-., \n😀👩‍👧")
    | st.characters(codec="utf-8"),
    max_size=40,
).filter(lambda words: all(c == "\n" or ord(c) >= 32 for c in words))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Where an example fails, every further one takes as long as the first.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    words=INK,
    font=st.sampled_from(["Inter", "Noto Serif", "Noto Sans", "Noto Sans CJK JP", "Noto Emoji"]),
    size=st.floats(1, 150),
    width=st.integers(1, 180),
    height=st.integers(1, 90),
    weight=st.sampled_from([100, 400, 900]),
    italic=st.booleans(),
    alignment=st.sampled_from(list(TextAlignment)),
    vertical=st.sampled_from(list(VerticalAlignment)),
    overflow=st.sampled_from([Overflow.SHRINK, Overflow.ELLIPSIS]),
    outline=st.none() | st.floats(0, 6),
    line_height=st.none() | st.floats(0.5, 3),
)
def test_no_ink_leaves_the_box(
    draw: Draw, extent: Callable[..., Any], words: str, width: int, height: int, **style: Any
) -> None:
    line = style.pop("outline")
    size = style.pop("size")
    style["vertical_alignment"] = style.pop("vertical")
    box = Box(anchor=Gravity.NORTH_WEST, x=px(10), y=px(7), width=px(width), height=px(height))
    layer = text(words, box=box, size=size, **style)
    if line is not None and layer.text is not None:
        outline = Outline(colour="#ff0000", width=px(line))
        layer = replace(layer, text=replace(layer.text, outline=outline))
    pixels = draw(layer, base=Image.new("RGB", (200, 104), "white"))
    if (pixels == 255).all():
        assert not (is_visible(draw, layer) and takes_an_ellipsis(draw, layer))
        return
    left, top, right, bottom = extent(pixels)
    assert left >= 10
    assert top >= 7
    assert right <= 10 + width
    assert bottom <= 7 + height


def is_visible(draw: Draw, layer: Layer) -> bool:
    """Say whether a text has ink where there is room for it."""
    pixels = draw(replace(layer, box=Box()), base=Image.new("RGB", (4_000, 2_000), "white"))
    return bool((pixels < 255).any())


def takes_an_ellipsis(draw: Draw, layer: Layer) -> bool:
    """Say whether a box does so, in the smallest letters that a text may have."""
    assert layer.text is not None
    size = layer.text.size.of(200) / (4 if layer.text.overflow is Overflow.SHRINK else 1)
    dots = replace(layer.text, text="…", size=px(size), overflow=Overflow.REFUSE)
    try:
        draw(replace(layer, text=dots), base=Image.new("RGB", (200, 104), "white"))
    except FailedPrecondition:
        return False
    return True
