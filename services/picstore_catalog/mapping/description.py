"""What is said of pictures on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import image_pb2
from picstore_catalog.model.description import (
    MAX_ALT_TEXT,
    MAX_ALT_TEXTS,
    MAX_METADATA,
    MAX_METADATA_VALUE,
    MAX_TAGS,
    Description,
    DescriptionChange,
    FocalPoint,
    coordinate_fault,
    count_fault,
    metadata_key_fault,
    normalised_tags,
    tag_fault,
    text_fault,
)
from picstore_catalog.model.locale import canonical_locale
from picstore_kit.violations import Violations

CHANGEABLE: Final = ("alt_text", "alt_texts", "tags", "metadata", "focal_point")
"""What `UpdateImage` can change."""

LOCALE_FAULT: Final = "must be a BCP 47 tag such as pt-BR"

_PATH: Final = "image"


def describe(message: image_pb2.Image, description: Description) -> None:
    """Add to a picture's message what is said of it."""
    message.alt_text = description.alt_text
    if description.alt_texts:
        message.alt_texts.update(description.alt_texts)
    if description.tags:
        message.tags.extend(description.tags)
    if description.metadata:
        message.metadata.update(description.metadata)
    if (point := description.focal_point) is not None:
        message.focal_point.x = point.x
        message.focal_point.y = point.y


def read_description(image: image_pb2.Image, violations: Violations) -> Description:
    """Read what a request's `image` says of a picture; every fault is noted."""
    violations.add(f"{_PATH}.alt_text", text_fault(image.alt_text, MAX_ALT_TEXT))
    violations.add(f"{_PATH}.metadata", count_fault(image.metadata, MAX_METADATA))
    for key, value in image.metadata.items():
        violations.add(f"{_PATH}.metadata", metadata_key_fault(key))
        violations.add(f"{_PATH}.metadata.{key}", text_fault(value, MAX_METADATA_VALUE))
    return Description(
        alt_text=image.alt_text,
        alt_texts=_read_alt_texts(image.alt_texts, violations),
        tags=read_tags(image.tags, f"{_PATH}.tags", violations),
        metadata=dict(image.metadata),
        focal_point=_read_focal_point(image, violations),
    )


def read_change(
    image: image_pb2.Image, mask: FieldMask, violations: Violations
) -> DescriptionChange:
    """Read which fields and entries an update changes; every fault is noted.

    An empty mask means the changeable fields that are set, `*` means all of them.
    """
    new = read_description(image, violations)
    if not mask.paths:
        set_fields = {field.name for field, _ in image.ListFields()}
        return DescriptionChange(new=new, fields=set_fields.intersection(CHANGEABLE))
    fields: set[str] = set()
    locales: set[str] = set()
    metadata_keys: set[str] = set()
    for index, path in enumerate(mask.paths):
        name, _, entry = path.partition(".")
        if path == "*":
            fields.update(CHANGEABLE)
        elif path in CHANGEABLE:
            fields.add(path)
        elif name == "alt_texts" and (locale := canonical_locale(entry)) is not None:
            locales.add(locale)
        elif name == "metadata" and metadata_key_fault(entry) is None:
            metadata_keys.add(entry)
        else:
            violations.add(
                f"update_mask.paths[{index}]",
                f"must be one of {', '.join(CHANGEABLE)}, or an entry such as alt_texts.de or "
                "metadata.camera",
            )
    return DescriptionChange(new=new, fields=fields, locales=locales, metadata_keys=metadata_keys)


def read_tags(texts: Sequence[str], path: str, violations: Violations) -> tuple[str, ...]:
    """Read tags; every fault is noted."""
    violations.add(path, count_fault(texts, MAX_TAGS))
    for index, tag in enumerate(texts):
        violations.add(f"{path}[{index}]", tag_fault(tag))
    return normalised_tags(texts)


def read_locale(text: str, path: str, violations: Violations) -> str:
    """Read a locale that may be left out; a fault is noted."""
    if not text:
        return ""
    locale = canonical_locale(text)
    if locale is None:
        violations.add(path, LOCALE_FAULT)
    return locale or ""


def _read_alt_texts(texts: Mapping[str, str], violations: Violations) -> dict[str, str]:
    path = f"{_PATH}.alt_texts"
    violations.add(path, count_fault(texts, MAX_ALT_TEXTS))
    read: dict[str, str] = {}
    for tag, text in texts.items():
        locale = canonical_locale(tag)
        violations.add(f"{path}.{tag}", text_fault(text, MAX_ALT_TEXT))
        if locale is None:
            violations.add(f"{path}.{tag}", LOCALE_FAULT)
        elif locale in read:
            violations.add(f"{path}.{tag}", f"must not be given twice: it is {locale}")
        else:
            read[locale] = text
    return read


def _read_focal_point(image: image_pb2.Image, violations: Violations) -> FocalPoint | None:
    if not image.HasField("focal_point"):
        return None
    point = image.focal_point
    violations.add(f"{_PATH}.focal_point.x", coordinate_fault(point.x))
    violations.add(f"{_PATH}.focal_point.y", coordinate_fault(point.y))
    return FocalPoint(x=point.x, y=point.y)
