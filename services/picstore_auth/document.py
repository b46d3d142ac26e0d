"""The operator's document, and what applying it did. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from picstore_auth.model.grant import Grants
from picstore_auth.model.role import NewRole
from picstore_kit.changes import Change
from picstore_kit.credentials import APIKey
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamEntry:
    """The team of a document."""

    id: TeamId | None = None
    """The id that it must have; None for any."""
    short_name: str
    display_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEntry:
    """A user of a document."""

    email: str
    display_name: str = ""
    roles: tuple[str, ...] = ()
    """Short names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """An API key of a document."""

    api_key: APIKey
    user: str
    """E-mail address."""
    display_name: str = ""
    grants: Grants = ()
    """Empty to inherit."""
    default_upload_profile_id: UploadProfileId | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a team should look like; an empty display name leaves the one that is there."""

    team: TeamEntry
    roles: tuple[NewRole, ...] = ()
    users: tuple[UserEntry, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    project_names: Mapping[ProjectId, str] = field(default_factory=dict)
    """What the document calls projects; only to say what changed in its own words."""
    upload_profile_names: Mapping[UploadProfileId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done, or would be, in the order of the document."""

    team_id: TeamId
    changes: tuple[Change, ...]
