"""Roles: named sets of grants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from picstore_auth.model.grant import Grants
from picstore_kit.ids import RoleId


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
