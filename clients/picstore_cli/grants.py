"""Grants as people write them: `image:create@blog`, or `team:admin` for all of the team."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from picstore.options.v1.permission_pb2 import Permission

if TYPE_CHECKING:
    from picstore.auth.v1.authentication_pb2 import Grant

_PREFIX: Final = "PERMISSION_"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGrant:
    """A grant whose project is still as the person wrote it."""

    permission: Permission.ValueType
    project: str
    """Id or short name; empty for the team and all of its projects."""


def read_grant(text: str) -> WrittenGrant:
    """Read `permission` or `permission@project`.

    Raises:
        ValueError: There is no such permission, or nothing follows the `@`.
    """
    name, at, project = text.partition("@")
    number = _NUMBERS.get(name)
    if number is None:
        known = ", ".join(_NUMBERS)
        raise ValueError(f"{name!r} is no permission; there are: {known}")
    if at and not project:
        raise ValueError(f"{text!r} names no project after the @")
    return WrittenGrant(permission=number, project=project)


def write_grant(grant: Grant) -> str:
    """Write a grant as `read_grant` reads it."""
    name = _permission_name(Permission.Name(grant.permission))
    return f"{name}@{grant.project_id}" if grant.project_id else name


def _permission_name(name: str) -> str:
    return ":".join(name.removeprefix(_PREFIX).lower().rsplit("_", 1))


_NUMBERS: Final = {
    _permission_name(name): number for name, number in Permission.items() if number != 0
}
