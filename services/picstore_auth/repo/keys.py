"""API keys, as their administrators see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.api_key import Key, NewKey
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grants, Permission
from picstore_auth.repo.access import checked, require
from picstore_auth.repo.grants import GrantPairs, from_pairs, to_columns
from picstore_kit.credentials import APIKey
from picstore_kit.ids import KeyId, UploadProfileId, UserId

_SELECT: Final = """
    SELECT k.id, k.user_id, k.display_name, k.inherit, k.default_upload_profile_id,
           k.expires_at, k.revoked_at, k.last_used_at, k.revision, k.created_at, k.updated_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
            FROM api_key_grants g
            WHERE g.team_id = k.team_id AND g.key_id = k.id) AS grants
    FROM api_keys k
"""
_ONE: Final = _SELECT + " WHERE k.team_id = %(team)s AND k.id = %(id)s"
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF k"
_PAGE: Final = (
    _SELECT
    + """
    WHERE k.team_id = %(team)s
      AND (%(user)s::text IS NULL OR k.user_id = %(user)s)
      AND (%(live_at)s::timestamptz IS NULL
           OR (k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > %(live_at)s)))
      AND (%(after)s::text IS NULL OR k.id > %(after)s)
    ORDER BY k.id
    LIMIT %(limit)s
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: KeyId
    user_id: UserId
    display_name: str
    inherit: bool
    default_upload_profile_id: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime
    grants: GrantPairs

    def key(self) -> Key:
        profile_id = self.default_upload_profile_id
        return Key(
            id=self.id,
            user_id=self.user_id,
            display_name=self.display_name,
            inherit=self.inherit,
            grants=from_pairs(self.grants),
            default_upload_profile_id=UploadProfileId(profile_id) if profile_id else None,
            expires_at=self.expires_at,
            revoked_at=self.revoked_at,
            last_used_at=self.last_used_at,
            revision=self.revision,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


async def fetch(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    key_id: KeyId,
    permission: Permission,
    *,
    lock: bool = False,
) -> Key:
    """Return an API key of the caller's team; `lock` keeps others from changing it meanwhile.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        query = _ONE_LOCKED if lock else _ONE
        await cursor.execute(query, {"team": caller.team_id, "id": key_id})
        row = await cursor.fetchone()
    return checked(row, caller=caller, permission=permission, kind="ApiKey", name=key_id).key()


async def fetch_page(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    permission: Permission,
    *,
    user_id: UserId | None,
    live_at: datetime | None,
    after: str | None,
    limit: int,
) -> list[Key]:
    """Return API keys of the caller's team, or of one user in it, oldest first.

    With `live_at`, only those that are accepted at that time.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            _PAGE,
            {
                "team": caller.team_id,
                "user": user_id,
                "live_at": live_at,
                "after": after,
                "limit": limit,
            },
        )
        return [row.key() for row in await cursor.fetchall()]


async def insert(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    api_key: APIKey,
    new: NewKey,
) -> Key:
    """Add an API key to the caller's team; only the digest of its text is stored.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        INSERT INTO api_keys (id, team_id, user_id, digest, display_name, inherit,
                              default_upload_profile_id, expires_at)
        VALUES (%(id)s, %(team)s, %(user)s, %(digest)s, %(display_name)s, %(inherit)s,
                %(profile)s, %(expires_at)s)
        """,
        {
            "id": api_key.key_id,
            "team": caller.team_id,
            "user": new.user_id,
            "digest": api_key.digest,
            "display_name": new.display_name,
            "inherit": new.inherit,
            "profile": new.default_upload_profile_id or "",
            "expires_at": new.expires_at,
        },
    )
    await _set_grants(conn, caller, api_key.key_id, new.grants)
    return await fetch(conn, caller, api_key.key_id, Permission.TEAM_WRITE)


async def update(conn: AsyncConnection[TupleRow], caller: Caller, key: Key) -> Key:
    """Store what can change of an API key of the caller's team as a new revision.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        UPDATE api_keys
        SET user_id = %(user)s,
            display_name = %(display_name)s,
            inherit = %(inherit)s,
            default_upload_profile_id = %(profile)s,
            expires_at = %(expires_at)s,
            revision = revision + 1,
            updated_at = now()
        WHERE team_id = %(team)s AND id = %(id)s
        """,
        {
            "id": key.id,
            "team": caller.team_id,
            "user": key.user_id,
            "display_name": key.display_name,
            "inherit": key.inherit,
            "profile": key.default_upload_profile_id or "",
            "expires_at": key.expires_at,
        },
    )
    await _set_grants(conn, caller, key.id, key.grants)
    return await fetch(conn, caller, key.id, Permission.TEAM_WRITE)


async def revoke(conn: AsyncConnection[TupleRow], caller: Caller, key_id: KeyId) -> Key:
    """Revoke an API key of the caller's team, unless that was done before.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        UPDATE api_keys SET revoked_at = now(), revision = revision + 1, updated_at = now()
        WHERE team_id = %s AND id = %s AND revoked_at IS NULL
        """,
        (caller.team_id, key_id),
    )
    return await fetch(conn, caller, key_id, Permission.TEAM_WRITE)


async def _set_grants(
    conn: AsyncConnection[TupleRow], caller: Caller, key_id: KeyId, grants: Grants
) -> None:
    permissions, project_ids = to_columns(grants)
    await conn.execute(
        "DELETE FROM api_key_grants WHERE team_id = %s AND key_id = %s", (caller.team_id, key_id)
    )
    await conn.execute(
        """
        INSERT INTO api_key_grants (team_id, key_id, permission, project_id)
        SELECT %s, %s, wanted.permission, wanted.project_id
        FROM unnest(%s::text[], %s::text[]) wanted(permission, project_id)
        """,
        (caller.team_id, key_id, permissions, project_ids),
    )
