"""Values are put into a template as they are, or refused by name."""

from __future__ import annotations

import pytest

from picstore_imaging.overlay.template import (
    FillLayer,
    ImageLayer,
    Layer,
    Length,
    Overlay,
    TextLayer,
    Variable,
)
from picstore_imaging.overlay.variables import MAX_TEXT, fill, images_of
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import ImageId, new_id

LOGO, MARK = new_id(ImageId), new_id(ImageId)


def card(text: str = "{{title}} by {{author}}", image_id: str = "{{logo}}") -> Overlay:
    return Overlay(
        layers=(
            Layer(text=TextLayer(text=text, font="Noto Sans", size=Length(px=40))),
            Layer(image=ImageLayer(image_id=image_id)),
            Layer(fill=FillLayer(colour="#000000")),
            Layer(image=ImageLayer(image_id=MARK)),
        ),
        variables=(
            Variable(name="title", max_length=20),
            Variable(name="author", default_value="nobody"),
            Variable(name="logo", default_value=LOGO),
        ),
    )


def text_of(overlay: Overlay) -> str:
    assert overlay.layers[0].text is not None
    return overlay.layers[0].text.text


def wrong(overlay: Overlay, **values: str) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        fill(overlay, values)
    return [violation.field for violation in caught.value.violations]


def test_values_and_defaults_are_put_in() -> None:
    filled = fill(card(), {"title": "Hello"})
    assert text_of(filled) == "Hello by nobody"
    assert filled.variables == ()
    assert images_of(filled) == (LOGO, MARK)


def test_an_image_that_is_used_twice_is_needed_once() -> None:
    assert images_of(fill(card(), {"title": "", "logo": MARK})) == (MARK,)


def test_braces_in_values_mean_nothing() -> None:
    assert text_of(fill(card(), {"title": "{{author}}"})) == "{{author}} by nobody"


def test_new_lines_are_kept() -> None:
    assert text_of(fill(card(), {"title": "a\nb"})) == "a\nb by nobody"


def test_every_wrong_value_is_named_at_once() -> None:
    found = wrong(card(), author="a\x07b", colour="red")
    assert sorted(found) == ["variables.author", "variables.colour", "variables.title"]
    assert wrong(card(), title="x" * 21) == ["variables.title"]


@pytest.mark.parametrize("character", ["\x00", "\r", "\t", "\x7f", "\x85", "\ud800", "\u2028"])
def test_a_value_has_no_control_characters(character: str) -> None:
    assert wrong(card(), title=f"a{character}b") == ["variables.title"]


def test_a_value_has_no_more_lines_than_a_text() -> None:
    assert wrong(card(), author="\n" * 200, title="a") == ["variables.author"]


@pytest.mark.parametrize("value", ["", "../../etc/passwd", "prj_01jk", "img_1"])
def test_an_image_is_named_by_an_id(value: str) -> None:
    assert wrong(card(), title="a", logo=value) == ["layers[1].image.image_id"]


def test_an_id_comes_out_in_its_one_spelling() -> None:
    assert images_of(fill(card(), {"title": "a", "logo": LOGO.upper()}))[0] == LOGO


def test_a_text_does_not_grow_without_end() -> None:
    overlay = card(text="{{author}}" * 3 + "{{title}}")
    assert wrong(overlay, title="a", author="x" * (MAX_TEXT // 2)) == ["layers[0].text.text"]
