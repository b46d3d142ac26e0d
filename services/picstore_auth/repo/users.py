"""Users and the roles that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Grants, Permission
from picstore_auth.model.user import NewUser, User
from picstore_auth.repo.access import checked, require
from picstore_auth.repo.grants import from_pairs
from picstore_kit.errors import AlreadyExists, Reason
from picstore_kit.ids import RoleId, TeamId, UserId

_SELECT: Final = """
    SELECT u.id, u.email, u.display_name, u.disabled, u.revision, u.created_at, u.updated_at,
           u.password_hash IS NOT NULL AS has_password, u.last_login_at,
           ARRAY(SELECT ur.role_id FROM user_roles ur
                 WHERE ur.team_id = u.team_id AND ur.user_id = u.id
                 ORDER BY ur.role_id) AS role_ids
    FROM users u
"""
_ONE: Final = _SELECT + " WHERE u.team_id = %(team)s AND u.id = %(id)s"
_ONE_LOCKED: Final = _ONE + " FOR UPDATE OF u"
_BY_EMAIL: Final = (
    _SELECT
    + """
    WHERE u.team_id = %(team)s AND lower(u.email) = lower(%(email)s)
    FOR UPDATE OF u
    """
)
_PAGE: Final = (
    _SELECT
    + """
    WHERE u.team_id = %(team)s AND (%(after)s::text IS NULL OR u.id > %(after)s)
      AND (%(email)s = '' OR lower(u.email) = lower(%(email)s))
      AND (%(role)s::text IS NULL
           OR EXISTS (SELECT FROM user_roles ur
                      WHERE ur.team_id = u.team_id AND ur.user_id = u.id AND ur.role_id = %(role)s))
    ORDER BY u.id
    LIMIT %(limit)s
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: UserId
    email: str
    display_name: str
    disabled: bool
    revision: int
    created_at: datetime
    updated_at: datetime
    has_password: bool
    last_login_at: datetime | None
    role_ids: list[RoleId]

    def user(self) -> User:
        return User(
            id=self.id,
            email=self.email,
            display_name=self.display_name,
            role_ids=tuple(self.role_ids),
            disabled=self.disabled,
            revision=self.revision,
            created_at=self.created_at,
            updated_at=self.updated_at,
            has_password=self.has_password,
            last_login_at=self.last_login_at,
        )


async def fetch(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    user_id: UserId,
    permission: Permission,
    *,
    lock: bool = False,
) -> User:
    """Return a user of the caller's team; `lock` keeps others from changing it meanwhile.

    Raises:
        NotFound, PermissionDenied: As `checked` says.
    """
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        query = _ONE_LOCKED if lock else _ONE
        await cursor.execute(query, {"team": caller.team_id, "id": user_id})
        row = await cursor.fetchone()
    return checked(row, caller=caller, permission=permission, kind="User", name=user_id).user()


async def read(conn: AsyncConnection[TupleRow], team_id: TeamId, user_id: UserId) -> User:
    """Return a user whose right to be here was shown otherwise than by a permission."""
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_ONE, {"team": team_id, "id": user_id})
        (row,) = await cursor.fetchall()
    return row.user()


async def fetch_by_email(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    email: str,
    permission: Permission,
) -> User | None:
    """Return and lock the user of the caller's team who has the address, if one does.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_BY_EMAIL, {"team": caller.team_id, "email": email})
        row = await cursor.fetchone()
    return row.user() if row is not None else None


async def fetch_grants(
    conn: AsyncConnection[TupleRow], caller: Caller, user_id: UserId, permission: Permission
) -> Grants | None:
    """Return what the roles of a user of the caller's team grant; None if there is no such user.

    The user is kept from being deleted meanwhile.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    cursor = await conn.execute(
        """
        SELECT (SELECT coalesce(jsonb_agg(jsonb_build_array(g.permission, g.project_id)), '[]')
                FROM user_roles ur
                JOIN role_grants g ON g.team_id = ur.team_id AND g.role_id = ur.role_id
                WHERE ur.team_id = u.team_id AND ur.user_id = u.id)
        FROM users u
        WHERE u.team_id = %(team)s AND u.id = %(id)s
        FOR KEY SHARE OF u
        """,
        {"team": caller.team_id, "id": user_id},
    )
    row = await cursor.fetchone()
    return from_pairs(row[0]) if row is not None else None


