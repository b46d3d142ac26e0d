"""Pictures and plain surfaces over a base picture, and the base picture on its canvas."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.template import (
    Blend,
    Box,
    Canvas,
    FillLayer,
    Fit,
    Gravity,
    ImageLayer,
    Layer,
    Length,
    Overlay,
)
from picstore_imaging.steps.scale import scaled
from picstore_kit.errors import InvalidArgument, Reason
from tests.profiles import DISPLAY_P3
from tests.unit.imaging.overlay.conftest import Draw, Extent, Pixels, answer_of

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, GREY = (255, 255, 255), (128, 128, 128)
NOTHING = Layer(fill=FillLayer(colour="#00000000"))
CORNER = Box(anchor=Gravity.NORTH_WEST, width=Length(px=100), height=Length(px=60))


def fill(colour: str, *, box: Box = CORNER, radius: float = 0, **fields: Any) -> Layer:
    return Layer(fill=FillLayer(colour=colour, radius=Length(px=radius)), box=box, **fields)


def image(*, box: Box = CORNER, **fields: Any) -> Layer:
    return Layer(image=ImageLayer(image_id="logo", **fields), box=box)


def halves(left: tuple[int, ...], right: tuple[int, ...], size: tuple[int, int]) -> Image.Image:
    mode = "RGB" if len(left) == 3 else "RGBA"
    picture = Image.new(mode, size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    return picture


def near(pixel: Pixels, colour: tuple[int, ...]) -> bool:
    return bool((abs(pixel.astype(int) - colour) <= 2).all())


def test_a_surface_covers_its_box(draw: Draw, extent: Extent) -> None:
    pixels = draw(fill("#ff0000"))
    assert extent(pixels) == (0, 0, 100, 60)
    assert near(pixels[30, 50], RED)


def test_a_surface_may_be_seen_through(draw: Draw) -> None:
    for layer in (fill("#ff000080"), fill("#ff0000", opacity=0.5)):
        assert near(draw(layer)[30, 50], (255, 127, 127))
    assert draw(fill("#ff0000", opacity=0)).min() == 255


def test_a_surface_may_have_round_corners(draw: Draw) -> None:
    pixels = draw(fill("#ff0000", radius=20))
    assert near(pixels[0, 0], WHITE)
    assert near(pixels[59, 99], WHITE)
    assert near(pixels[0, 50], RED)
    assert near(pixels[6, 6], RED)
    covered = (255 - pixels[..., 1].astype(float)).sum() / 255
    assert abs(covered - (6000 - (4 - np.pi) * 400)) < 20
    pill = draw(fill("#ff0000", radius=1000))
    assert near(pill[30, 0], (255, 12, 12)) or near(pill[30, 1], RED)


def test_a_box_may_stick_out_of_the_canvas(draw: Draw, extent: Extent) -> None:
    box = Box(
        anchor=Gravity.SOUTH_EAST,
        x=Length(px=-20),
        y=Length(px=-30),
        width=Length(px=100),
        height=Length(px=60),
    )
    assert extent(draw(fill("#ff0000", box=box))) == (320, 170, 400, 200)


@pytest.mark.parametrize(
    ("blend", "expected"),
    [
        (Blend.OVER, (64, 64, 64)),
        (Blend.MULTIPLY, (32, 32, 32)),
        (Blend.SCREEN, (160, 160, 160)),
        (Blend.OVERLAY, (64, 64, 64)),
        (Blend.DARKEN, (64, 64, 64)),
        (Blend.LIGHTEN, (128, 128, 128)),
        (Blend.SOFT_LIGHT, (96, 96, 96)),
    ],
)
def test_a_layer_is_blended_with_what_is_below(
    blend: Blend, expected: tuple[int, ...], draw: Draw
) -> None:
    pixels = draw(fill("#404040", blend=blend), base=Image.new("RGB", (400, 200), GREY))
    assert near(pixels[30, 50], expected)
    assert near(pixels[100, 50], GREY)


def test_layers_lie_in_their_order(draw: Draw) -> None:
    assert near(draw(fill("#ff0000"), fill("#0000ff"))[30, 50], BLUE)
    assert near(draw(fill("#0000ff"), fill("#ff0000"))[30, 50], RED)


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [(Gravity.NORTH_WEST, (0, 0, 80, 80)), (Gravity.SOUTH_EAST, (320, 120, 400, 200))],
)
def test_a_picture_is_as_large_as_its_box_takes_and_stands_at_its_anchor(
    anchor: Gravity, expected: tuple[int, ...], draw: Draw, extent: Extent
) -> None:
    box = Box(anchor=anchor, width=Length(px=160), height=Length(px=80))
    for side in (20, 500):
        logo = Image.new("RGB", (side, side), RED)
        assert extent(draw(image(box=box), images={"logo": logo})) == expected


def test_a_picture_may_fill_its_box(draw: Draw, extent: Extent) -> None:
    logo = Image.new("RGB", (300, 60), WHITE)
    logo.paste(RED, (0, 0, 150, 60))
    stretched = draw(image(fit=Fit.FILL), images={"logo": logo})
    assert extent(stretched)[:2] == (0, 0)
    assert abs(extent(stretched)[2] - 50) <= 3
    assert extent(stretched)[3] == 60
    covering = draw(image(fit=Fit.COVER), images={"logo": logo})
    assert near(covering[30, 20], RED)
    assert near(covering[30, 80], WHITE)


def test_a_picture_keeps_what_is_transparent_of_it(draw: Draw) -> None:
    logo = halves((*RED, 255), (0, 0, 0, 0), (100, 60))
    pixels = draw(image(), images={"logo": logo})
    assert near(pixels[30, 20], RED)
    assert near(pixels[30, 80], WHITE)


def test_a_picture_is_repeated_over_its_box(draw: Draw) -> None:
    logo = Image.new("RGB", (10, 10), RED)
    pixels = draw(image(tile=True, tile_gap=Length(px=10)), images={"logo": logo})
    red = (pixels == RED).all(axis=2)
    assert red.sum() == 5 * 3 * 100
    assert red[:60, :100].sum() == red.sum()
    assert red[5, 25]
    assert not red[5, 15]
    assert not red[15, 5]


@pytest.mark.parametrize(
    ("side", "gap"), [(1, 0), (1, 1), (3, 2), (7, 500), (700, 0), (700, 16_384)]
)
def test_tiles_are_where_each_by_itself_would_be(side: int, gap: int, draw: Draw) -> None:
    logo = halves(RED, BLUE, (2 * side, side))
    base = Image.new("RGB", (1_100, 600), WHITE)
    layer = image(tile=True, tile_gap=Length(px=gap), box=Box())
    expected = base.copy()
    for left in range(0, 1_100, 2 * side + gap):
        for top in range(0, 600, side + gap):
            expected.paste(logo, (left, top))
    assert np.array_equal(draw(layer, base=base, images={"logo": logo}), np.asarray(expected))


def test_a_tile_may_be_far_larger_than_its_box(draw: Draw) -> None:
    layer = image(tile=True, tile_width=Length(px=16_384))
    pixels = draw(layer, images={"logo": Image.new("RGB", (1, 2_000), RED)})
    assert near(pixels[:60, :100], RED)
    assert near(pixels[60:], WHITE)


def test_a_repeated_picture_may_be_of_another_size(draw: Draw) -> None:
    logo = halves(RED, BLUE, (300, 30))
    pixels = draw(image(tile=True, tile_width=Length(percent=5)), images={"logo": logo})
    assert near(pixels[1, 3], RED)
    assert near(pixels[1, 16], BLUE)
    assert near(pixels[1, 23], RED)
    assert near(pixels[50, 3], RED)


@pytest.mark.parametrize(
    ("canvas", "colour_at"),
    [
        (Canvas(width=100, height=100), {(50, 20): RED, (50, 80): BLUE}),
        (Canvas(width=100, height=100, gravity=Gravity.WEST), {(50, 10): RED, (50, 90): RED}),
        (
            Canvas(width=100, height=100, fit=Fit.CONTAIN, background="#00ff00"),
            {(5, 50): GREEN, (50, 10): RED, (50, 90): BLUE, (95, 50): GREEN},
        ),
        (
            Canvas(width=50, height=100, fit=Fit.FILL),
            {(5, 5): RED, (95, 45): BLUE},
        ),
    ],
)
def test_a_base_picture_is_fitted_to_the_canvas(
    canvas: Canvas, colour_at: dict[tuple[int, int], tuple[int, ...]], draw: Draw
) -> None:
    pixels = draw(NOTHING, base=halves(RED, BLUE, (400, 200)), canvas=canvas)
    assert pixels.shape == (canvas.height, canvas.width, 3)
    for place, colour in colour_at.items():
        assert near(pixels[place], colour), place


def test_a_canvas_is_as_large_as_a_picture_inside_of_it(draw: Draw) -> None:
    base = halves(RED, BLUE, (400, 200))
    canvas = Canvas(width=100, height=100, fit=Fit.INSIDE)
    assert draw(NOTHING, base=base, canvas=canvas).shape == (50, 100, 3)
    assert draw(NOTHING, base=base).shape == (200, 400, 3)


def test_the_focal_point_stays_in_view(draw: Draw) -> None:
    base = halves(RED, BLUE, (400, 200))
    canvas = Canvas(width=100, height=100)
    assert near(draw(NOTHING, base=base, canvas=canvas, focal_point=[0, 0.5])[50, 95], RED)
    assert near(draw(NOTHING, base=base, canvas=canvas, focal_point=[1, 0.5])[50, 5], BLUE)


def test_attention_finds_what_draws_the_eye(draw: Draw) -> None:
    base = Image.new("RGB", (800, 200), GREY)
    base.paste(RED, (700, 80, 760, 140))
    canvas = Canvas(width=200, height=200, gravity=Gravity.ATTENTION)
    assert (draw(NOTHING, base=base, canvas=canvas) == RED).all(axis=2).any()


def test_what_stays_transparent_is_so_in_the_file(draw: Draw) -> None:
    base = halves((*RED, 255), (0, 0, 0, 0), (400, 200))
    pixels = draw(fill("#0000ff80"), base=base)
    assert pixels.shape[2] == 4
    assert pixels[100, 300, 3] == 0
    assert draw(NOTHING, base=base, canvas=Canvas(background="#00ff00")).shape[2] == 3
    covered = draw(fill("#0000ff", box=Box()), base=base)
    assert covered.shape[2] == 3


def test_padding_without_a_background_is_transparent(draw: Draw) -> None:
    pixels = draw(NOTHING, canvas=Canvas(width=100, height=100, fit=Fit.CONTAIN))
    assert pixels[0, 0, 3] == 0
    assert pixels[50, 50, 3] == 255


def test_a_picture_may_be_drawn_over_one_that_is_transparent(draw: Draw) -> None:
    pixels = draw(fill("#ff000080"), base=Image.new("RGBA", (400, 200), (0, 0, 0, 0)))
    assert near(pixels[30, 50], (*RED, 128))


def test_pictures_are_upright_and_in_srgb(
    tmp_path: Path,
    exif: Callable[..., bytes],
    matrix_profile: Callable[..., bytes],
) -> None:
    p3 = matrix_profile("Display P3", DISPLAY_P3)
    buffer = io.BytesIO()
    halves((200, 100, 100), (100, 100, 200), (80, 40)).save(
        buffer, "JPEG", quality=95, subsampling=0, exif=exif(orientation=6), icc_profile=p3
    )
    (tmp_path / "base.jpg").write_bytes(buffer.getvalue())
    answer = answer_of(
        {
            "path": str(tmp_path / "base.jpg"),
            "format": "jpeg",
            "overlay": Overlay(layers=(NOTHING,)).to_json(),
            "output": str(tmp_path / "output.png"),
        }
    )
    assert (answer["width"], answer["height"]) == (40, 80)
    with Image.open(answer["path"]) as picture:
        assert "icc_profile" not in picture.info
        red = np.asarray(picture)[10, 20].astype(int)
    assert red[0] > 205
    assert red[0] > red[1] + 100


@pytest.mark.parametrize("gravity", [None, Gravity.WEST, Gravity.EAST, Gravity.ATTENTION])
def test_a_thin_picture_may_fill_a_large_canvas(gravity: Gravity | None, draw: Draw) -> None:
    base = Image.new("RGB", (20_000, 16), GREY)
    base.paste(RED, (0, 0, 1_000, 16))
    base.paste(BLUE, (19_000, 0, 20_000, 16))
    pixels = draw(NOTHING, base=base, canvas=Canvas(width=1200, height=630, gravity=gravity))
    assert pixels.shape == (630, 1200, 3)
    expected = {None: GREY, Gravity.WEST: RED, Gravity.EAST: BLUE}.get(gravity)
    if expected is None:
        assert near(pixels[300, 600], RED) or near(pixels[300, 600], BLUE)
    else:
        assert near(pixels, expected)


def test_a_thin_picture_may_fill_a_box(draw: Draw) -> None:
    logo = Image.new("RGB", (1, 3_000), RED)
    logo.paste(BLUE, (0, 1_400, 1, 1_600))
    pixels = draw(image(fit=Fit.COVER, box=Box()), images={"logo": logo})
    assert near(pixels, BLUE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_part_of_a_scaled_picture_is_as_a_crop_of_it(mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, len(mode)), np.uint8)
    picture = pyvips.Image.new_from_array(noise, interpretation="srgb")
    for size in (Size(60, 40), Size(150, 100), Size(30, 20), Size(30, 100), Size(601, 400)):
        whole = scaled(picture, size)
        for part in ((0, 0, *size), (7, 3, 11, 9), (size.width - 5, size.height - 4, 5, 4)):
            seen = scaled(picture, size, part).numpy().astype(int)
            assert abs(whole.crop(*part).numpy().astype(int) - seen).max() <= 1


def test_a_damaged_picture_is_refused_with_its_own_reason(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InvalidArgument) as caught:
        draw(NOTHING, path=str(tmp_path / "broken.png"))
    assert caught.value.reason in (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED)


def test_limits_hold_for_every_picture(draw: Draw) -> None:
    logo = Image.new("RGB", (50, 50), RED)
    draw(image(), images={"logo": logo}, base=Image.new("RGB", (40, 40)), limits={"side": 50})
    with pytest.raises(InvalidArgument) as caught:
        draw(image(), images={"logo": logo}, base=Image.new("RGB", (40, 40)), limits={"side": 49})
    assert caught.value.reason is Reason.LIMIT_SIDE


def test_the_answer_describes_the_file(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), RED).save(tmp_path / "base.png")
    request = {
        "path": str(tmp_path / "base.png"),
        "format": "png",
        "overlay": Overlay(layers=(fill("#0000ff"),)).to_json(),
        "output": str(tmp_path / "output.png"),
    }
    answer, again = answer_of(request), answer_of(request)
    assert answer["bytes"] == (tmp_path / "output.png").stat().st_size
    assert answer["sha256"] == again["sha256"]
    assert answer["peak_rss_bytes"] > 0
    assert answer["cpu_ms"] >= 0
