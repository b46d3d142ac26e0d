"""The operator's document: what a team's projects should look like, and what applying it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from picstore_catalog.model.storage_location import GivenProvider
from picstore_imaging.profile import Profile
from picstore_kit.changes import Change
from picstore_kit.ids import (
    ConversionProfileId,
    LocationId,
    ProjectId,
    UploadProfileId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEntry:
    """A project of a document."""

    id: ProjectId | None
    """Taken for a new project only; None for a fresh one."""
    short_name: str
    display_name: str
    """Empty leaves the one that is there; so in all entries."""
    base_path: str
    """Empty leaves the one that is there, and is the short name of a new project."""
    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationEntry:
    """A storage location of a document."""

    id: LocationId | None
    project: str
    """Short name; empty for all of the team's. So in all entries."""
    short_name: str
    display_name: str
    provider: GivenProvider
    public_base_url: str
    cache_control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionProfileEntry:
    """A conversion profile of a document."""

    id: ConversionProfileId | None
    project: str
    short_name: str
    display_name: str
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadProfileEntry:
    """An upload profile of a document; what it refers to are short names."""

    id: UploadProfileId | None
    project: str
    short_name: str
    display_name: str
    originals_location: str
    originals_path: str
    outputs_location: str
    outputs_path: str
    conversion_profile: str

    @property
    def name(self) -> str:
        """The name by which other documents refer to it."""
        return f"{self.project}/{self.short_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What should be there; what it does not name stays as it is."""

    projects: tuple[ProjectEntry, ...] = ()
    storage_locations: tuple[LocationEntry, ...] = ()
    conversion_profiles: tuple[ConversionProfileEntry, ...] = ()
    upload_profiles: tuple[UploadProfileEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done, or would be, in the order of the document."""

    project_ids: Mapping[str, ProjectId]
    """By short name."""
    upload_profile_ids: Mapping[str, UploadProfileId]
    """By `UploadProfileEntry.name`."""
    changes: tuple[Change, ...]
