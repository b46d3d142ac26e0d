"""Teams, as their members see them."""

from __future__ import annotations

from picstore_auth.model.caller import Caller
from picstore_auth.model.team import Team
from picstore_auth.repo import teams
from picstore_kit.ids import TeamId
from picstore_kit.pg.database import Database


class Teams:
    """Reads teams."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_team(self, caller: Caller, team_id: TeamId) -> Team:
        """Return the caller's own team.

        Raises:
            NotFound: It is another's, or there is none.
        """
        async with self._database.transaction(team=caller.team_id) as conn:
            return await teams.fetch(conn, caller, team_id)
