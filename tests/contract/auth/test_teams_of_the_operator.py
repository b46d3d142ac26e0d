"""Teams over the wire: what the operator makes, closes and opens, and what an admin describes."""

from __future__ import annotations

import uuid

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.auth.v1 import authentication_pb2, role_pb2, team_pb2
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import TeamId, new_id
from tests.contract.auth.calls import refusal
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team

PRINCIPAL = authentication_pb2.GetPrincipalRequest()


async def create_team(client: Client, short_name: str, *, request_id: str = "") -> team_pb2.Team:
    team = team_pb2.Team(short_name=short_name, display_name="A team")
    return await client.teams.CreateTeam(
        team_pb2.CreateTeamRequest(team=team, request_id=request_id)
    )


async def update_team(client: Client, team: team_pb2.Team) -> team_pb2.Team:
    mask = FieldMask(paths=["display_name"])
    return await client.teams.UpdateTeam(team_pb2.UpdateTeamRequest(team=team, update_mask=mask))


def new_name() -> str:
    return f"team-{uuid.uuid4().hex}"


async def test_made_team_is_listed(operator: Client) -> None:
    made = await create_team(operator, new_name())
    assert made.id.startswith("tem_")
    assert made.etag
    assert not made.disabled
    listed = await operator.teams.ListTeams(team_pb2.ListTeamsRequest(short_name=made.short_name))
    assert list(listed.teams) == [made]


async def test_teams_are_listed_page_by_page_while_more_are_made(operator: Client) -> None:
    made = [(await create_team(operator, new_name())).id for _ in range(3)]
    found: list[str] = []
    token = ""
    while token or not found:
        request = team_pb2.ListTeamsRequest(page_size=1, page_token=token)
        page = await operator.teams.ListTeams(request)
        found += [team.id for team in page.teams]
        token = page.next_page_token
        if len(found) == 1:
            made.append((await create_team(operator, new_name())).id)
    assert len(found) == len(set(found))
    assert found[-4:] == made


async def test_page_token_is_for_the_list_that_it_came_from(operator: Client) -> None:
    for _ in range(2):
        await create_team(operator, new_name())
    page = await operator.teams.ListTeams(team_pb2.ListTeamsRequest(page_size=1))
    request = team_pb2.ListTeamsRequest(page_token=page.next_page_token, short_name="other")
    error = await refusal(operator.teams.ListTeams(request))
    assert error.reason is Reason.PAGE_TOKEN_INVALID


async def test_a_filter_that_no_team_or_role_can_match_is_named(
    admin: Client, operator: Client
) -> None:
    for call in (
        operator.teams.ListTeams(team_pb2.ListTeamsRequest(short_name="a\0")),
        admin.roles.ListRoles(role_pb2.ListRolesRequest(short_name="a\0")),
    ):
        error = await refusal(call)
        assert error.metadata == {"fields": "short_name"}


async def test_short_name_of_a_team_is_taken_once(operator: Client) -> None:
    made = await create_team(operator, new_name())
    error = await refusal(create_team(operator, made.short_name))
    assert isinstance(error, AlreadyExists)
    assert error.metadata == {
        "resource_type": "Team",
        "field": "short_name",
        "value": made.short_name,
    }


async def test_repeated_create_of_a_team_answers_alike(operator: Client) -> None:
    name, request_id = new_name(), str(uuid.uuid4())
    made = await create_team(operator, name, request_id=request_id)
    assert await create_team(operator, name, request_id=request_id) == made
    error = await refusal(create_team(operator, new_name(), request_id=request_id))
    assert error.reason is Reason.REQUEST_ID_REUSED


async def test_every_wrong_field_of_a_team_is_named(operator: Client) -> None:
    team = team_pb2.Team(short_name="A team", display_name="a\nb")
    request = team_pb2.CreateTeamRequest(team=team)
    error = await refusal(operator.teams.CreateTeam(request))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "team.short_name,team.display_name"}


async def test_only_the_operator_makes_lists_and_closes_teams(
    admin: Client, service: Client, team: Team
) -> None:
    for client in (admin, service):
        for attempt in (
            create_team(client, new_name()),
            client.teams.ListTeams(team_pb2.ListTeamsRequest()),
            client.teams.DisableTeam(team_pb2.DisableTeamRequest(team_id=team.id)),
            client.teams.EnableTeam(team_pb2.EnableTeamRequest(team_id=team.id)),
        ):
            assert isinstance(await refusal(attempt), PermissionDenied)


async def test_admin_names_their_team(admin: Client, team: Team) -> None:
    before = await admin.teams.GetTeam(team_pb2.GetTeamRequest(team_id=team.id))
    after = await update_team(
        admin, team_pb2.Team(id=team.id, display_name="Ours", etag=before.etag)
    )
    assert after.display_name == "Ours"
    assert after.short_name == before.short_name
    assert after.etag != before.etag
    stale = team_pb2.Team(id=team.id, display_name="Theirs", etag=before.etag)
    error = await refusal(update_team(admin, stale))
    assert isinstance(error, Aborted)
    assert error.reason is Reason.ETAG_MISMATCH


async def test_short_name_of_a_team_does_not_change(admin: Client, team: Team) -> None:
    request = team_pb2.UpdateTeamRequest(
        team=team_pb2.Team(id=team.id, short_name="other"),
        update_mask=FieldMask(paths=["short_name"]),
    )
    error = await refusal(admin.teams.UpdateTeam(request))
    assert error.metadata == {"fields": "update_mask.paths[0]"}


async def test_writer_does_not_name_the_team(team: Team) -> None:
    error = await refusal(
        update_team(team["writer"], team_pb2.Team(id=team.id, display_name="Ours"))
    )
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:admin"


async def test_admin_of_one_team_does_not_reach_another(
    admin: Client, operator: Client, connect: Connect
) -> None:
    other = await found_team(operator, connect, ADMIN_AND_WRITER)
    for team_id in (other.id, new_id(TeamId)):
        changed = team_pb2.Team(id=team_id, display_name="Ours")
        assert isinstance(await refusal(update_team(admin, changed)), NotFound)
        request = team_pb2.GetTeamRequest(team_id=team_id)
        assert isinstance(await refusal(admin.teams.GetTeam(request)), NotFound)


async def test_credentials_of_a_closed_team_are_refused_until_it_opens(
    operator: Client, team: Team
) -> None:
    admin = team["admin"]
    before = await admin.authentication.GetPrincipal(PRINCIPAL)
    closed = await operator.teams.DisableTeam(team_pb2.DisableTeamRequest(team_id=team.id))
    assert closed.disabled
    for name in team.members:
        error = await refusal(team[name].authentication.GetPrincipal(PRINCIPAL))
        assert error.reason is Reason.CREDENTIAL_REVOKED
    opened = await operator.teams.EnableTeam(team_pb2.EnableTeamRequest(team_id=team.id))
    assert not opened.disabled
    assert await admin.authentication.GetPrincipal(PRINCIPAL) == before


async def test_closing_a_team_again_changes_nothing(operator: Client, team: Team) -> None:
    request = team_pb2.DisableTeamRequest(team_id=team.id)
    closed = await operator.teams.DisableTeam(request)
    assert await operator.teams.DisableTeam(request) == closed


async def test_team_that_is_not_there_is_not_closed(operator: Client) -> None:
    request = team_pb2.DisableTeamRequest(team_id=new_id(TeamId))
    error = await refusal(operator.teams.DisableTeam(request))
    assert isinstance(error, NotFound)
    assert error.metadata["resource_type"] == "Team"
