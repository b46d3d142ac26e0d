"""Who may call what: every method of auth, with every kind of caller that it is not for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from picstore.auth.v1 import (
    api_key_pb2,
    authentication_pb2,
    bootstrap_pb2,
    role_pb2,
    team_pb2,
    user_pb2,
)
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import (
    PERMISSION_IMAGE_READ,
    PERMISSION_TEAM_ADMIN,
    PERMISSION_TEAM_READ,
    PERMISSION_TEAM_WRITE,
)
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import NotFound, PermissionDenied, Reason, Unauthenticated
from picstore_kit.ids import KeyId, RoleId, TeamId, UserId, new_id
from tests.contract.auth.calls import refusal
from tests.contract.auth.clients import Client, Connect, Permission, Team, found_team

MEMBERS: dict[str, list[Permission]] = {"admin": [PERMISSION_TEAM_ADMIN], "nobody": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Ids of one object of each kind."""

    team_id: str
    user_id: str
    role_id: str
    key_id: str


REQUESTS: dict[str, Callable[[Objects], Message]] = {
    "GetTeam": lambda ids: team_pb2.GetTeamRequest(team_id=ids.team_id),
    "UpdateTeam": lambda ids: team_pb2.UpdateTeamRequest(
        team=team_pb2.Team(id=ids.team_id, short_name="x", display_name="New")
    ),
    "CreateUser": lambda ids: user_pb2.CreateUserRequest(
        user=user_pb2.User(email="new@example.org")
    ),
    "GetUser": lambda ids: user_pb2.GetUserRequest(user_id=ids.user_id),
    "ListUsers": lambda ids: user_pb2.ListUsersRequest(),
    "UpdateUser": lambda ids: user_pb2.UpdateUserRequest(
        user=user_pb2.User(id=ids.user_id, email="x@example.org", display_name="New")
    ),
    "CreateRole": lambda ids: role_pb2.CreateRoleRequest(role=role_pb2.Role(short_name="new")),
    "GetRole": lambda ids: role_pb2.GetRoleRequest(role_id=ids.role_id),
    "ListRoles": lambda ids: role_pb2.ListRolesRequest(),
    "UpdateRole": lambda ids: role_pb2.UpdateRoleRequest(
        role=role_pb2.Role(id=ids.role_id, short_name="x", display_name="New")
    ),
    "CreateApiKey": lambda ids: api_key_pb2.CreateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(
            user_id=ids.user_id, grants=[Grant(permission=PERMISSION_IMAGE_READ)]
        )
    ),
    "GetApiKey": lambda ids: api_key_pb2.GetApiKeyRequest(api_key_id=ids.key_id),
    "ListApiKeys": lambda ids: api_key_pb2.ListApiKeysRequest(),
    "UpdateApiKey": lambda ids: api_key_pb2.UpdateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(id=ids.key_id, user_id=ids.user_id, display_name="New")
    ),
    "RotateApiKey": lambda ids: api_key_pb2.RotateApiKeyRequest(
        api_key_id=ids.key_id, overlap=Duration(seconds=60)
    ),
    "RevokeApiKey": lambda ids: api_key_pb2.RevokeApiKeyRequest(api_key_id=ids.key_id),
    # Last, since the key goes with its user and the role is kept by its users.
    "DeleteUser": lambda ids: user_pb2.DeleteUserRequest(user_id=ids.user_id),
    "DeleteRole": lambda ids: role_pb2.DeleteRoleRequest(role_id=ids.role_id),
}

PERMISSIONS = {
    "UpdateTeam": "team:admin",
    "CreateUser": "team:write",
    "GetUser": "team:read",
    "ListUsers": "team:read",
    "UpdateUser": "team:write",
    "CreateRole": "team:write",
    "GetRole": "team:read",
    "ListRoles": "team:read",
    "UpdateRole": "team:write",
    "CreateApiKey": "team:write",
    "GetApiKey": "team:read",
    "ListApiKeys": "team:read",
    "UpdateApiKey": "team:write",
    "RotateApiKey": "team:write",
    "RevokeApiKey": "team:write",
    "DeleteUser": "team:write",
    "DeleteRole": "team:write",
}

OBJECTS = {
    "GetTeam": "Team",
    "UpdateTeam": "Team",
    "GetUser": "User",
    "UpdateUser": "User",
    "DeleteUser": "User",
    "GetRole": "Role",
    "UpdateRole": "Role",
    "DeleteRole": "Role",
    "GetApiKey": "ApiKey",
    "UpdateApiKey": "ApiKey",
    "RotateApiKey": "ApiKey",
    "RevokeApiKey": "ApiKey",
}


def call(client: Client, method: str, ids: Objects) -> Awaitable[Message]:
    return client.rpc(method)(REQUESTS[method](ids))


def nothing() -> Objects:
    return Objects(
        team_id=new_id(TeamId),
        user_id=new_id(UserId),
        role_id=new_id(RoleId),
        key_id=new_id(KeyId),
    )


async def objects_of(team: Team) -> Objects:
    member = team.members["nobody"]
    admin = team["admin"]
    key = await admin.keys.GetApiKey(api_key_pb2.GetApiKeyRequest(api_key_id=member.api_key.key_id))
    user = await admin.users.GetUser(user_pb2.GetUserRequest(user_id=key.user_id))
    return Objects(
        team_id=team.id, user_id=user.id, role_id=user.role_ids[0], key_id=member.api_key.key_id
    )


@pytest.fixture
async def team(operator: Client, connect: Connect) -> Team:
    return await found_team(operator, connect, MEMBERS)


