"""The team itself, and what holds for every method of the directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from picstore.auth.v1 import api_key_pb2, role_pb2, team_pb2, user_pb2
from picstore_kit.errors import InvalidArgument, InvalidFields, Reason
from tests.contract.auth.calls import create_role, refusal
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team


async def test_team_has_its_name(admin: Client, team: Team) -> None:
    found = await admin.teams.GetTeam(team_pb2.GetTeamRequest(team_id=team.id))
    assert found.id == team.id
    assert found.short_name.startswith("team-")
    assert found.HasField("create_time")


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetTeam", team_pb2.GetTeamRequest(team_id="x"), "team_id"),
        ("GetUser", user_pb2.GetUserRequest(user_id="x"), "user_id"),
        ("GetRole", role_pb2.GetRoleRequest(role_id="x"), "role_id"),
        ("GetApiKey", api_key_pb2.GetApiKeyRequest(api_key_id="x"), "api_key_id"),
        ("RevokeApiKey", api_key_pb2.RevokeApiKeyRequest(api_key_id="x"), "api_key_id"),
        ("ListApiKeys", api_key_pb2.ListApiKeysRequest(user_id="x"), "user_id"),
    ],
)
async def test_what_is_no_id_is_invalid(
    admin: Client, method: str, request_: Message, field: str
) -> None:
    error = await refusal(admin.rpc(method)(request_))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": field}


async def test_pages_go_on_where_the_last_one_ended(admin: Client) -> None:
    made = [(await create_role(admin, f"role-{number}")).id for number in range(3)]
    first = await admin.roles.ListRoles(role_pb2.ListRolesRequest(page_size=3))
    second = await admin.roles.ListRoles(
        role_pb2.ListRolesRequest(page_size=3, page_token=first.next_page_token)
    )
    assert [role.id for role in (*first.roles, *second.roles)][2:] == made
    assert second.next_page_token == ""


REQUESTS: Mapping[str, Callable[..., Message]] = {
    "ListUsers": user_pb2.ListUsersRequest,
    "ListRoles": role_pb2.ListRolesRequest,
    "ListApiKeys": api_key_pb2.ListApiKeysRequest,
}


@pytest.mark.parametrize("method", REQUESTS)
async def test_pages_are_checked(
    admin: Client, operator: Client, connect: Connect, method: str
) -> None:
    request = REQUESTS[method]
    error = await refusal(admin.rpc(method)(request(page_size=-1)))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "page_size"}
    other = await found_team(operator, connect, ADMIN_AND_WRITER)
    theirs: Any = await other["admin"].rpc(method)(request(page_size=1))
    for token in ("nonsense", theirs.next_page_token):
        error = await refusal(admin.rpc(method)(request(page_token=token)))
        assert isinstance(error, InvalidArgument)
        assert error.reason is Reason.PAGE_TOKEN_INVALID
