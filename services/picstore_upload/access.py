"""What a caller may do with uploads, as parameters for SQL: one statement fetches and checks.

An upload that the caller has nothing to do with is NOT_FOUND; one of a project in which the caller
may do something, but not upload, is PERMISSION_DENIED.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from picstore_kit.errors import PermissionDenied
from picstore_kit.ids import TeamId
from picstore_kit.rpc.auth import ALL_PROJECTS, Principal

IMAGE_CREATE: Final = "image:create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One caller's reach within its own team."""

    team_id: TeamId
    caller: str
    """The id of the user who calls."""
    allowed_everywhere: bool
    allowed_on: tuple[str, ...]
    """Projects on which the caller may upload."""
    visible_everywhere: bool
    visible_on: tuple[str, ...]
    """Projects on which the caller holds any permission at all."""

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Return the reach of a principal.

        Raises:
            PermissionDenied: It belongs to no team: a service that acts for nobody.
        """
        caller = principal.user_id or principal.service
        if principal.team_id is None or caller is None:
            raise PermissionDenied.missing(IMAGE_CREATE)
        allowed = principal.project_ids(IMAGE_CREATE)
        seen = {grant.project_id for grant in principal.grants}
        return cls(
            team_id=principal.team_id,
            caller=caller,
            allowed_everywhere=allowed is ALL_PROJECTS,
            allowed_on=() if allowed is ALL_PROJECTS else tuple(allowed),
            visible_everywhere=None in seen,
            visible_on=tuple(project for project in seen if project is not None),
        )

    def parameters(self) -> dict[str, Any]:
        """Return what the conditions of statements name."""
        return {
            "team_id": self.team_id,
            "allowed_everywhere": self.allowed_everywhere,
            "allowed_on": list(self.allowed_on),
            "visible_everywhere": self.visible_everywhere,
            "visible_on": list(self.visible_on),
        }
