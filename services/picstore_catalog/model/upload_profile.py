"""Upload profiles: where the pictures of an upload go, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass

from picstore_kit.ids import ConversionProfileId, LocationId, ProjectId, UploadProfileId


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadProfile:
    """An upload profile."""

    id: UploadProfileId
    project_id: ProjectId
    short_name: str
    """Unique in the project."""
    display_name: str
    originals_location_id: LocationId
    originals_path: str
    """Put into the keys of originals, after the project's base path; may be empty."""
    outputs_location_id: LocationId
    outputs_path: str
    """Put into the keys of outputs, after the project's base path; may be empty."""
    conversion_profile_id: ConversionProfileId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Something that an upload profile names."""

    field: str
    """The profile's field, such as `outputs_location_id`."""
    kind: str
    """Such as `StorageLocation`."""
    id: str
