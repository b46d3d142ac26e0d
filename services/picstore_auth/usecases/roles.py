"""Roles of a team."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picstore_auth.events import tell_revoked
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission, uncovered
from picstore_auth.model.role import NewRole, Role, RoleUpdate
from picstore_auth.repo import live_credentials, roles
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.granting import refuse_giving_unheld
from picstore_auth.usecases.last_admin import keeping_an_admin
from picstore_auth.usecases.references import References, refuse_missing
from picstore_auth.usecases.repeats import Once
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.errors import Resource
from picstore_kit.ids import RoleId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.usage import refuse_in_use

_CREATE_ONCE: Final = Once("CreateRole", NewRole, Role)


class Roles:
    """Administers the roles of the caller's team."""

    def __init__(self, database: Database, pager: Pager, references: References) -> None:
        self._database = database
        self._pager = pager
        self._references = references

    async def create_role(self, caller: Caller, new: NewRole, *, request_id: str) -> Role:
        """Add a role.

        Raises:
            NotFound: A project of the grants is not the team's.
            PermissionDenied: The caller lacks team:write, or something that the role grants.
            AlreadyExists: The team has the name (RESOURCE_EXISTS), or the request id was used for
                another role (REQUEST_ID_REUSED).
        """
        require(caller, Permission.TEAM_WRITE)
        await refuse_missing(self._references, caller.team_id, grants=new.grants)
        async with self._database.transaction(team=caller.team_id) as conn:

            async def create() -> Role:
                refuse_giving_unheld(caller, new.grants)
                role = await roles.insert(conn, caller, new_id(RoleId), new)
                await audit.record(
                    conn,
                    team_id=caller.team_id,
                    resource_type="Role",
                    resource_id=role.id,
                    changes=differences({}, _described(role)),
                )
                return role

            return await _CREATE_ONCE(conn, caller, request_id, new, create)

    async def get_role(self, caller: Caller, role_id: RoleId) -> Role:
        """Return a role.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:read.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await roles.fetch(conn, caller, role_id, Permission.TEAM_READ)

    async def list_roles(
        self, caller: Caller, *, short_name: str, page_size: int, page_token: str
    ) -> Page[Role]:
        """List roles, oldest first; the one of a short name if given.

        Raises:
            PermissionDenied: The caller lacks team:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("roles", caller.team_id, short_name),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            rows = await roles.fetch_page(
                conn,
                caller,
                Permission.TEAM_READ,
                short_name=short_name,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda role: (role.id,))

    async def update_role(self, caller: Caller, update: RoleUpdate) -> Role:
        """Change a role, and have caches forget the keys of its users if it grants other things.

        Raises:
            NotFound: The team has none with that id, or lacks a project of the added grants.
            PermissionDenied: The caller lacks team:write, or an added grant.
            Aborted: The role has changed since (ETAG_MISMATCH).
            FailedPrecondition: Nobody else could administer the team (LAST_ADMIN).
        """
        await self._refuse_missing_projects(caller, update)
        async with (
            self._database.transaction(team=caller.team_id) as conn,
            keeping_an_admin(conn, caller.team_id),
        ):
            before = await roles.fetch(
                conn, caller, update.role_id, Permission.TEAM_WRITE, lock=True
            )
            refuse_stale(update.etag, revision=before.revision, kind="Role", name=before.id)
            after = _applied(before, update)
            if after == before:
                return before
            if after.grants != before.grants:
                refuse_giving_unheld(caller, uncovered(after.grants, before.grants))
                affected = await live_credentials.of_role(conn, caller, before.id)
                await tell_revoked(conn, caller.team_id, affected)
            stored = await roles.update(conn, caller, after)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="Role",
                resource_id=stored.id,
                changes=differences(_described(before), _described(stored)),
            )
            return stored

    async def delete_role(self, caller: Caller, role_id: RoleId, *, etag: str) -> None:
        """Delete a role that nobody has.

        Raises:
            NotFound: The team has none with that id.
            PermissionDenied: The caller lacks team:write.
            Aborted: The role has changed since (ETAG_MISMATCH).
            FailedPrecondition: Users have it (RESOURCE_IN_USE).
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            # The lock also keeps anybody from being given the role meanwhile.
            before = await roles.fetch(conn, caller, role_id, Permission.TEAM_WRITE, lock=True)
            refuse_stale(etag, revision=before.revision, kind="Role", name=before.id)
            usage = await roles.fetch_usage(conn, caller, role_id)
            refuse_in_use(Resource(type="Role", name=role_id), [usage])
            await roles.delete(conn, caller, role_id)
            await audit.record(
                conn,
                team_id=caller.team_id,
                resource_type="Role",
                resource_id=role_id,
                changes=differences(_described(before), {}),
            )

    async def _refuse_missing_projects(self, caller: Caller, update: RoleUpdate) -> None:
        """Ask for the projects of added grants before the change, so that no lock waits for it."""
        if not update.grants:
            return
        async with self._database.transaction(team=caller.team_id) as conn:
            role = await roles.fetch(conn, caller, update.role_id, Permission.TEAM_WRITE)
        added = uncovered(update.grants, role.grants)
        await refuse_missing(self._references, caller.team_id, grants=added)


def _applied(role: Role, update: RoleUpdate) -> Role:
    return replace(
        role,
        display_name=(role.display_name if update.display_name is None else update.display_name),
        grants=role.grants if update.grants is None else update.grants,
    )


def _described(role: Role) -> dict[str, str]:
    return {
        "short_name": role.short_name,
        "display_name": role.display_name,
        "grants": ", ".join(map(str, role.grants)),
    }
