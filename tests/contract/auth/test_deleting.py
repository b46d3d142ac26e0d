"""What goes with users and roles, and what keeps them."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from picstore.auth.v1 import api_key_pb2, authentication_pb2, role_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_EDIT, PERMISSION_IMAGE_READ
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import RoleId, UserId, new_id
from tests.contract.auth.calls import (
    create_key,
    create_role,
    create_user,
    refusal,
    update_role,
    update_user,
)
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team

PRINCIPAL = authentication_pb2.GetPrincipalRequest()


async def delete_user(client: Client, user_id: str, *, etag: str = "") -> Empty:
    return await client.users.DeleteUser(user_pb2.DeleteUserRequest(user_id=user_id, etag=etag))


async def delete_role(client: Client, role_id: str, *, etag: str = "") -> Empty:
    return await client.roles.DeleteRole(role_pb2.DeleteRoleRequest(role_id=role_id, etag=etag))


async def test_deleted_user_no_longer_authenticates(admin: Client, team: Team) -> None:
    writer = team["writer"]
    user_id = (await writer.authentication.GetPrincipal(PRINCIPAL)).user_id
    await delete_user(admin, user_id)
    error = await refusal(writer.authentication.GetPrincipal(PRINCIPAL))
    assert isinstance(error, Unauthenticated)
    key_id = team.members["writer"].api_key.key_id
    request = api_key_pb2.GetApiKeyRequest(api_key_id=key_id)
    assert isinstance(await refusal(admin.keys.GetApiKey(request)), NotFound)


async def test_deleted_user_is_not_found_and_their_address_is_free(admin: Client) -> None:
    user = await create_user(admin, "ann@example.org")
    await delete_user(admin, user.id)
    request = user_pb2.GetUserRequest(user_id=user.id)
    assert isinstance(await refusal(admin.users.GetUser(request)), NotFound)
    assert isinstance(await refusal(delete_user(admin, user.id)), NotFound)
    assert (await create_user(admin, "ann@example.org")).id != user.id


async def test_user_who_has_changed_is_not_deleted_by_an_older_etag(admin: Client) -> None:
    user = await create_user(admin, "ann@example.org")
    changed = await update_user(
        admin, user_pb2.User(id=user.id, display_name="Ann"), "display_name"
    )
    error = await refusal(delete_user(admin, user.id, etag=user.etag))
    assert isinstance(error, Aborted)
    assert error.reason is Reason.ETAG_MISMATCH
    await delete_user(admin, user.id, etag=changed.etag)


async def test_user_or_role_of_another_team_is_not_deleted(
    admin: Client, operator: Client, connect: Connect
) -> None:
    other = (await found_team(operator, connect, ADMIN_AND_WRITER))["admin"]
    user = await create_user(other, "ann@example.org")
    role = await create_role(other, "viewer")
    for user_id in (user.id, new_id(UserId)):
        assert isinstance(await refusal(delete_user(admin, user_id)), NotFound)
    for role_id in (role.id, new_id(RoleId)):
        assert isinstance(await refusal(delete_role(admin, role_id)), NotFound)
    assert await other.users.GetUser(user_pb2.GetUserRequest(user_id=user.id)) == user


async def test_nobody_deletes_without_the_permission(operator: Client, connect: Connect) -> None:
    team = await found_team(operator, connect, {**ADMIN_AND_WRITER, "nobody": []})
    user = await create_user(team["admin"], "ann@example.org")
    role = await create_role(team["admin"], "viewer")
    for attempt in (
        delete_user(team["nobody"], user.id),
        delete_role(team["nobody"], role.id),
    ):
        error = await refusal(attempt)
        assert isinstance(error, PermissionDenied)
        assert error.metadata["permission"] == "team:write"


async def test_role_in_use_says_who_has_it(admin: Client) -> None:
    role = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    users = [
        (await create_user(admin, f"user{number}@example.org", role_ids=[role.id])).id
        for number in range(11)
    ]
    error = await refusal(delete_role(admin, role.id))
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.RESOURCE_IN_USE
    assert error.metadata == {
        "resource_type": "Role",
        "resource_name": role.id,
        "used_by": ",".join(users[:10]),
        "used_by_count": "11",
    }
    assert "users (11)" in error.message


async def test_role_that_nobody_has_is_deleted(admin: Client) -> None:
    role = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    user = await create_user(admin, "ann@example.org", role_ids=[role.id])
    await update_user(admin, user_pb2.User(id=user.id), "role_ids")
    await delete_role(admin, role.id)
    request = role_pb2.GetRoleRequest(role_id=role.id)
    assert isinstance(await refusal(admin.roles.GetRole(request)), NotFound)
    assert (await create_role(admin, "viewer")).id != role.id


async def test_role_that_has_changed_is_not_deleted_by_an_older_etag(admin: Client) -> None:
    role = await create_role(admin, "viewer")
    await update_role(admin, role_pb2.Role(id=role.id, display_name="Viewers"), "display_name")
    error = await refusal(delete_role(admin, role.id, etag=role.etag))
    assert error.reason is Reason.ETAG_MISMATCH


async def test_key_allows_only_what_its_user_still_holds(admin: Client, connect: Connect) -> None:
    read, edit = Grant(permission=PERMISSION_IMAGE_READ), Grant(permission=PERMISSION_IMAGE_EDIT)
    reading, editing = await create_role(admin, "r", read), await create_role(admin, "e", edit)
    user = await create_user(admin, "ann@example.org", role_ids=[reading.id, editing.id])
    made = await create_key(admin, api_key_pb2.ApiKey(user_id=user.id, grants=[read, edit]))
    client = connect(made.credential)
    held = (await client.authentication.GetPrincipal(PRINCIPAL)).grants
    assert {grant.permission for grant in held} == {read.permission, edit.permission}
    await update_user(admin, user_pb2.User(id=user.id, role_ids=[reading.id]), "role_ids")
    assert list((await client.authentication.GetPrincipal(PRINCIPAL)).grants) == [read]
    await update_role(admin, role_pb2.Role(id=reading.id), "grants")
    assert not (await client.authentication.GetPrincipal(PRINCIPAL)).grants


async def test_users_and_roles_are_found_by_name(admin: Client) -> None:
    role = await create_role(admin, "viewer")
    ann = await create_user(admin, "Ann@example.org", role_ids=[role.id])
    await create_user(admin, "bob@example.org")
    by_email = user_pb2.ListUsersRequest(email="ann@EXAMPLE.org")
    assert list((await admin.users.ListUsers(by_email)).users) == [ann]
    by_role = user_pb2.ListUsersRequest(role_id=role.id)
    assert list((await admin.users.ListUsers(by_role)).users) == [ann]
    named = role_pb2.ListRolesRequest(short_name="viewer")
    assert list((await admin.roles.ListRoles(named)).roles) == [role]
    unknown = user_pb2.ListUsersRequest(role_id=new_id(RoleId))
    assert isinstance(await refusal(admin.users.ListUsers(unknown)), NotFound)
