"""DirectoryService over the wire: what it answers, and each reason for which it refuses."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.auth.v1 import authentication_pb2, directory_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import (
    PERMISSION_IMAGE_EDIT,
    PERMISSION_IMAGE_READ,
    PERMISSION_PROJECT_CREATE,
    PERMISSION_TEAM_ADMIN,
    PERMISSION_TEAM_READ,
    PERMISSION_TEAM_WRITE,
)
from picstore_auth.mapping import timestamp_message
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
)
from picstore_kit.ids import ProjectId, RoleId, UploadProfileId, UserId, new_id
from tests.contract.auth.clients import Client, Connect, Team, found_team

MEMBERS = {
    "admin": [PERMISSION_TEAM_ADMIN],
    "writer": [PERMISSION_TEAM_READ, PERMISSION_TEAM_WRITE, PERMISSION_IMAGE_READ],
}


@pytest.fixture
async def team(operator: Client, connect: Connect) -> Team:
    return await found_team(operator, connect, MEMBERS)


@pytest.fixture
def admin(team: Team) -> Client:
    return team["admin"]


async def refusal(answer: Awaitable[Message]) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        await answer
    return caught.value


async def create_user(client: Client, email: str, **fields: object) -> directory_pb2.User:
    request_id = str(fields.pop("request_id", ""))
    user = directory_pb2.User(email=email, **fields)  # type: ignore[arg-type]  # any of its fields
    return await client.directory.CreateUser(
        directory_pb2.CreateUserRequest(user=user, request_id=request_id)
    )


async def create_role(client: Client, short_name: str, *grants: Grant) -> directory_pb2.Role:
    role = directory_pb2.Role(short_name=short_name, grants=grants)
    return await client.directory.CreateRole(directory_pb2.CreateRoleRequest(role=role))


async def update_user(client: Client, user: directory_pb2.User, *paths: str) -> directory_pb2.User:
    return await client.directory.UpdateUser(
        directory_pb2.UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths))
    )


async def update_role(client: Client, role: directory_pb2.Role, *paths: str) -> directory_pb2.Role:
    return await client.directory.UpdateRole(
        directory_pb2.UpdateRoleRequest(role=role, update_mask=FieldMask(paths=paths))
    )


async def create_key(
    client: Client, key: directory_pb2.ApiKey
) -> directory_pb2.CreateApiKeyResponse:
    return await client.directory.CreateApiKey(directory_pb2.CreateApiKeyRequest(api_key=key))


async def test_team_has_its_name(admin: Client, team: Team) -> None:
    found = await admin.directory.GetTeam(directory_pb2.GetTeamRequest(team_id=team.id))
    assert found.id == team.id
    assert found.short_name.startswith("team-")
    assert found.HasField("create_time")


# Users


async def test_created_user_is_found_again(admin: Client) -> None:
    role = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    made = await create_user(
        admin, "Ann@example.org", display_name="Ann Lee", role_ids=[role.id], disabled=True
    )
    assert made.id.startswith("usr_")
    assert made.etag
    assert list(made.role_ids) == [role.id]
    assert made.disabled
    found = await admin.directory.GetUser(directory_pb2.GetUserRequest(user_id=made.id))
    assert found == made
    listed = await admin.directory.ListUsers(directory_pb2.ListUsersRequest())
    assert listed.users[-1] == made


async def test_email_address_is_taken_once_per_team(admin: Client) -> None:
    await create_user(admin, "ann@example.org")
    error = await refusal(create_user(admin, "ANN@example.org"))
    assert isinstance(error, AlreadyExists)
    assert error.reason is Reason.RESOURCE_EXISTS
    assert error.metadata == {
        "resource_type": "User",
        "field": "email",
        "value": "ANN@example.org",
    }


async def test_email_address_of_another_team_is_free(
    admin: Client, operator: Client, connect: Connect
) -> None:
    await create_user(admin, "ann@example.org")
    other = await found_team(operator, connect, MEMBERS)
    await create_user(other["admin"], "ann@example.org")


async def test_every_wrong_field_of_a_user_is_named(admin: Client) -> None:
    error = await refusal(create_user(admin, "ann", display_name="a\nb", role_ids=["x"]))
    assert isinstance(error, InvalidFields)
    assert error.reason is Reason.FIELD_INVALID
    assert [violation.field for violation in error.violations] == [
        "user.email",
        "user.display_name",
        "user.role_ids[0]",
    ]


async def test_role_of_another_team_is_no_role(
    admin: Client, operator: Client, connect: Connect
) -> None:
    other = await found_team(operator, connect, MEMBERS)
    foreign = await create_role(other["admin"], "viewer")
    for role_id in (foreign.id, new_id(RoleId)):
        error = await refusal(create_user(admin, "ann@example.org", role_ids=[role_id]))
        assert isinstance(error, InvalidFields)
        assert error.metadata == {"fields": "user.role_ids[0]"}


async def test_repeated_create_of_a_user_answers_alike(admin: Client) -> None:
    request_id = str(uuid.uuid4())
    first = await create_user(admin, "ann@example.org", request_id=request_id)
    assert await create_user(admin, "ann@example.org", request_id=request_id) == first


async def test_request_id_is_for_one_user(admin: Client) -> None:
    request_id = str(uuid.uuid4())
    await create_user(admin, "ann@example.org", request_id=request_id)
    error = await refusal(create_user(admin, "bob@example.org", request_id=request_id))
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert error.metadata == {"request_id": request_id}


async def test_request_id_has_an_end(admin: Client) -> None:
    error = await refusal(create_user(admin, "ann@example.org", request_id="x" * 500))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "request_id"}


async def test_update_of_a_user_needs_only_what_it_changes(admin: Client) -> None:
    made = await create_user(admin, "ann@example.org", display_name="Ann")
    updated = await update_user(admin, directory_pb2.User(id=made.id, disabled=True), "disabled")
    assert (updated.display_name, updated.email, updated.disabled) == (
        "Ann",
        "ann@example.org",
        True,
    )
    assert updated.etag != made.etag


async def test_update_of_an_older_revision_is_refused(admin: Client) -> None:
    made = await create_user(admin, "ann@example.org")
    made.display_name = "Ann"
    await update_user(admin, made, "display_name")
    made.display_name = "Anna"
    error = await refusal(update_user(admin, made, "display_name"))
    assert isinstance(error, Aborted)
    assert error.reason is Reason.ETAG_MISMATCH
    assert error.metadata == {"resource_name": made.id}


async def test_email_address_does_not_change(admin: Client) -> None:
    made = await create_user(admin, "ann@example.org")
    error = await refusal(update_user(admin, made, "email"))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "update_mask.paths[0]"}


async def test_nobody_gives_a_role_above_their_own(admin: Client, team: Team) -> None:
    role = await create_role(admin, "editor", Grant(permission=PERMISSION_IMAGE_EDIT))
    error = await refusal(create_user(team["writer"], "ann@example.org", role_ids=[role.id]))
    assert isinstance(error, PermissionDenied)
    assert error.reason is Reason.PERMISSION_MISSING
    assert error.metadata == {"permission": "image:edit"}


async def test_disabled_user_is_refused(admin: Client, team: Team) -> None:
    request = authentication_pb2.GetPrincipalRequest()
    writer = await team["writer"].authentication.GetPrincipal(request)
    user = directory_pb2.User(id=writer.user_id, email="x@example.org", disabled=True)
    await update_user(admin, user, "disabled")
    error = await refusal(team["writer"].authentication.GetPrincipal(request))
    assert error.reason is Reason.CREDENTIAL_REVOKED


# Roles


async def test_created_role_is_found_again(admin: Client) -> None:
    project_id = new_id(ProjectId)
    made = await create_role(
        admin,
        "editor",
        Grant(permission=PERMISSION_IMAGE_EDIT, project_id=project_id),
        Grant(permission=PERMISSION_PROJECT_CREATE),
    )
    assert [(grant.permission, grant.project_id) for grant in made.grants] == [
        (PERMISSION_IMAGE_EDIT, project_id),
        (PERMISSION_PROJECT_CREATE, ""),
    ]
    found = await admin.directory.GetRole(directory_pb2.GetRoleRequest(role_id=made.id))
    assert found == made
    listed = await admin.directory.ListRoles(directory_pb2.ListRolesRequest())
    assert listed.roles[-1] == made


async def test_name_of_a_role_is_taken_once_per_team(admin: Client) -> None:
    error = await refusal(create_role(admin, "writer"))
    assert isinstance(error, AlreadyExists)
    assert error.reason is Reason.RESOURCE_EXISTS
    assert error.metadata == {
        "resource_type": "Role",
        "field": "short_name",
        "value": "writer",
    }


async def test_every_wrong_field_of_a_role_is_named(admin: Client) -> None:
    grant = Grant(permission=PERMISSION_TEAM_READ, project_id=new_id(ProjectId))
    error = await refusal(create_role(admin, "Editor", Grant(project_id="x"), grant))
    assert isinstance(error, InvalidFields)
    assert [violation.field for violation in error.violations] == [
        "role.short_name",
        "role.grants[0].permission",
        "role.grants[0].project_id",
        "role.grants[1].project_id",
    ]


async def test_repeated_create_of_a_role_answers_alike(admin: Client) -> None:
    request = directory_pb2.CreateRoleRequest(
        role=directory_pb2.Role(short_name="viewer"), request_id=str(uuid.uuid4())
    )
    first = await admin.directory.CreateRole(request)
    assert await admin.directory.CreateRole(request) == first
    request.role.short_name = "other"
    error = await refusal(admin.directory.CreateRole(request))
    assert error.reason is Reason.REQUEST_ID_REUSED


async def test_nobody_makes_a_role_above_their_own(team: Team) -> None:
    grant = Grant(permission=PERMISSION_IMAGE_EDIT, project_id=new_id(ProjectId))
    error = await refusal(create_role(team["writer"], "editor", grant))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "image:edit"}
    assert error.resource is not None
    assert error.resource.name == grant.project_id


async def test_update_of_a_role_needs_only_what_it_changes(admin: Client) -> None:
    made = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    role = directory_pb2.Role(id=made.id, etag=made.etag, display_name="Viewers")
    updated = await update_role(admin, role)
    assert updated.display_name == "Viewers"
    assert list(updated.grants) == list(made.grants)
    error = await refusal(update_role(admin, role))
    assert isinstance(error, Aborted)
    assert error.reason is Reason.ETAG_MISMATCH


async def test_name_of_a_role_does_not_change(admin: Client) -> None:
    made = await create_role(admin, "viewer")
    error = await refusal(update_role(admin, made, "display_name", "short_name"))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "update_mask.paths[1]"}


async def test_changed_role_counts_at_once(admin: Client, team: Team) -> None:
    listed = await admin.directory.ListRoles(directory_pb2.ListRolesRequest())
    (role,) = [role for role in listed.roles if role.short_name == "writer"]
    del role.grants[:]
    await update_role(admin, role, "grants")
    error = await refusal(team["writer"].directory.ListRoles(directory_pb2.ListRolesRequest()))
    assert isinstance(error, PermissionDenied)


# API keys


async def test_created_key_works_and_is_shown_once(
    admin: Client, team: Team, connect: Connect
) -> None:
    user = await create_user(
        admin,
        "ann@example.org",
        role_ids=[(await create_role(admin, "v", Grant(permission=PERMISSION_IMAGE_READ))).id],
    )
    grant = Grant(permission=PERMISSION_IMAGE_READ, project_id=new_id(ProjectId))
    expiry = timestamp_message(datetime.now(UTC) + timedelta(days=1))
    made = await create_key(
        admin,
        directory_pb2.ApiKey(
            user_id=user.id,
            display_name="blog",
            grants=[grant],
            default_upload_profile_id=new_id(UploadProfileId),
            expire_time=expiry,
        ),
    )
    principal = await connect(made.credential).authentication.GetPrincipal(
        authentication_pb2.GetPrincipalRequest()
    )
    assert (principal.team_id, principal.user_id) == (team.id, user.id)
    assert list(principal.grants) == [grant]
    assert principal.default_upload_profile_id == made.api_key.default_upload_profile_id
    found = await admin.directory.GetApiKey(
        directory_pb2.GetApiKeyRequest(api_key_id=made.api_key.id)
    )
    assert found == made.api_key
    assert made.credential.split("_")[2] not in str(found)


async def test_every_wrong_field_of_a_key_is_named(admin: Client) -> None:
    key = directory_pb2.ApiKey(
        user_id="ann", inherit=True, grants=[Grant()], default_upload_profile_id="x"
    )
    error = await refusal(create_key(admin, key))
    assert isinstance(error, InvalidFields)
    assert [violation.field for violation in error.violations] == [
        "api_key.user_id",
        "api_key.grants[0].permission",
        "api_key.grants",
        "api_key.default_upload_profile_id",
    ]


async def test_everything_that_does_not_fit_a_key_is_named(admin: Client) -> None:
    user = await create_user(admin, "ann@example.org")
    past = timestamp_message(datetime.now(UTC) - timedelta(seconds=1))
    grant = Grant(permission=PERMISSION_IMAGE_READ)
    unheld = directory_pb2.ApiKey(user_id=user.id, grants=[grant], expire_time=past)
    error = await refusal(create_key(admin, unheld))
    assert error.metadata == {"fields": "api_key.grants,api_key.expire_time"}
    nobodys = directory_pb2.ApiKey(user_id=new_id(UserId), inherit=True, expire_time=past)
    error = await refusal(create_key(admin, nobodys))
    assert error.metadata == {"fields": "api_key.user_id,api_key.expire_time"}


async def test_nobody_makes_a_key_above_their_own(admin: Client, team: Team) -> None:
    request = authentication_pb2.GetPrincipalRequest()
    admin_id = (await admin.authentication.GetPrincipal(request)).user_id
    key = directory_pb2.ApiKey(user_id=admin_id, inherit=True)
    error = await refusal(create_key(team["writer"], key))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "team:admin"}


async def test_keys_of_a_user_who_is_not_the_teams_are_not_found(admin: Client) -> None:
    request = directory_pb2.ListApiKeysRequest(user_id=new_id(UserId))
    error = await refusal(admin.directory.ListApiKeys(request))
    assert isinstance(error, NotFound)
    assert error.metadata["resource_type"] == "User"


async def test_revoked_key_says_since_when(admin: Client, team: Team) -> None:
    key_id = team.members["writer"].api_key.key_id
    request = directory_pb2.RevokeApiKeyRequest(api_key_id=key_id)
    revoked = await admin.directory.RevokeApiKey(request)
    assert revoked.HasField("revoke_time")
    assert await admin.directory.RevokeApiKey(request) == revoked


# Ids and pages


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetTeam", directory_pb2.GetTeamRequest(team_id="x"), "team_id"),
        ("GetUser", directory_pb2.GetUserRequest(user_id="x"), "user_id"),
        ("GetRole", directory_pb2.GetRoleRequest(role_id="x"), "role_id"),
        ("GetApiKey", directory_pb2.GetApiKeyRequest(api_key_id="x"), "api_key_id"),
        ("RevokeApiKey", directory_pb2.RevokeApiKeyRequest(api_key_id="x"), "api_key_id"),
        ("ListApiKeys", directory_pb2.ListApiKeysRequest(user_id="x"), "user_id"),
    ],
)
async def test_what_is_no_id_is_invalid(
    admin: Client, method: str, request_: Message, field: str
) -> None:
    error = await refusal(getattr(admin.directory, method)(request_))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": field}


async def test_pages_go_on_where_the_last_one_ended(admin: Client) -> None:
    made = [(await create_role(admin, f"role-{number}")).id for number in range(3)]
    first = await admin.directory.ListRoles(directory_pb2.ListRolesRequest(page_size=3))
    second = await admin.directory.ListRoles(
        directory_pb2.ListRolesRequest(page_size=3, page_token=first.next_page_token)
    )
    assert [role.id for role in (*first.roles, *second.roles)][2:] == made
    assert second.next_page_token == ""


@pytest.mark.parametrize("method", ["ListUsers", "ListRoles", "ListApiKeys"])
async def test_pages_are_checked(
    admin: Client, operator: Client, connect: Connect, method: str
) -> None:
    request = getattr(directory_pb2, f"{method}Request")
    error = await refusal(getattr(admin.directory, method)(request(page_size=-1)))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "page_size"}
    other = await found_team(operator, connect, MEMBERS)
    theirs = await getattr(other["admin"].directory, method)(request(page_size=1))
    for token in ("nonsense", theirs.next_page_token):
        error = await refusal(getattr(admin.directory, method)(request(page_token=token)))
        assert isinstance(error, InvalidArgument)
        assert error.reason is Reason.PAGE_TOKEN_INVALID
