"""What is said of a picture, how it changes, and how it is read."""

from __future__ import annotations

import math

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import image_pb2
from picstore_catalog.mapping.description import describe, read_change, read_description
from picstore_catalog.model.description import (
    Description,
    DescriptionChange,
    FocalPoint,
    normalised_tags,
)
from picstore_kit.errors import InvalidFields
from picstore_kit.violations import Violations

LAKE = Description(
    alt_text="A lake",
    alt_texts={"de": "Ein See", "pt-BR": "Um lago"},
    tags=("Blue", "water"),
    metadata={"camera": "X100"},
    focal_point=FocalPoint(x=0.25, y=1),
)


def faults(violations: Violations) -> list[str]:
    with pytest.raises(InvalidFields) as refused:
        violations.refuse()
    return [violation.field for violation in refused.value.violations]


def change(image: image_pb2.Image, *paths: str) -> DescriptionChange:
    violations = Violations()
    read = read_change(image, FieldMask(paths=paths), violations)
    violations.refuse()
    return read


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("de", "Ein See"),
        ("de-AT", "Ein See"),
        ("de-DE-u-co-phonebk", "Ein See"),
        ("pt-BR", "Um lago"),
        ("pt", "A lake"),
        ("fr", "A lake"),
        ("", "A lake"),
    ],
)
def test_the_text_of_the_closest_locale_is_taken(locale: str, text: str) -> None:
    assert LAKE.text_for(locale) == text


def test_tags_are_a_set_compared_without_case_and_kept_as_written() -> None:
    assert normalised_tags([" water ", "Blue", "BLUE", "Cafe\u0301", "Café"]) == (
        "Blue",
        "Café",
        "water",
    )


def test_a_description_is_read_as_it_is_shown() -> None:
    message = image_pb2.Image()
    describe(message, LAKE)
    violations = Violations()

    assert read_description(message, violations) == LAKE
    violations.refuse()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    image = image_pb2.Image(
        alt_text="x" * 2001,
        alt_texts={"de_AT": "x", "de": "\0"},
        tags=["fine", "  ", "x" * 65, "a\nb"],
        metadata={"": "x", "k" * 65: "x", "camera": "x" * 1025},
        focal_point=image_pb2.FocalPoint(x=math.nan, y=1.001),
    )
    violations = Violations()
    read_description(image, violations)

    assert sorted(faults(violations)) == [
        "image.alt_text",
        "image.alt_texts.de",
        "image.alt_texts.de_AT",
        "image.focal_point.x",
        "image.focal_point.y",
        "image.metadata",
        "image.metadata",
        "image.metadata.camera",
        "image.tags[1]",
        "image.tags[2]",
        "image.tags[3]",
    ]


def test_too_many_entries_are_told_of() -> None:
    image = image_pb2.Image(
        alt_texts={f"{a}{b}": "x" for a in "abcdefghij" for b in "abcdef"},
        tags=[str(number) for number in range(51)],
        metadata={str(number): "" for number in range(51)},
    )
    violations = Violations()
    read_description(image, violations)

    assert sorted(faults(violations)) == ["image.alt_texts", "image.metadata", "image.tags"]


def test_one_locale_written_in_two_ways_is_refused() -> None:
    violations = Violations()
    read_description(image_pb2.Image(alt_texts={"de-at": "a", "de-AT": "b"}), violations)

    assert len(faults(violations)) == 1


def test_without_a_mask_the_fields_that_are_set_change() -> None:
    image = image_pb2.Image(tags=["red"], filename="never.jpg", etag="3")

    assert change(image).applied_to(LAKE).as_texts() == LAKE.as_texts() | {"tags": '["red"]'}


def test_a_mask_can_clear_fields() -> None:
    assert change(image_pb2.Image(), "*").applied_to(LAKE) == Description()
    assert change(image_pb2.Image(), "focal_point").applied_to(LAKE).focal_point is None


def test_a_mask_can_name_single_entries_and_an_absent_one_goes() -> None:
    image = image_pb2.Image(alt_texts={"de-at": "Ein See"}, metadata={"lens.type": "23 mm"})
    after = change(
        image, "alt_texts.DE-AT", "alt_texts.pt-BR", "metadata.lens.type", "metadata.camera"
    ).applied_to(LAKE)

    assert after.alt_texts == {"de": "Ein See", "de-AT": "Ein See"}
    assert after.metadata == {"lens.type": "23 mm"}
    assert (after.alt_text, after.tags) == (LAKE.alt_text, LAKE.tags)


@pytest.mark.parametrize(
    "path", ["filename", "alt_texts.", "alt_texts.de_AT", "tags.0", "metadata."]
)
def test_a_mask_that_names_what_cannot_be_changed_is_refused(path: str) -> None:
    violations = Violations()
    read_change(image_pb2.Image(), FieldMask(paths=["tags", path]), violations)

    assert faults(violations) == ["update_mask.paths[1]"]


def test_entries_that_would_be_too_many_with_the_old_ones_are_refused() -> None:
    full = Description(metadata={str(number): "" for number in range(50)})
    one_more = DescriptionChange(
        new=Description(metadata={"camera": "X100"}), metadata_keys={"camera"}
    )

    with pytest.raises(InvalidFields, match="metadata"):
        one_more.applied_to(full)