@pytest.mark.parametrize("method", sorted(REQUESTS))
async def test_directory_needs_a_credential(stranger: Client, method: str) -> None:
    error = await refusal(call(stranger, method, nothing()))
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_MISSING


@pytest.mark.parametrize("method", sorted(REQUESTS))
async def test_directory_is_not_for_services_that_act_for_nobody(
    service: Client, method: str
) -> None:
    error = await refusal(call(service, method, nothing()))
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_MISSING


async def test_every_method_names_the_permission_that_the_caller_lacks(team: Team) -> None:
    ids = await objects_of(team)
    missing = {}
    for method in PERMISSIONS:
        error = await refusal(call(team["nobody"], method, ids))
        assert isinstance(error, PermissionDenied), method
        assert error.reason is Reason.PERMISSION_MISSING
        missing[method] = error.metadata["permission"]
    assert missing == PERMISSIONS


async def test_own_team_needs_no_permission(team: Team) -> None:
    ids = await objects_of(team)
    assert isinstance(await call(team["nobody"], "GetTeam", ids), team_pb2.Team)


@pytest.mark.parametrize("caller", ["admin", "nobody"])
async def test_missing_and_foreign_objects_look_alike_to_everybody(
    team: Team, operator: Client, connect: Connect, caller: str
) -> None:
    other = await found_team(operator, connect, MEMBERS)
    foreign, missing = await objects_of(other), nothing()
    for method, kind in OBJECTS.items():
        errors = []
        for ids in (foreign, missing):
            error = await refusal(call(team[caller], method, ids))
            assert isinstance(error, NotFound), method
            assert error.reason is Reason.RESOURCE_NOT_FOUND
            assert error.metadata["resource_type"] == kind
            errors.append(error.message.replace(error.metadata["resource_name"], "…"))
        assert len(set(errors)) == 1


async def test_foreign_objects_stay_as_they_are(
    team: Team, operator: Client, connect: Connect
) -> None:
    other = await found_team(operator, connect, MEMBERS)
    ids = await objects_of(other)
    before = [await call(other["admin"], method, ids) for method in ("GetUser", "GetApiKey")]
    for method in OBJECTS:
        await refusal(call(team["admin"], method, ids))
    after = [await call(other["admin"], method, ids) for method in ("GetUser", "GetApiKey")]
    assert after == before


async def test_administrator_may_call_everything_in_their_own_team(team: Team) -> None:
    ids = await objects_of(team)
    admin_user = (
        await team["admin"].authentication.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    ).user_id
    for method in REQUESTS:
        own = Objects(
            team_id=ids.team_id,
            user_id=admin_user if method == "CreateApiKey" else ids.user_id,
            role_id=ids.role_id,
            key_id=ids.key_id,
        )
        await call(team["admin"], method, own)


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [(PERMISSION_TEAM_READ, "team:read"), (PERMISSION_TEAM_WRITE, "team:write")],
)
async def test_one_permission_does_not_imply_the_other(
    operator: Client, connect: Connect, permission: Permission, allowed: str
) -> None:
    members = {"admin": [PERMISSION_TEAM_ADMIN], "nobody": [permission]}
    team = await found_team(operator, connect, members)
    ids = await objects_of(team)
    for method, needed in PERMISSIONS.items():
        if needed != allowed:
            error = await refusal(call(team["nobody"], method, ids))
            assert error.metadata == {"permission": needed}


async def test_wrong_expired_and_revoked_credentials_are_told_apart(
    team: Team, operator: Client, connect: Connect
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = await found_team(operator, connect, MEMBERS, expire_time=yesterday)
    revoked = team.members["nobody"].api_key
    await team["admin"].keys.RevokeApiKey(
        api_key_pb2.RevokeApiKeyRequest(api_key_id=revoked.key_id)
    )
    reasons = [
        (await refusal(call(connect(credential), "ListUsers", nothing()))).reason
        for credential in (
            "ps_nonsense",
            new_api_key(new_id(KeyId)).text,
            "eyJhbGciOiJub25lIn0.e30.",
            expired.members["admin"].api_key.text,
            revoked.text,
        )
    ]
    assert reasons == [
        Reason.CREDENTIAL_INVALID,
        Reason.CREDENTIAL_INVALID,
        Reason.CREDENTIAL_INVALID,
        Reason.CREDENTIAL_EXPIRED,
        Reason.CREDENTIAL_REVOKED,
    ]


async def test_what_is_for_services_is_not_for_administrators(team: Team) -> None:
    admin = team["admin"]
    answers: dict[str, Awaitable[Message]] = {
        "picstore.auth.v1.AuthenticationService/Authenticate": admin.authentication.Authenticate(
            authentication_pb2.AuthenticateRequest(credential="x")
        ),
        "picstore.auth.v1.BootstrapService/ApplyBootstrap": admin.bootstrap.ApplyBootstrap(
            bootstrap_pb2.ApplyBootstrapRequest(team=bootstrap_pb2.BootstrapTeam(short_name="x"))
        ),
    }
    for method, answer in answers.items():
        error = await refusal(answer)
        assert isinstance(error, PermissionDenied)
        assert error.reason is Reason.SERVICE_ONLY
        assert error.metadata == {"method": method}


async def test_bootstrap_is_for_the_operator_only(service: Client) -> None:
    request = bootstrap_pb2.ApplyBootstrapRequest(
        team=bootstrap_pb2.BootstrapTeam(short_name="mine")
    )
    error = await refusal(service.bootstrap.ApplyBootstrap(request))
    assert isinstance(error, PermissionDenied)
    assert error.reason is Reason.SERVICE_ONLY
    assert error.metadata == {"method": "picstore.auth.v1.BootstrapService/ApplyBootstrap"}
