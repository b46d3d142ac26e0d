"""Users of the directory over the wire: answers, and each reason for which they are refused."""

from __future__ import annotations

import uuid

from picstore.auth.v1 import authentication_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_EDIT, PERMISSION_IMAGE_READ
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import RoleId, new_id
from tests.contract.auth.calls import create_role, create_user, refusal, update_user
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team


async def test_created_user_is_found_again(admin: Client) -> None:
    role = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    made = await create_user(
        admin, "Ann@example.org", display_name="Ann Lee", role_ids=[role.id], disabled=True
    )
    assert made.id.startswith("usr_")
    assert made.etag
    assert list(made.role_ids) == [role.id]
    assert made.disabled
    found = await admin.users.GetUser(user_pb2.GetUserRequest(user_id=made.id))
    assert found == made
    listed = await admin.users.ListUsers(user_pb2.ListUsersRequest())
    assert listed.users[-1] == made


async def test_a_filter_that_no_user_can_match_is_named(admin: Client) -> None:
    request = user_pb2.ListUsersRequest(email="ann\0@example.org", role_id="x")
    error = await refusal(admin.users.ListUsers(request))
    assert error.metadata == {"fields": "role_id,email"}


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
    other = await found_team(operator, connect, ADMIN_AND_WRITER)
    assert (await create_user(other["admin"], "ann@example.org")).email == "ann@example.org"


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
    other = await found_team(operator, connect, ADMIN_AND_WRITER)
    foreign = await create_role(other["admin"], "viewer")
    for role_id in (foreign.id, new_id(RoleId)):
        error = await refusal(create_user(admin, "ann@example.org", role_ids=[role_id]))
        assert isinstance(error, NotFound)
        assert error.metadata == {"resource_type": "Role", "resource_name": role_id}


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
    updated = await update_user(admin, user_pb2.User(id=made.id, disabled=True), "disabled")
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
    user = user_pb2.User(id=writer.user_id, email="x@example.org", disabled=True)
    await update_user(admin, user, "disabled")
    error = await refusal(team["writer"].authentication.GetPrincipal(request))
    assert error.reason is Reason.CREDENTIAL_REVOKED
