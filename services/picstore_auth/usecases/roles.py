"""Roles of a team."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picstore_auth.events import tell_keys_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, uncovered
from picstore_auth.model.role import NewRole, Role, RoleUpdate
from picstore_auth.repo import keys, roles
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.repeats import Once
from picstore_kit.ids import RoleId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager

_CREATE_ONCE: Final = Once("CreateRole", NewRole, Role)


class Roles:
    """Administers the roles of the caller's team."""

    def __init__(self, database: Database, pager: Pager) -> None:
        self._database = database
        self._pager = pager

    async def create_role(self, caller: Caller, new: NewRole, *, request_id: str) -> Role:
        """Add a role.

        Raises:
            PermissionDenied: The caller lacks team:write, or something that the role grants.
            AlreadyExists: The team has the name (RESOURCE_EXISTS), or the request id was used for
                another role (REQUEST_ID_REUSED).
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            require(caller, Permission.TEAM_WRITE)

            async def create() -> Role:
                refuse_giving_unheld(caller, new.grants)
                return await roles.insert(conn, caller, new_id(RoleId), new)

            return await _CREATE_ONCE(conn, caller, request_id, new, create)

    async def get_role(self, caller: Caller, role_id: RoleId) -> Role:
        """Return a role.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await roles.fetch(conn, caller, role_id, Permission.TEAM_READ)

    async def list_roles(self, caller: Caller, *, page_size: int, page_token: str) -> Page[Role]:
        """List roles, oldest first.

        Raises:
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size, page_token=page_token, scope=("roles", caller.team_id)
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            rows = await roles.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda role: (role.id,))

    async def update_role(self, caller: Caller, update: RoleUpdate) -> Role:
        """Change a role, and have caches forget the keys of its users if it grants other things.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write, or an added grant.
            Aborted: The role has changed since (ETAG_MISMATCH).
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            before = await roles.fetch(
                conn, caller, update.role_id, Permission.TEAM_WRITE, lock=True
            )
            refuse_stale(update.etag, revision=before.revision, kind="Role", name=before.id)
            after = _applied(before, update)
            if after == before:
                return before
            if after.grants != before.grants:
                refuse_giving_unheld(caller, uncovered(after.grants, before.grants))
                affected = await keys.live_ids_of_role(conn, caller, before.id)
                await tell_keys_revoked(conn, caller.team_id, affected)
            return await roles.update(conn, caller, after)


def _applied(role: Role, update: RoleUpdate) -> Role:
    return replace(
        role,
        display_name=(role.display_name if update.display_name is None else update.display_name),
        grants=role.grants if update.grants is None else update.grants,
    )
