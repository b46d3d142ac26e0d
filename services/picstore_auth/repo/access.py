"""Fetching and checking as one step: no row leaves a repo without a permission for it."""

from __future__ import annotations

from typing import TypeVar

from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_kit.errors import NotFound, PermissionDenied, Resource

RowT = TypeVar("RowT")


def checked(
    row: RowT | None, *, caller: Caller, permission: Permission, kind: str, name: str
) -> RowT:
    """Return the row that a query limited to the caller's team found, if the caller may have it.

    All of auth's objects belong to the team itself, so the permission is needed on the team and
    the caller's grants decide without the row.

    Raises:
        NotFound: There is no such row in the team; whether another team has it is not told.
        PermissionDenied: The caller's team has it, but the caller lacks the permission.
    """
    if row is None:
        raise NotFound.of(kind, name)
    require(caller, permission, resource=Resource(type=kind, name=name))
    return row


def require(caller: Caller, permission: Permission, *, resource: Resource | None = None) -> None:
    """Refuse callers who do not hold `permission` on their team.

    Raises:
        PermissionDenied: It names the permission.
    """
    if not caller.holds(permission):
        raise PermissionDenied.missing(permission, resource=resource)
