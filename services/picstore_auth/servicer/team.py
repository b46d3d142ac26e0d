"""TeamService."""

from __future__ import annotations

from picstore.auth.v1 import team_pb2, team_pb2_grpc
from picstore_auth.mapping.team import new_team_from, team_message, team_update_from
from picstore_auth.model.text import short_name_fault
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.teams import Teams
from picstore_kit.ids import TeamId, parse_id
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class TeamServicer(team_pb2_grpc.TeamServiceServicer):
    """Serves `TeamService`."""

    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    async def CreateTeam(
        self, request: team_pb2.CreateTeamRequest, context: Context
    ) -> team_pb2.Team:
        """Make a team."""
        new = new_team_from(request.team)
        return team_message(await self._teams.create_team(new, request_id=request.request_id))

    async def GetTeam(self, request: team_pb2.GetTeamRequest, context: Context) -> team_pb2.Team:
        """Return the caller's team."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        return team_message(await self._teams.get_team(calling(), team_id))

    async def ListTeams(
        self, request: team_pb2.ListTeamsRequest, context: Context
    ) -> team_pb2.ListTeamsResponse:
        """List all teams."""
        with all_at_once() as violations:
            if request.short_name:
                violations.add("short_name", short_name_fault(request.short_name))
        page = await self._teams.list_teams(
            short_name=request.short_name,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return team_pb2.ListTeamsResponse(
            teams=[team_message(team) for team in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateTeam(
        self, request: team_pb2.UpdateTeamRequest, context: Context
    ) -> team_pb2.Team:
        """Change the caller's team."""
        update = team_update_from(request)
        return team_message(await self._teams.update_team(calling(), update))

    async def DisableTeam(
        self, request: team_pb2.DisableTeamRequest, context: Context
    ) -> team_pb2.Team:
        """Close a team."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        return team_message(await self._teams.set_disabled(team_id, disabled=True))

    async def EnableTeam(
        self, request: team_pb2.EnableTeamRequest, context: Context
    ) -> team_pb2.Team:
        """Open a team again."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        return team_message(await self._teams.set_disabled(team_id, disabled=False))
