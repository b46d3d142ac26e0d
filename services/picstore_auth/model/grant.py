"""Permissions, grants, and the rules among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from picstore_kit.ids import ProjectId

MAX_GRANTS: Final = 100
"""Grants of one role or key; services send a principal's grants along with every call."""


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
    IMAGE_ORIGINAL = "image:original"


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


def grant_fault(grant: Grant) -> str | None:
    """Say what is wrong with a grant, if anything."""
    if grant.project_id is not None and grant.permission in TEAM_LEVEL:
        return f"{grant.permission} is about the team and cannot be granted on one project"
    return None


def grants_fault(grants: Collection[object]) -> str | None:
    """Say whether a role or a key has too many grants."""
    return f"must be at most {MAX_GRANTS}" if len(grants) > MAX_GRANTS else None
