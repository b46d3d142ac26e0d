"""Users of a team."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from picstore_kit.ids import RoleId, UserId

MAX_ROLES: Final = 20
"""Roles of one user."""


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
    has_password: bool = False
    """Whether the user can log in."""
    last_login_at: datetime | None = None


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


def roles_fault(roles: Collection[object]) -> str | None:
    """Say whether a user has too many roles."""
    return f"must be at most {MAX_ROLES}" if len(roles) > MAX_ROLES else None
