"""Where an upload goes and what is made of it, and the names that it may bring along."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from picstore_catalog.model.description import MAX_ALT_TEXT, text_fault
from picstore_catalog.model.image import Image, Original
from picstore_catalog.model.storage_location import StorageLocation
from picstore_catalog.model.stored import Stored
from picstore_imaging.profile import Profile
from picstore_kit.errors import FieldViolation, InvalidFields
from picstore_kit.ids import (
    ConversionProfileId,
    ImageId,
    LocationId,
    ProjectId,
    UploadId,
    UploadProfileId,
)

FIRST_GENERATION: Final = 1

MAX_FILENAME: Final = 1000
MAX_LOCATION: Final = 300


class OnDuplicate(Enum):
    """What is to happen with bytes that are there already."""

    RETURN_EXISTING = auto()
    CREATE = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """An upload profile with all that it refers to."""

    project_id: ProjectId
    base_path: str
    max_bytes: int
    """The project's limit; 0 for the installation's."""
    max_pixels: int
    """The project's limit; 0 for the installation's."""
    upload_profile_id: UploadProfileId
    originals_location_id: LocationId
    originals_path: str
    outputs_location_id: LocationId
    outputs_path: str
    conversion_profile_id: ConversionProfileId
    conversion_profile_revision: int
    """The current one."""
    profile: Profile
    """The conversion profile at that revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """A picture that somebody wants to upload."""

    project_id: ProjectId
    upload_profile: str
    """An id or a short name; empty for the default."""
    default_upload_profile_id: UploadProfileId | None = None
    """The caller's."""
    filename: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Where the original of an upload goes."""

    image_id: ImageId
    generation: int
    target: UploadTarget
    originals_location: Stored[StorageLocation]
    object_key: str
    filename: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """An upload whose original is stored."""

    upload_id: UploadId
    image_id: ImageId
    generation: int
    upload: UploadRequest
    alt_text: str
    original: Original
    on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of a commit."""

    image: Stored[Image]
    original_kept: bool
    """Whether the object that was stored is an original of the picture."""
    duplicate: bool = False
    """Whether the picture was there before, with the same bytes."""


def check_texts(*, filename: str = "", location: str = "", alt_text: str = "") -> None:
    """Refuse texts that are too long or hold what cannot be stored.

    Raises:
        InvalidFields: It names each of them.
    """
    violations = [
        FieldViolation(field=field, description=fault)
        for field, fault in (
            ("filename", text_fault(filename, MAX_FILENAME)),
            ("location", text_fault(location, MAX_LOCATION)),
            ("alt_text", text_fault(alt_text, MAX_ALT_TEXT)),
        )
        if fault
    ]
    if violations:
        raise InvalidFields(violations)
