"""A template is checked when it is saved, and survives being stored as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

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
    Outline,
    Overflow,
    Overlay,
    Shadow,
    TextAlignment,
    TextLayer,
    Variable,
    VerticalAlignment,
)
from picstore_imaging.overlay.validate import MAX_LAYERS, validate
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import ImageId, new_id

LOGO = new_id(ImageId)
TITLE = TextLayer(text="{{title}}", font="Noto Sans", size=Length(percent=6))
CARD = Overlay(
    canvas=Canvas(width=1200, height=630, fit=Fit.CONTAIN, background="#101418"),
    layers=(
        Layer(
            fill=FillLayer(colour="#00000080", radius=Length(px=24)),
            box=Box(anchor=Gravity.SOUTH, height=Length(percent=40)),
            blend=Blend.MULTIPLY,
        ),
        Layer(
            text=replace(
                TITLE,
                weight=700,
                italic=True,
                colour="#ffffff",
                alignment=TextAlignment.END,
                vertical_alignment=VerticalAlignment.BOTTOM,
                line_height=1.2,
                overflow=Overflow.REFUSE,
                min_size=Length(px=20),
                max_lines=3,
                outline=Outline(colour="#000000", width=Length(px=2)),
                shadow=Shadow(colour="#00000080", y=Length(px=2), blur=Length(px=4)),
            ),
            box=Box(x=Length(px=-8), width=Length(percent=90)),
            opacity=0.9,
        ),
        Layer(image=ImageLayer(image_id="{{logo}}", tile=True, tile_gap=Length(px=4))),
    ),
    variables=(
        Variable(name="title", max_length=120),
        Variable(name="logo", default_value=LOGO),
    ),
)
PLAIN = Overlay(layers=(Layer(fill=FillLayer(colour="#fff000")),))


def wrong(overlay: Overlay) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        validate(overlay)
    return {violation.field: violation.description for violation in caught.value.violations}


def of_text(**changes: object) -> Overlay:
    text = replace(TITLE, text="Hello")
    return Overlay(layers=(Layer(text=replace(text, **changes)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("overlay", [CARD, PLAIN])
def test_a_template_is_the_same_after_a_way_through_json(overlay: Overlay) -> None:
    validate(overlay)
    assert Overlay.from_json(json.loads(json.dumps(overlay.to_json()))) == overlay


def test_what_is_as_usual_takes_no_room_in_json() -> None:
    assert PLAIN.to_json() == {"layers": [{"fill": {"colour": "#fff000"}}]}


def test_a_field_from_the_future_is_passed_over() -> None:
    document = {"layers": [{"fill": {"colour": "#fff000", "later": 1}, "box": {"turn": 2}}]}
    assert Overlay.from_json(document) == PLAIN


def test_a_length_is_of_the_canvas_or_in_pixels() -> None:
    assert Length(px=12).of(1000) == 12
    assert Length(percent=2.5).of(1000) == 25


def test_a_canvas_has_both_sides_or_none() -> None:
    assert "canvas.height" in wrong(replace(PLAIN, canvas=Canvas(width=100)))
    assert "canvas.width" in wrong(replace(PLAIN, canvas=Canvas(height=100)))


@pytest.mark.parametrize("side", [0, -1, 16_385])
def test_a_side_of_the_canvas_is_one_that_we_write(side: int) -> None:
    assert "canvas.width" in wrong(replace(PLAIN, canvas=Canvas(width=side, height=9)))


def test_a_canvas_has_no_more_pixels_than_an_output() -> None:
    validate(replace(PLAIN, canvas=Canvas(width=10_000, height=10_000)))
    assert "canvas.width" in wrong(replace(PLAIN, canvas=Canvas(width=10_001, height=10_000)))


def test_there_is_at_least_one_layer_and_there_are_not_too_many() -> None:
    assert "layers" in wrong(Overlay(layers=()))
    validate(Overlay(layers=PLAIN.layers * MAX_LAYERS))
    assert "layers" in wrong(Overlay(layers=PLAIN.layers * (MAX_LAYERS + 1)))


def test_a_layer_shows_exactly_one_thing() -> None:
    assert "layers[0]" in wrong(Overlay(layers=(Layer(),)))
    both = replace(CARD.layers[0], text=replace(TITLE, text="a"))
    assert "layers[0]" in wrong(Overlay(layers=(both,)))


def test_every_wrong_field_is_named_at_once() -> None:
    text = replace(
        TITLE,
        text="{{title}} {{who}}",
        font=" ",
        size=Length(px=0),
        weight=99,
        colour="red",
        line_height=0.1,
        max_lines=0,
        outline=Outline(colour="", width=Length(px=101)),
        shadow=Shadow(colour="#12345", blur=Length(px=-1)),
    )
    overlay = Overlay(
        canvas=Canvas(background="#12"),
        layers=(
            Layer(
                text=text,
                box=Box(anchor=Gravity.ATTENTION, width=Length(), height=Length(px=1, percent=1)),
                opacity=1.5,
            ),
            Layer(image=ImageLayer(image_id="logo", tile_width=Length(px=4))),
            Layer(fill=FillLayer(colour="#fff", radius=Length(percent=101))),
        ),
        variables=(Variable(name="title"), Variable(name="title"), Variable(name="Unused")),
    )
    assert sorted(wrong(overlay)) == sorted(
        [
            "canvas.background",
            "variables[1].name",
            "variables[2].name",
            "layers[0].box.anchor",
            "layers[0].box.width",
            "layers[0].box.height",
            "layers[0].opacity",
            "layers[0].text.text",
            "layers[0].text.font",
            "layers[0].text.size.px",
            "layers[0].text.weight",
            "layers[0].text.colour",
            "layers[0].text.line_height",
            "layers[0].text.max_lines",
            "layers[0].text.outline.colour",
            "layers[0].text.outline.width.px",
            "layers[0].text.shadow.colour",
            "layers[0].text.shadow.blur.px",
            "layers[1].image.image_id",
            "layers[1].image.tile_width",
            "layers[2].fill.colour",
            "layers[2].fill.radius.percent",
        ]
    )


def test_letters_are_not_made_larger_to_fit() -> None:
    assert "layers[0].text.min_size" in wrong(of_text(size=Length(px=20), min_size=Length(px=21)))
    validate(of_text(size=Length(px=20), min_size=Length(percent=90)))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_length_is_a_number(number: float) -> None:
    assert "layers[0].text.size.px" in wrong(of_text(size=Length(px=number)))


def test_a_variable_is_used_by_a_layer() -> None:
    unused = replace(PLAIN, variables=(Variable(name="title"),))
    assert wrong(unused) == {"variables[0].name": "must be used by a layer"}


@pytest.mark.parametrize("name", ["", "Title", "1st", "a-b", "a" * 64])
def test_a_variable_has_a_plain_name(name: str) -> None:
    assert "variables[0].name" in wrong(replace(PLAIN, variables=(Variable(name=name),)))


def test_a_default_is_a_value_that_a_caller_could_give() -> None:
    for default in ("abcd", "a\tb"):
        variable = Variable(name="title", default_value=default, max_length=3)
        overlay = replace(of_text(text="{{title}}"), variables=(variable,))
        assert "variables[0].default_value" in wrong(overlay)


@pytest.mark.parametrize("text", ["", "a\x00b", "a" * 4_001, "{{ title }}"])
def test_a_text_that_cannot_be_drawn_is_refused(text: str) -> None:
    overlay = of_text(text=text)
    assert "layers[0].text.text" in wrong(overlay)


@pytest.mark.parametrize("image_id", ["{{a}}{{b}}", "x{{a}}", "prj_01jk"])
def test_an_image_is_an_id_or_one_variable(image_id: str) -> None:
    overlay = Overlay(layers=(Layer(image=ImageLayer(image_id=image_id)),))
    assert "layers[0].image.image_id" in wrong(overlay)


def test_a_template_that_takes_too_long_on_its_canvas_is_refused() -> None:
    full = Layer(fill=FillLayer(colour="#00000010"))
    canvas = Canvas(width=10_000, height=10_000)
    validate(Overlay(canvas=canvas, layers=(full,) * 3))
    dear = Overlay(canvas=canvas, layers=(full,) * MAX_LAYERS)
    assert wrong(dear).keys() == {"layers"}
    assert "CPU-seconds" in wrong(dear)["layers"]
    # How large the canvas will be these do not say.
    validate(replace(dear, canvas=Canvas()))
    validate(replace(dear, canvas=replace(canvas, fit=Fit.INSIDE)))
