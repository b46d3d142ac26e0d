"""Teams, users, roles, API keys and grants, and the rules among grants. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from picstore_kit.ids import KeyId, ProjectId, RoleId, TeamId, UploadProfileId, UserId

MAX_DISPLAY_NAME: Final = 200
"""Characters of a display name."""

MAX_GRANTS: Final = 100
"""Grants of one role or key; services send a principal's grants along with every call."""

MAX_ROLES: Final = 20
"""Roles of one user."""

MAX_EMAIL: Final = 254
"""Characters of an e-mail address (RFC 5321, 4.5.3.1.3, less the angle brackets)."""

_SHORT_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Whether mail arrives is for the mail server to say; this only catches what cannot be one.
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


class Permission(StrEnum):
    """`picstore.options.v1.Permission` as people write it."""

    TEAM_ADMIN = "team:admin"
    TEAM_READ = "team:read"
    TEAM_WRITE = "team:write"
    PROJECT_CREATE = "project:create"
    PROJECT_READ = "project:read"
    PROJECT_WRITE = "project:write"
    IMAGE_READ = "image:read"
    IMAGE_CREATE = "image:create"
    IMAGE_EDIT = "image:edit"
    CONVERSION_PROFILE_WRITE = "conversion_profile:write"
    UPLOAD_PROFILE_WRITE = "upload_profile:write"
    STORAGE_LOCATION_WRITE = "storage_location:write"
    AUDIT_READ = "audit:read"


TEAM_LEVEL: Final = frozenset(
    {
        Permission.TEAM_ADMIN,
        Permission.TEAM_READ,
        Permission.TEAM_WRITE,
        Permission.PROJECT_CREATE,
        Permission.AUDIT_READ,
    }
)
"""Permissions that are about the team itself, and so mean nothing on one project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One permission, on one project or on the team and all of its projects."""

    permission: Permission
    project_id: ProjectId | None = None

    def covers(self, other: Grant) -> bool:
        """Whether who holds this grant holds the other one, too."""
        return self.permission in (Permission.TEAM_ADMIN, other.permission) and (
            self.project_id in (None, other.project_id)
        )

    def meet(self, other: Grant) -> Grant | None:
        """Return the most that both grants cover; None if that is nothing."""
        if self.permission is Permission.TEAM_ADMIN:
            permission = other.permission
        elif other.permission in (Permission.TEAM_ADMIN, self.permission):
            permission = self.permission
        else:
            return None
        if self.project_id is None:
            project_id = other.project_id
        elif other.project_id in (None, self.project_id):
            project_id = self.project_id
        else:
            return None
        return Grant(permission=permission, project_id=project_id)

    def __str__(self) -> str:
        return f"{self.permission}@{self.project_id}" if self.project_id else str(self.permission)


Grants = tuple[Grant, ...]
"""A set of grants in the one order that `normalised` gives."""


def normalised(grants: Iterable[Grant]) -> Grants:
    """Sort grants and drop those that are there twice."""
    return tuple(sorted(set(grants), key=lambda g: (g.permission, g.project_id or "")))


def covered(grant: Grant, held: Iterable[Grant]) -> bool:
    """Whether who holds `held` holds `grant`."""
    return any(mine.covers(grant) for mine in held)


def uncovered(wanted: Iterable[Grant], held: Grants) -> Grants:
    """Return what of `wanted` who holds `held` does not hold."""
    return normalised(grant for grant in wanted if not covered(grant, held))


def common(one: Grants, other: Grants) -> Grants:
    """Return what holders of both sets may do: what a limited key keeps of its user's grants."""
    return normalised(
        both for mine in one for theirs in other if (both := mine.meet(theirs)) is not None
    )


def essential(grants: Grants) -> Grants:
    """Return the fewest grants that allow the same: those that no other one covers."""
    return tuple(
        grant
        for grant in grants
        if not any(other.covers(grant) for other in grants if other != grant)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who administers a team: one of its users, or the operator of the installation."""

    team_id: TeamId
    user_id: UserId | None
    """None for the operator."""
    key_id: KeyId | None
    """The API key that was presented, if one was."""
    grants: Grants

    def holds(self, permission: Permission) -> bool:
        """Whether the caller holds `permission` on the team itself."""
        return covered(Grant(permission=permission), self.grants)


def operator_of(team_id: TeamId) -> Caller:
    """Return the operator in the role of an administrator of one team."""
    return Caller(
        team_id=team_id,
        user_id=None,
        key_id=None,
        grants=(Grant(permission=Permission.TEAM_ADMIN),),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose an API key is, and what it allows at this moment."""

    team_id: TeamId
    user_id: UserId
    key_id: KeyId
    grants: Grants
    default_upload_profile_id: UploadProfileId | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The tenant."""

    id: TeamId
    short_name: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody, or something, that calls."""

    id: UserId
    email: str
    display_name: str
    role_ids: tuple[RoleId, ...]
    disabled: bool
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to add."""

    email: str
    display_name: str = ""
    role_ids: tuple[RoleId, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdate:
    """What to change of a user; None leaves it as it is."""

    user_id: UserId
    etag: str = ""
    """The etag that the user must have; empty for any."""
    display_name: str | None = None
    role_ids: tuple[RoleId, ...] | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A named set of grants."""

    id: RoleId
    short_name: str
    display_name: str
    grants: Grants
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRole:
    """A role to add."""

    short_name: str
    display_name: str = ""
    grants: Grants = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleUpdate:
    """What to change of a role; None leaves it as it is."""

    role_id: RoleId
    etag: str = ""
    """The etag that the role must have; empty for any."""
    display_name: str | None = None
    grants: Grants | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of an API key."""

    id: KeyId
    user_id: UserId
    display_name: str
    inherit: bool
    grants: Grants
    default_upload_profile_id: UploadProfileId | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """An API key to make."""

    user_id: UserId
    display_name: str = ""
    inherit: bool = False
    grants: Grants = ()
    default_upload_profile_id: UploadProfileId | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key that service tokens are verified with."""

    id: str
    public_key: bytes
    created_at: datetime
    expires_at: datetime


def short_name_fault(text: str) -> str | None:
    """Say what is wrong with a short name, if anything."""
    if _SHORT_NAME.fullmatch(text):
        return None
    return "must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"


def display_name_fault(text: str) -> str | None:
    """Say what is wrong with a name for people, if anything."""
    if len(text) <= MAX_DISPLAY_NAME and not _CONTROL.search(text):
        return None
    return f"must be one line of at most {MAX_DISPLAY_NAME} characters"


def email_fault(text: str) -> str | None:
    """Say what is wrong with an e-mail address, if anything."""
    if len(text) <= MAX_EMAIL and text.isprintable() and _EMAIL.fullmatch(text):
        return None
    return "must be an e-mail address"


def grant_fault(grant: Grant) -> str | None:
    """Say what is wrong with a grant, if anything."""
    if grant.project_id is not None and grant.permission in TEAM_LEVEL:
        return f"{grant.permission} is about the team and cannot be granted on one project"
    return None


def grants_fault(grants: Collection[object]) -> str | None:
    """Say whether a role or a key has too many grants."""
    return f"must be at most {MAX_GRANTS}" if len(grants) > MAX_GRANTS else None


def roles_fault(roles: Collection[object]) -> str | None:
    """Say whether a user has too many roles."""
    return f"must be at most {MAX_ROLES}" if len(roles) > MAX_ROLES else None


def etag_of(revision: int) -> str:
    """Return the etag of an object's revision."""
    return str(revision)
