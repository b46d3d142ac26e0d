"""TeamService."""

from __future__ import annotations

from picstore.auth.v1 import team_pb2, team_pb2_grpc
from picstore_auth.mapping.team import team_message
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.teams import Teams
from picstore_kit.ids import TeamId, parse_id
from picstore_kit.rpc.call import Context


class TeamServicer(team_pb2_grpc.TeamServiceServicer):
    """Serves `TeamService`."""

    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    async def GetTeam(self, request: team_pb2.GetTeamRequest, context: Context) -> team_pb2.Team:
        """Return the caller's team."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        return team_message(await self._teams.get_team(calling(), team_id))
