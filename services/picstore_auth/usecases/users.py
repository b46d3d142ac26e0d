"""Users of a team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.events import tell_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, normalised
from picstore_auth.model.user import NewUser, User, UserUpdate
from picstore_auth.repo import live_credentials, roles, users
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.last_admin import keeping_an_admin
from picstore_auth.usecases.repeats import Once
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.errors import NotFound
from picstore_kit.ids import RoleId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager

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
            NotFound: A role is not the team's.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            require(caller, Permission.TEAM_WRITE)

            async def create() -> User:
                await _refuse_giving_roles(conn, caller, new.role_ids, already=())
                user = await users.insert(conn, caller, new_id(UserId), new)
                await audit.record(
                    conn,
                    team_id=caller.team_id,
                    resource_type="User",
                    resource_id=user.id,
                    changes=differences({}, _described(user)),
                )
                return user

            return await _CREATE_ONCE(conn, caller, request_id, new, create)

    async def get_user(self, caller: Caller, user_id: UserId) -> User:
        """Return a user.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await users.fetch(conn, caller, user_id, Permission.TEAM_READ)

    async def list_users(
        self,
        caller: Caller,
        *,
        email: str,
        role_id: RoleId | None,
        page_size: int,
        page_token: str,
    ) -> Page[User]:
        """List users, oldest first; of one e-mail address or one role if given.

        Raises:
            NotFound: The team has no such role.
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("users", caller.team_id, email.lower(), role_id or ""),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            if role_id is not None:
                await roles.fetch(conn, caller, role_id, Permission.TEAM_READ)
            rows = await users.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                email=email,
                role_id=role_id,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda user: (user.id,))

    async def update_user(self, caller: Caller, update: UserUpdate) -> User:
        """Change a user, and have caches forget their keys if those allow other things now.

        Raises:
            NotFound: The team has none with that id, or a role is not the team's.
            PermissionDenied: The caller lacks team:write, or what an added role grants, or any
                role of a user who is to be enabled.
            Aborted: The user has changed since (ETAG_MISMATCH).
            FailedPrecondition: Nobody else can administer the team (LAST_ADMIN).
        """
        async with (
            self._database.transaction(team=caller.team_id) as conn,
            keeping_an_admin(conn, caller.team_id),
        ):
            before = await users.fetch(
                conn, caller, update.user_id, Permission.TEAM_WRITE, lock=True
            )
            refuse_stale(update.etag, revision=before.revision, kind="User", name=before.id)
            after = _applied(before, update)
            if after == before:
                return before
            if before.disabled and not after.disabled:
                # Whoever is enabled is given all of their roles again.
                await _refuse_giving_roles(conn, caller, after.role_ids, already=())
            else:
                await _refuse_giving_roles(
                    conn, caller, update.role_ids or (), already=before.role_ids
                )
            if (after.role_ids, after.disabled) != (before.role_ids, before.disabled):
                affected = await live_credentials.of_user(conn, caller, before.id)
                await tell_revoked(conn, caller.team_id, affected)
            stored = await users.update(conn, caller, after)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="User",
                resource_id=stored.id,
                changes=differences(_described(before), _described(stored)),
            )
            return stored

    async def delete_user(self, caller: Caller, user_id: UserId, *, etag: str) -> None:
        """Delete a user; what they could call with is refused at once.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write.
            Aborted: The user has changed since (ETAG_MISMATCH).
            FailedPrecondition: Nobody else can administer the team (LAST_ADMIN).
        """
        async with (
            self._database.transaction(team=caller.team_id) as conn,
            keeping_an_admin(conn, caller.team_id),
        ):
            before = await users.fetch(conn, caller, user_id, Permission.TEAM_WRITE, lock=True)
            refuse_stale(etag, revision=before.revision, kind="User", name=before.id)
            affected = await live_credentials.of_user(conn, caller, user_id)
            await tell_revoked(conn, caller.team_id, affected)
            await users.delete(conn, caller, user_id)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="User",
                resource_id=user_id,
                changes=differences(_described(before), {}),
            )


async def _refuse_giving_roles(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    role_ids: Sequence[RoleId],
    *,
    already: Sequence[RoleId],
) -> None:
    found = await roles.fetch_some(conn, caller, role_ids, Permission.TEAM_WRITE)
    known = {role.id for role in found}
    for role_id in role_ids:
        if role_id not in known:
            raise NotFound.of("Role", role_id)
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


def _described(user: User) -> dict[str, str]:
    return {
        "email": user.email,
        "display_name": user.display_name,
        "role_ids": ",".join(user.role_ids),
        "disabled": "yes" if user.disabled else "",
    }
