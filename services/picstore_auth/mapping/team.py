"""Teams."""

from __future__ import annotations

from picstore.auth.v1 import team_pb2
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.model.team import Team


def team_message(team: Team) -> team_pb2.Team:
    """Write a team."""
    return team_pb2.Team(
        id=team.id,
        short_name=team.short_name,
        display_name=team.display_name,
        create_time=timestamp_message(team.created_at),
    )
