"""Users of a team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.events import tell_keys_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, normalised
from picstore_auth.model.user import NewUser, User, UserUpdate
from picstore_auth.repo import keys, roles, users
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.repeats import Once
from picstore_kit.ids import RoleId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.violations import all_at_once

_CREATE_ONCE: Final = Once("CreateUser", NewUser, User)


class Users:
    """Administers the users of the caller's team."""

    def __init__(self, database: Database, pager: Pager) -> None:
        self._database = database
        self._pager = pager

    async def create_user(self, caller: Caller, new: NewUser, *, request_id: str) -> User:
        """Add a user.

        Raises:
            PermissionDenied: The caller lacks team:write, or what one of the roles grants.
            AlreadyExists: The team has the address (RESOURCE_EXISTS), or the request id was used
                for another user (REQUEST_ID_REUSED).
            InvalidFields: A role is not the team's.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            require(caller, Permission.TEAM_WRITE)

            async def create() -> User:
                await _refuse_giving_roles(conn, caller, new.role_ids, already=())
                return await users.insert(conn, caller, new_id(UserId), new)

            return await _CREATE_ONCE(conn, caller, request_id, new, create)

    async def get_user(self, caller: Caller, user_id: UserId) -> User:
        """Return a user.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await users.fetch(conn, caller, user_id, Permission.TEAM_READ)

    async def list_users(self, caller: Caller, *, page_size: int, page_token: str) -> Page[User]:
        """List users, oldest first.

        Raises:
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size, page_token=page_token, scope=("users", caller.team_id)
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            rows = await users.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda user: (user.id,))

    async def update_user(self, caller: Caller, update: UserUpdate) -> User:
        """Change a user, and have caches forget their keys if those allow other things now.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write, or what an added role grants.
            Aborted: The user has changed since (ETAG_MISMATCH).
            InvalidFields: An added role is not the team's.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            before = await users.fetch(
                conn, caller, update.user_id, Permission.TEAM_WRITE, lock=True
            )
            refuse_stale(update.etag, revision=before.revision, kind="User", name=before.id)
            after = _applied(before, update)
            if after == before:
                return before
            await _refuse_giving_roles(conn, caller, update.role_ids or (), already=before.role_ids)
            if (after.role_ids, after.disabled) != (before.role_ids, before.disabled):
                affected = await keys.live_ids_of_user(conn, caller, before.id)
                await tell_keys_revoked(conn, caller.team_id, affected)
            return await users.update(conn, caller, after)


async def _refuse_giving_roles(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    role_ids: Sequence[RoleId],
    *,
    already: Sequence[RoleId],
) -> None:
    found = await roles.fetch_some(conn, caller, role_ids, Permission.TEAM_WRITE)
    known = {role.id for role in found}
    with all_at_once() as violations:
        for index, role_id in enumerate(role_ids):
            if role_id not in known:
                violations.add(f"user.role_ids[{index}]", "names no role of the team")
    refuse_giving_unheld(
        caller,
        normalised(grant for role in found if role.id not in already for grant in role.grants),
    )


def _applied(user: User, update: UserUpdate) -> User:
    return replace(
        user,
        display_name=(user.display_name if update.display_name is None else update.display_name),
        role_ids=user.role_ids if update.role_ids is None else tuple(sorted(update.role_ids)),
        disabled=user.disabled if update.disabled is None else update.disabled,
    )
