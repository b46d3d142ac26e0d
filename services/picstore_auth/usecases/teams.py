"""Teams, as their members and the operator see them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picstore_auth.events import tell_revoked
from picstore_auth.model.caller import Caller, operator_of
from picstore_auth.model.grant import Permission
from picstore_auth.model.team import NewTeam, Team, TeamUpdate
from picstore_auth.repo import live_credentials, teams
from picstore_auth.repo.access import require
from picstore_auth.usecases.etags import refuse_stale
from picstore_auth.usecases.repeats import Once
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.errors import AlreadyExists, Reason, Resource
from picstore_kit.ids import TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager

_CREATE_ONCE: Final = Once("CreateTeam", NewTeam, Team)


class Teams:
    """Administers teams."""

    def __init__(self, database: Database, pager: Pager) -> None:
        self._database = database
        self._pager = pager

    async def create_team(self, new: NewTeam, *, request_id: str) -> Team:
        """Make a team, for the operator.

        Raises:
            AlreadyExists: The installation has the short name (RESOURCE_EXISTS), or the request id
                was used for another team (REQUEST_ID_REUSED).
        """
        async with self._database.system_transaction() as conn:

            async def create() -> Team:
                await teams.lock_bootstrap(conn)
                if await teams.find(conn, team_id=None, short_name=new.short_name):
                    raise AlreadyExists(
                        Reason.RESOURCE_EXISTS,
                        f"the installation has a team named {new.short_name}",
                        metadata={
                            "resource_type": "Team",
                            "field": "short_name",
                            "value": new.short_name,
                        },
                    )
                team = await teams.insert(
                    conn,
                    new_id(TeamId),
                    short_name=new.short_name,
                    display_name=new.display_name,
                )
                await audit.record(
                    conn,
                    team_id=team.id,
                    resource_type="Team",
                    resource_id=team.id,
                    changes=differences({}, _described(team)),
                )
                return team

            return await _CREATE_ONCE(conn, operator_of(TeamId("")), request_id, new, create)

    async def get_team(self, caller: Caller, team_id: TeamId) -> Team:
        """Return the caller's own team.

        Raises:
            NotFound: It is another's, or there is none.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await teams.fetch(conn, caller, team_id)

    async def list_teams(self, *, short_name: str, page_size: int, page_token: str) -> Page[Team]:
        """List all teams of the installation, oldest first, for the operator.

        Raises:
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size, page_token=page_token, scope=("teams", short_name)
        )
        async with self._database.system_transaction() as conn:
            rows = await teams.fetch_page(
                conn,
                short_name=short_name,
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda team: (team.id,))

    async def update_team(self, caller: Caller, update: TeamUpdate) -> Team:
        """Change what a team is called.

        Raises:
            NotFound: It is not the caller's team, or there is none.
            PermissionDenied: The caller lacks team:admin.
            Aborted: The team has changed since (ETAG_MISMATCH).
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            before = await teams.fetch(conn, caller, update.team_id, lock=True)
            require(
                caller,
                Permission.TEAM_ADMIN,
                resource=Resource(type="Team", name=before.id),
            )
            refuse_stale(update.etag, revision=before.revision, kind="Team", name=before.id)
            name = before.display_name if update.display_name is None else update.display_name
            after = replace(before, display_name=name)
            if after == before:
                return before
            await audit.record(
                conn,
                team_id=before.id,
                resource_type="Team",
                resource_id=before.id,
                changes=differences(_described(before), _described(after)),
            )
            return await teams.update(conn, after)

    async def set_disabled(self, team_id: TeamId, *, disabled: bool) -> Team:
        """Close a team, whose credentials are then refused at once, or open it again.

        Raises:
            NotFound: There is none with that id.
        """
        async with self._database.system_transaction() as conn:
            before = await teams.lock_one(conn, team_id)
            after = replace(before, disabled=disabled)
            if after == before:
                return before
            await tell_revoked(conn, team_id, await live_credentials.of_team(conn, team_id))
            await audit.record(
                conn,
                team_id=team_id,
                resource_type="Team",
                resource_id=team_id,
                changes=differences(_described(before), _described(after)),
            )
            return await teams.update(conn, after)


def _described(team: Team) -> dict[str, str]:
    return {
        "short_name": team.short_name,
        "display_name": team.display_name,
        "disabled": "yes" if team.disabled else "",
    }
