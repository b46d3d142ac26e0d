"""Looking up whose a credential is: one query, before any team is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.grant import common, essential
from picstore_auth.model.identity import Identity
from picstore_auth.repo.grants import GrantPairs, from_pairs
from picstore_kit.ids import KeyId, SessionId, TeamId, UploadProfileId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """An API key with all that decides whether it is good, and for what."""

    key_id: KeyId
    team_id: TeamId
    user_id: UserId
    digest: bytes
    inherit: bool
    default_upload_profile_id: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    user_disabled: bool
    team_disabled: bool
    user_grants: GrantPairs
    key_grants: GrantPairs

    def identity(self) -> Identity:
        """Return whose the key is; what it allows is what its user still holds of its grants."""
        held = from_pairs(self.user_grants)
        profile_id = self.default_upload_profile_id
        return Identity(
            team_id=self.team_id,
            user_id=self.user_id,
            key_id=self.key_id,
            grants=essential(held if self.inherit else common(from_pairs(self.key_grants), held)),
            default_upload_profile_id=UploadProfileId(profile_id) if profile_id else None,
            expires_at=self.expires_at,
        )


async def find(conn: AsyncConnection[TupleRow], key_id: KeyId) -> IdentityRow | None:
    """Return what is known of a key of any team, in a system transaction."""
    async with conn.cursor(row_factory=class_row(IdentityRow)) as cursor:
        await cursor.execute(
            """
            SELECT k.id AS key_id, k.team_id, k.user_id, k.digest, k.inherit,
                   k.default_upload_profile_id, k.expires_at, k.revoked_at, k.last_used_at,
                   u.disabled AS user_disabled, t.disabled AS team_disabled,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                    FROM user_roles ur
                    JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
                    WHERE ur.team_id = k.team_id AND ur.user_id = k.user_id) AS user_grants,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                    FROM api_key_grants g
                    WHERE g.team_id = k.team_id AND g.key_id = k.id) AS key_grants
            FROM api_keys k
            JOIN users u ON u.team_id = k.team_id AND u.id = k.user_id
            JOIN teams t ON t.id = k.team_id
            WHERE k.id = %s
            """,
            (key_id,),
        )
        return await cursor.fetchone()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session with all that decides whether it is good, and for what."""

    session_id: SessionId
    team_id: TeamId
    user_id: UserId
    digest: bytes
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime
    user_disabled: bool
    team_disabled: bool
    user_grants: GrantPairs

    def identity(self, *, expires_at: datetime) -> Identity:
        """Return whose the session is; it allows what its user may do."""
        return Identity(
            team_id=self.team_id,
            user_id=self.user_id,
            session_id=self.session_id,
            grants=essential(from_pairs(self.user_grants)),
            default_upload_profile_id=None,
            expires_at=expires_at,
        )


async def find_session(conn: AsyncConnection[TupleRow], session_id: SessionId) -> SessionRow | None:
    """Return what is known of a session of any team, in a system transaction."""
    async with conn.cursor(row_factory=class_row(SessionRow)) as cursor:
        await cursor.execute(
            """
            SELECT s.id AS session_id, s.team_id, s.user_id, s.digest, s.expires_at, s.revoked_at,
                   s.last_used_at, u.disabled AS user_disabled, t.disabled AS team_disabled,
                   (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                    FROM user_roles ur
                    JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
                    WHERE ur.team_id = s.team_id AND ur.user_id = s.user_id) AS user_grants
            FROM sessions s
            JOIN users u ON u.team_id = s.team_id AND u.id = s.user_id
            JOIN teams t ON t.id = s.team_id
            WHERE s.id = %s
            """,
            (session_id,),
        )
        return await cursor.fetchone()


async def note_uses(conn: AsyncConnection[TupleRow], uses: Mapping[str, datetime]) -> None:
    """Store when keys and sessions were last used, to the minute, in a system transaction."""
    await conn.execute(
        """
        WITH used AS (
            SELECT id, at FROM unnest(%s::text[], %s::timestamptz[]) AS used(id, at)
        ), keys AS (
            UPDATE api_keys AS k
            SET last_used_at = used.at
            FROM used
            WHERE k.id = used.id
              AND (k.last_used_at IS NULL OR k.last_used_at <= used.at - interval '1 minute')
        )
        UPDATE sessions AS s
        SET last_used_at = used.at
        FROM used
        WHERE s.id = used.id AND s.last_used_at <= used.at - interval '1 minute'
        """,
        (list(uses.keys()), list(uses.values())),
    )
