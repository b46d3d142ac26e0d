"""Who administers a team."""

from __future__ import annotations

from dataclasses import dataclass

from picstore_auth.model.grant import Grant, Grants, Permission, covered
from picstore_kit.ids import KeyId, SessionId, TeamId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who administers a team: one of its users, or the operator of the installation."""

    team_id: TeamId
    user_id: UserId | None
    """None for the operator."""
    key_id: KeyId | None
    """The API key that was presented, if one was."""
    session_id: SessionId | None = None
    """The session that was presented in its place."""
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
