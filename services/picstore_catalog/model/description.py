"""What people and applications say of a picture: texts, tags, metadata, focal point."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sized
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from picstore_catalog.model.locale import fallbacks
from picstore_kit.errors import FieldViolation, InvalidFields

MAX_ALT_TEXT: Final = 2000
MAX_ALT_TEXTS: Final = 50
MAX_TAGS: Final = 50
MAX_TAG: Final = 64
MAX_METADATA: Final = 50
MAX_METADATA_KEY: Final = 64
MAX_METADATA_VALUE: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalPoint:
    """What is to stay in view when a picture is cropped, as parts of its width and height."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything that is said of a picture and that no converter looks for itself."""

    alt_text: str = ""
    """Taken where no locale fits."""
    alt_texts: Mapping[str, str] = field(default_factory=dict)
    """By canonical locale."""
    tags: tuple[str, ...] = ()
    """As they were written, each once, sorted without case."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    focal_point: FocalPoint | None = None

    def text_for(self, locale: str) -> str:
        """Return the alt text for a canonical locale, or the default; empty asks for the latter."""
        for wanted in fallbacks(locale):
            if wanted in self.alt_texts:
                return self.alt_texts[wanted]
        return self.alt_text

    def as_texts(self) -> dict[str, str]:
        """Return each field as text, for the audit log."""
        point = self.focal_point
        return {
            "alt_text": self.alt_text,
            **{f"alt_texts.{locale}": text for locale, text in self.alt_texts.items()},
            "tags": json.dumps(self.tags, ensure_ascii=False) if self.tags else "",
            **{f"metadata.{key}": value for key, value in self.metadata.items()},
            "focal_point": "" if point is None else f"{point.x:g}, {point.y:g}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionChange:
    """New values for some fields of a description, and for single entries of its maps."""

    new: Description
    fields: AbstractSet[str] = frozenset()
    """The fields that become as in `new`."""
    locales: AbstractSet[str] = frozenset()
    """The alt texts that become as in `new`, and go if they are not in it."""
    metadata_keys: AbstractSet[str] = frozenset()
    """The metadata that become as in `new`, and go if they are not in it."""

    def applied_to(self, old: Description) -> Description:
        """Return the description after the change.

        Raises:
            InvalidFields: With what was there before, a map has too many entries.
        """
        new, fields = self.new, self.fields
        after = Description(
            alt_text=new.alt_text if "alt_text" in fields else old.alt_text,
            alt_texts=(
                new.alt_texts
                if "alt_texts" in fields
                else _merged(old.alt_texts, new.alt_texts, self.locales)
            ),
            tags=new.tags if "tags" in fields else old.tags,
            metadata=(
                new.metadata
                if "metadata" in fields
                else _merged(old.metadata, new.metadata, self.metadata_keys)
            ),
            focal_point=new.focal_point if "focal_point" in fields else old.focal_point,
        )
        faults = [
            FieldViolation(field=f"image.{name}", description=fault)
            for name, fault in (
                ("alt_texts", count_fault(after.alt_texts, MAX_ALT_TEXTS)),
                ("metadata", count_fault(after.metadata, MAX_METADATA)),
            )
            if fault
        ]
        if faults:
            raise InvalidFields(faults)
        return after


def comparable(text: str) -> str:
    """Return what is the same for texts that differ in case only."""
    return unicodedata.normalize("NFC", text.casefold())


def normalised_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as they are kept: composed, without space around, each once.

    Of tags that differ in case only the first stays as it was written.
    """
    kept: dict[str, str] = {}
    for tag in tags:
        written = unicodedata.normalize("NFC", tag).strip()
        kept.setdefault(comparable(written), written)
    return tuple(kept[key] for key in sorted(kept))


def text_fault(text: str, limit: int) -> str | None:
    """Say what is wrong with a text of at most `limit` characters."""
    if len(text) > limit or "\0" in text:
        return f"must be at most {limit} characters, without NUL"
    return None


def tag_fault(tag: str) -> str | None:
    """Say what is wrong with a tag."""
    written = unicodedata.normalize("NFC", tag).strip()
    if not 1 <= len(written) <= MAX_TAG or _has_controls(written):
        return f"must be 1 to {MAX_TAG} characters, without control characters"
    return None


def metadata_key_fault(key: str) -> str | None:
    """Say what is wrong with a key."""
    if not 1 <= len(key) <= MAX_METADATA_KEY or _has_controls(key):
        return f"must have keys of 1 to {MAX_METADATA_KEY} characters, without control characters"
    return None


def coordinate_fault(value: float) -> str | None:
    """Say what is wrong with a coordinate of a focal point; no number compares with NaN."""
    return None if 0 <= value <= 1 else "must be from 0 to 1"


def count_fault(entries: Sized, limit: int) -> str | None:
    """Say that there are too many entries."""
    return f"must be at most {limit}" if len(entries) > limit else None


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)


def _merged(
    old: Mapping[str, str], new: Mapping[str, str], keys: AbstractSet[str]
) -> Mapping[str, str]:
    kept = {key: text for key, text in old.items() if key not in keys}
    return kept | {key: new[key] for key in keys if key in new}
