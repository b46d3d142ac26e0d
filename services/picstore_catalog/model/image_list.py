"""Which pictures a list shows, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.stored import Stored
from picstore_imaging.formats import SourceFormat
from picstore_kit.ids import ConversionProfileId, ImageId

MIN_FILENAME_PART: Final = 3
MAX_FILENAME_PART: Final = 255


class SortKey(StrEnum):
    """What pictures can be sorted by, as callers name it."""

    CREATE_TIME = "create_time"
    FILENAME = "filename"
    SIZE_BYTES = "size_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOrder:
    """A key and a direction; pictures that are equal in it follow their ids."""

    key: SortKey = SortKey.CREATE_TIME
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter:
    """What all listed pictures have; None and empty leave it open."""

    state: ImageState | None = None
    format: SourceFormat | None = None
    start_time: datetime | None = None
    """Made then or later."""
    end_time: datetime | None = None
    """Made before."""
    filename_contains: str = ""
    tags: tuple[str, ...] = ()
    """All of them."""
    sha256: bytes | None = None
    upload_profile: str = ""
    """An id or a short name."""
    conversion_profile_id: ConversionProfileId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """A picture, and where it stands in the list."""

    stored: Stored[Image]
    position: str
    """The value of the sort key, as text that the database reads back exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The place of the last picture of a page."""

    value: str
    """As `ListedImage.position`."""
    id: ImageId


def read_order(text: str) -> ImageOrder | None:
    """Read an order such as `filename desc`; empty is the newest first. None if it is none."""
    match text.split():
        case []:
            return ImageOrder()
        case [key] if key in set(SortKey):
            return ImageOrder(key=SortKey(key), descending=False)
        case [key, "desc"] if key in set(SortKey):
            return ImageOrder(key=SortKey(key), descending=True)
    return None