async def fetch_page(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    permission: Permission,
    *,
    email: str,
    role_id: RoleId | None,
    after: str | None,
    limit: int,
) -> list[User]:
    """Return users of the caller's team, oldest first; of one address or one role if given.

    Raises:
        PermissionDenied: The caller lacks the permission.
    """
    require(caller, permission)
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            _PAGE,
            {
                "team": caller.team_id,
                "email": email,
                "role": role_id,
                "after": after,
                "limit": limit,
            },
        )
        return [row.user() for row in await cursor.fetchall()]


async def insert(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    user_id: UserId,
    new: NewUser,
) -> User:
    """Add a user to the caller's team.

    Raises:
        PermissionDenied: The caller lacks team:write.
        AlreadyExists: The team has the address already.
    """
    require(caller, Permission.TEAM_WRITE)
    cursor = await conn.execute(
        """
        INSERT INTO users (id, team_id, email, display_name, disabled)
        VALUES (%(id)s, %(team)s, %(email)s, %(display_name)s, %(disabled)s)
        ON CONFLICT (team_id, lower(email)) DO NOTHING
        """,
        {
            "id": user_id,
            "team": caller.team_id,
            "email": new.email,
            "display_name": new.display_name,
            "disabled": new.disabled,
        },
    )
    if cursor.rowcount == 0:
        raise AlreadyExists(
            Reason.RESOURCE_EXISTS,
            f"the team has a user with the e-mail address {new.email}",
            metadata={"resource_type": "User", "field": "email", "value": new.email},
        )
    await _set_roles(conn, caller, user_id, new.role_ids)
    return await fetch(conn, caller, user_id, Permission.TEAM_WRITE)


async def update(conn: AsyncConnection[TupleRow], caller: Caller, user: User) -> User:
    """Store the name, the roles and `disabled` of a user of the caller's team as a new revision.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        """
        UPDATE users
        SET display_name = %(display_name)s,
            disabled = %(disabled)s,
            revision = revision + 1,
            updated_at = now()
        WHERE team_id = %(team)s AND id = %(id)s
        """,
        {
            "id": user.id,
            "team": caller.team_id,
            "display_name": user.display_name,
            "disabled": user.disabled,
        },
    )
    await _set_roles(conn, caller, user.id, user.role_ids)
    return await fetch(conn, caller, user.id, Permission.TEAM_WRITE)


async def delete(conn: AsyncConnection[TupleRow], caller: Caller, user_id: UserId) -> None:
    """Delete a user of the caller's team, with keys, sessions and invitations.

    Raises:
        PermissionDenied: The caller lacks team:write.
    """
    require(caller, Permission.TEAM_WRITE)
    await conn.execute(
        "DELETE FROM users WHERE team_id = %s AND id = %s", (caller.team_id, user_id)
    )


async def _set_roles(
    conn: AsyncConnection[TupleRow], caller: Caller, user_id: UserId, role_ids: Sequence[RoleId]
) -> None:
    parameters = {"team": caller.team_id, "user": user_id, "roles": list(role_ids)}
    await conn.execute(
        """
        DELETE FROM user_roles
        WHERE team_id = %(team)s AND user_id = %(user)s AND role_id <> ALL(%(roles)s)
        """,
        parameters,
    )
    await conn.execute(
        """
        INSERT INTO user_roles (team_id, user_id, role_id)
        SELECT %(team)s, %(user)s, wanted.id FROM unnest(%(roles)s::text[]) wanted(id)
        ON CONFLICT DO NOTHING
        """,
        parameters,
    )
