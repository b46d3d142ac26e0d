"""Upload profiles: where the pictures of an upload go, and what is made of them.

Originals and outputs may share a storage location. Keys of originals cannot be guessed, but whether
a location is readable by everybody is the store's own setting, which no rule here can see: whoever
wants originals private gives them a location of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    elsewhere: bool
    """It is there, but for another project only."""


def describe_upload_profile(profile: UploadProfile, names: Mapping[str, str]) -> dict[str, str]:
    """Say in words what can differ between two upload profiles of one short name.

    `names` are short names by id; what is not among them is told by its id.
    """
    return {
        "display_name": profile.display_name,
        "originals_location_id": names.get(
            profile.originals_location_id, profile.originals_location_id
        ),
        "originals_path": profile.originals_path,
        "outputs_location_id": names.get(profile.outputs_location_id, profile.outputs_location_id),
        "outputs_path": profile.outputs_path,
        "conversion_profile_id": names.get(
            profile.conversion_profile_id, profile.conversion_profile_id
        ),
    }
