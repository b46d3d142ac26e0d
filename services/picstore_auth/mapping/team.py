"""Teams."""

from __future__ import annotations

from picstore.auth.v1 import team_pb2
from picstore_auth.mapping.field_mask import masked_fields
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.model.team import NewTeam, Team, TeamUpdate
from picstore_auth.model.text import display_name_fault, etag_of, short_name_fault
from picstore_kit.ids import TeamId
from picstore_kit.violations import all_at_once


def new_team_from(message: team_pb2.Team) -> NewTeam:
    """Read a team to make.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        violations.add("team.short_name", short_name_fault(message.short_name))
        violations.add("team.display_name", display_name_fault(message.display_name))
    return NewTeam(short_name=message.short_name, display_name=message.display_name)


def team_update_from(request: team_pb2.UpdateTeamRequest) -> TeamUpdate:
    """Read what to change of a team.

    Raises:
        InvalidFields: Fields, or paths of the mask, are wrong.
    """
    team = request.team
    with all_at_once() as violations:
        team_id = violations.id(TeamId, team.id, "team.id")
        fields = masked_fields(team, request.update_mask, ("display_name",), violations)
        if "display_name" in fields:
            violations.add("team.display_name", display_name_fault(team.display_name))
    return TeamUpdate(
        team_id=team_id,
        etag=team.etag,
        display_name=team.display_name if "display_name" in fields else None,
    )


def team_message(team: Team) -> team_pb2.Team:
    """Write a team."""
    return team_pb2.Team(
        id=team.id,
        short_name=team.short_name,
        display_name=team.display_name,
        create_time=timestamp_message(team.created_at),
        disabled=team.disabled,
        etag=etag_of(team.revision),
        update_time=timestamp_message(team.updated_at),
    )
