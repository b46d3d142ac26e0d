"""Roles and their grants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grants, Permission
from picstore_auth.model.role import NewRole, Role
from picstore_auth.repo.access import checked, require
from picstore_auth.repo.grants import GrantPairs, from_pairs, to_columns
from picstore_kit.errors import AlreadyExists, Reason
from picstore_kit.ids import RoleId
from picstore_kit.usage import NAMED, Usage

_SELECT: Final = """
    SELECT r.id, r.short_name, r.display_name, r.revision, r.created_at, r.updated_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
            FROM role_grants g
            WHERE g.team_id = r.team_id AND g.role_id = r.id) AS grants
    FROM roles r
"""
_ONE: Final = _SELECT + " WHERE r.team_id = %(team)s AND r.id = %(id)s"
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF r"
_SOME_KEPT: Final = (
    _SELECT
    + """
    WHERE r.team_id = %(team)s AND r.id = ANY(%(ids)s)
    ORDER BY r.id
    FOR KEY SHARE OF r
    """
)
_ALL_LOCKED: Final = _SELECT + " WHERE r.team_id = %(team)s ORDER BY r.id FOR UPDATE OF r"
_PAGE: Final = (
    _SELECT
    + """
    WHERE r.team_id = %(team)s AND (%(after)s::text IS NULL OR r.id > %(after)s)
      AND (%(short_name)s = '' OR r.short_name = %(short_name)s)
    ORDER BY r.id
    LIMIT %(limit)s
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: RoleId
    short_name: str
    display_name: str
    revision: int
    created_at: datetime
    updated_at: datetime
    grants: GrantPairs

    def role(self) -> Role:
        return Role(
            id=self.id,
            short_name=self.short_name,
            display_name=self.display_name,
            grants=from_pairs(self.grants),
            revision=self.revision,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


async def fetch(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    role_id: RoleId,
    permission: Permission,
    *,
    lock: bool = False,
) -> Role:
    """Return a role of the caller's team; `lock` keeps others from changing it meanwhile.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        query = _ONE_LOCKED if lock else _ONE
        await cursor.execute(query, {"team": caller.team_id, "id": role_id})
        row = await cursor.fetchone()
    return checked(row, caller=caller, permission=permission, kind="Role", name=role_id).role()


async def fetch_some(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    role_ids: Sequence[RoleId],
    permission: Permission,
) -> list[Role]:
    """Return those of the roles that the caller's team has, and keep them from being deleted.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_SOME_KEPT, {"team": caller.team_id, "ids": list(role_ids)})
        return [row.role() for row in await cursor.fetchall()]


async def fetch_all_locked(
    conn: AsyncConnection[TupleRow], caller: Caller, permission: Permission
) -> list[Role]:
    """Return all roles of the caller's team, and keep others from changing them meanwhile.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_ALL_LOCKED, {"team": caller.team_id})
        return [row.role() for row in await cursor.fetchall()]


async def fetch_page(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    permission: Permission,
    *,
    short_name: str,
    after: str | None,
    limit: int,
) -> list[Role]:
    """Return roles of the caller's team, oldest first; the one of a short name if given.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            _PAGE,
            {"team": caller.team_id, "short_name": short_name, "after": after, "limit": limit},
        )
        return [row.role() for row in await cursor.fetchall()]


async def insert(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    role_id: RoleId,
    new: NewRole,
) -> Role:
    """Add a role to the caller's team.

    Raises:
        PermissionDenied: The caller lacks team:write.
        AlreadyExists: The team has the name already.
    """
    require(caller, Permission.TEAM_WRITE)
    cursor = await conn.execute(
        """
        INSERT INTO roles (id, team_id, short_name, display_name)
        VALUES (%(id)s, %(team)s, %(short_name)s, %(display_name)s)
        ON CONFLICT ON CONSTRAINT roles_short_name DO NOTHING
        """,
        {
            "id": role_id,
            "team": caller.team_id,
            "short_name": new.short_name,
            "display_name": new.display_name,
        },
    )
    if cursor.rowcount == 0:
        raise AlreadyExists(
            Reason.RESOURCE_EXISTS,
            f"the team has a role named {new.short_name}",
            metadata={"resource_type": "Role", "field": "short_name", "value": new.short_name},
        )
    await _set_grants(conn, caller, role_id, new.grants)
    return await fetch(conn, caller, role_id, Permission.TEAM_WRITE)


async def update(conn: AsyncConnection[TupleRow], caller: Caller, role: Role) -> Role:
    """Store the name and the grants of a role of the caller's team as a new revision.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        UPDATE roles
        SET display_name = %(display_name)s, revision = revision + 1, updated_at = now()
        WHERE team_id = %(team)s AND id = %(id)s
        """,
        {"id": role.id, "team": caller.team_id, "display_name": role.display_name},
    )
    await _set_grants(conn, caller, role.id, role.grants)
    return await fetch(conn, caller, role.id, Permission.TEAM_WRITE)


async def fetch_usage(conn: AsyncConnection[TupleRow], caller: Caller, role_id: RoleId) -> Usage:
    """Return who has a role of the caller's team."""
    cursor = await conn.execute(
        """
        SELECT user_id, count(*) OVER () FROM user_roles
        WHERE team_id = %s AND role_id = %s
        ORDER BY user_id
        LIMIT %s
        """,
        (caller.team_id, role_id, NAMED),
    )
    rows = await cursor.fetchall()
    return Usage(
        what="users", ids=[user_id for user_id, _ in rows], count=rows[0][1] if rows else 0
    )


async def delete(conn: AsyncConnection[TupleRow], caller: Caller, role_id: RoleId) -> None:
    """Delete a role of the caller's team that nobody has.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        "DELETE FROM roles WHERE team_id = %s AND id = %s", (caller.team_id, role_id)
    )


async def _set_grants(
    conn: AsyncConnection[TupleRow], caller: Caller, role_id: RoleId, grants: Grants
) -> None:
    permissions, project_ids = to_columns(grants)
    await conn.execute(
        "DELETE FROM role_grants WHERE team_id = %s AND role_id = %s", (caller.team_id, role_id)
    )
    await conn.execute(
        """
        INSERT INTO role_grants (team_id, role_id, permission, project_id)
        SELECT %s, %s, wanted.permission, wanted.project_id
        FROM unnest(%s::text[], %s::text[]) wanted(permission, project_id)
        """,
        (caller.team_id, role_id, permissions, project_ids),
    )
