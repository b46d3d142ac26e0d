"""Invitations of a team's users."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, uncovered
from picstore_auth.model.invitation import Invitation
from picstore_auth.repo.access import checked, require
from picstore_auth.repo.grants import GrantPairs, from_pairs
from picstore_kit.ids import InvitationId, TeamId, UserId

_COLUMNS: Final = (
    "SELECT id, user_id, inviter_id, created_at, expires_at, accepted_at, revoked_at "
    "FROM invitations "
)
_ONE: Final = _COLUMNS + "WHERE team_id = %(team)s AND id = %(id)s FOR UPDATE"
_PAGE: Final = (
    _COLUMNS
    + """
    WHERE team_id = %(team)s
      AND (%(user)s::text IS NULL OR user_id = %(user)s)
      AND (%(before)s::text IS NULL OR id < %(before)s)
    ORDER BY id DESC
    LIMIT %(limit)s
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """An invitation with all that decides whether its token is good."""

    team_id: TeamId
    user_id: UserId
    digest: bytes = field(repr=False)
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    inviter_enabled: bool
    inviter_grants: GrantPairs
    user_grants: GrantPairs

    def is_open(self, now: datetime) -> bool:
        """Whether it may be accepted: nobody did so or withdrew it, and it is not too old."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now

    def is_backed(self) -> bool:
        """Whether its inviter could still invite the user.

        Whoever has made a link may have kept it, and with it could become the user: one who has
        been disabled since, or may do less than the user by now.
        """
        held = from_pairs(self.inviter_grants)
        return self.inviter_enabled and not uncovered(from_pairs(self.user_grants), held)


async def insert(
    conn: AsyncConnection[TupleRow], caller: Caller, invitation: Invitation, digest: bytes
) -> None:
    """Add an invitation to the caller's team; only the digest of its token is stored.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        INSERT INTO invitations (id, team_id, user_id, inviter_id, digest, created_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            invitation.id,
            caller.team_id,
            invitation.user_id,
            invitation.inviter_id,
            digest,
            invitation.created_at,
            invitation.expires_at,
        ),
    )


async def fetch(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    invitation_id: InvitationId,
    permission: Permission,
) -> Invitation:
    """Return an invitation of the caller's team and keep others from changing it meanwhile.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    async with conn.cursor(row_factory=class_row(Invitation)) as cursor:
        await cursor.execute(_ONE, {"team": caller.team_id, "id": invitation_id})
        row = await cursor.fetchone()
    return checked(row, caller=caller, permission=permission, kind="Invitation", name=invitation_id)


async def fetch_page(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    permission: Permission,
    *,
    user_id: UserId | None,
    before: str | None,
    limit: int,
) -> list[Invitation]:
    """Return invitations of the caller's team, or of one user in it, newest first.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(Invitation)) as cursor:
        await cursor.execute(
            _PAGE, {"team": caller.team_id, "user": user_id, "before": before, "limit": limit}
        )
        return await cursor.fetchall()


async def revoke_open(conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId) -> None:
    """Withdraw the open invitations of a user."""
    await conn.execute(
        """
        UPDATE invitations SET revoked_at = now()
        WHERE team_id = %s AND user_id = %s AND accepted_at IS NULL AND revoked_at IS NULL
        """,
        (team_id, user_id),
    )


async def revoke(
    conn: AsyncConnection[TupleRow], caller: Caller, invitation_id: InvitationId
) -> Invitation:
    """Withdraw an invitation of the caller's team.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        "UPDATE invitations SET revoked_at = now() WHERE team_id = %s AND id = %s",
        (caller.team_id, invitation_id),
    )
    return await fetch(conn, caller, invitation_id, Permission.TEAM_WRITE)


async def find_presented(
    conn: AsyncConnection[TupleRow], invitation_id: InvitationId
) -> Presented | None:
    """Return an invitation of any team, in a system transaction."""
    async with conn.cursor(row_factory=class_row(Presented)) as cursor:
        await cursor.execute(
            """
            SELECT i.team_id, i.user_id, i.digest, i.expires_at, i.accepted_at, i.revoked_at,
                   EXISTS (SELECT FROM users u
                           WHERE u.team_id = i.team_id AND u.id = i.inviter_id
                             AND NOT u.disabled) AS inviter_enabled,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                    FROM user_roles ur
                    JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
                    WHERE ur.team_id = i.team_id AND ur.user_id = i.inviter_id) AS inviter_grants,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                    FROM user_roles ur
                    JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
                    WHERE ur.team_id = i.team_id AND ur.user_id = i.user_id) AS user_grants
            FROM invitations i
            WHERE i.id = %s
            """,
            (invitation_id,),
        )
        return await cursor.fetchone()


async def accept(
    conn: AsyncConnection[TupleRow], invitation_id: InvitationId, *, now: datetime
) -> bool:
    """Use an invitation up; of those who do so at the same time one alone is told True."""
    cursor = await conn.execute(
        """
        UPDATE invitations SET accepted_at = %(now)s
        WHERE id = %(id)s AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > %(now)s
        """,
        {"id": invitation_id, "now": now},
    )
    return cursor.rowcount == 1
