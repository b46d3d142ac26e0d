"""Messages into values: what is refused, and that all of it is told at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1 import api_key_pb2, role_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant as GrantMessage
from picstore.options.v1 import permission_pb2
from picstore_auth.mapping.api_key import new_key_from
from picstore_auth.mapping.caller import caller_from, identity_message, principal_from
from picstore_auth.mapping.role import new_role_from, role_update_from
from picstore_auth.mapping.user import new_user_from, user_update_from
from picstore_auth.model.grant import Grant, Permission
from picstore_auth.model.identity import Identity
from picstore_auth.model.user import UserUpdate
from picstore_kit.errors import InvalidFields, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, RoleId, TeamId, UploadProfileId, UserId, new_id
from picstore_kit.rpc.auth import Principal

USER = new_id(UserId)
ROLE = new_id(RoleId)
PROJECT = new_id(ProjectId)


def wrong_fields(read: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidFields) as caught:
        read()
    return [violation.field for violation in caught.value.violations]


def update_user(user: user_pb2.User, *paths: str) -> UserUpdate:
    return user_update_from(
        user_pb2.UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths))
    )


def test_user_with_many_faults_hears_of_all() -> None:
    message = user_pb2.User(
        email="nobody", display_name="x" * 201, role_ids=[ROLE, "rol_nonsense", USER]
    )
    assert wrong_fields(lambda: new_user_from(message)) == [
        "user.email",
        "user.display_name",
        "user.role_ids[1]",
        "user.role_ids[2]",
    ]


def test_masked_update_takes_the_named_fields_only() -> None:
    user = user_pb2.User(id=USER, display_name="Ann", role_ids=[ROLE], disabled=True)
    update = update_user(user, "display_name")
    assert update == UserUpdate(user_id=USER, display_name="Ann")


def test_masked_update_can_empty_a_field() -> None:
    update = update_user(user_pb2.User(id=USER), "role_ids", "disabled", "display_name")
    assert update == UserUpdate(user_id=USER, display_name="", role_ids=(), disabled=False)


def test_update_without_a_mask_takes_the_fields_that_are_set() -> None:
    update = update_user(user_pb2.User(id=USER, email="a@b", disabled=True, etag="7"))
    assert update == UserUpdate(user_id=USER, etag="7", disabled=True)


def test_update_with_a_star_takes_all_that_can_change() -> None:
    update = update_user(user_pb2.User(id=USER, display_name="Ann"), "*")
    assert update == UserUpdate(user_id=USER, display_name="Ann", role_ids=(), disabled=False)


@pytest.mark.parametrize("path", ["email", "id", "etag", "create_time", "nothing", "", "*"])
def test_mask_names_only_what_can_change(path: str) -> None:
    user = user_pb2.User(id=USER)
    assert wrong_fields(lambda: update_user(user, "disabled", path)) == ["update_mask.paths[1]"]


def test_fields_outside_the_mask_are_not_looked_at() -> None:
    user = user_pb2.User(id=USER, display_name="x" * 500, role_ids=["wrong"])
    assert update_user(user, "disabled").disabled is False


def test_role_with_many_faults_hears_of_all() -> None:
    message = role_pb2.Role(
        short_name="Editors!",
        grants=[
            GrantMessage(permission=permission_pb2.PERMISSION_IMAGE_READ, project_id="prj_x"),
            GrantMessage(permission=permission_pb2.PERMISSION_TEAM_WRITE, project_id=PROJECT),
            GrantMessage(),
            GrantMessage(permission=999),  # type: ignore[arg-type]  # from a newer client
        ],
    )
    assert wrong_fields(lambda: new_role_from(message)) == [
        "role.short_name",
        "role.grants[0].project_id",
        "role.grants[1].project_id",
        "role.grants[2].permission",
        "role.grants[3].permission",
    ]


def test_grants_of_a_role_are_a_set() -> None:
    read = GrantMessage(permission=permission_pb2.PERMISSION_IMAGE_READ)
    edit = GrantMessage(permission=permission_pb2.PERMISSION_IMAGE_EDIT, project_id=PROJECT)
    new = new_role_from(role_pb2.Role(short_name="r", grants=[read, edit, read]))
    assert new.grants == (
        Grant(permission=Permission.IMAGE_EDIT, project_id=PROJECT),
        Grant(permission=Permission.IMAGE_READ),
    )


def test_update_of_a_role_takes_its_grants() -> None:
    request = role_pb2.UpdateRoleRequest(
        role=role_pb2.Role(id=ROLE, display_name="x"), update_mask=FieldMask(paths=["grants"])
    )
    update = role_update_from(request)
    assert (update.grants, update.display_name) == ((), None)


@pytest.mark.parametrize(
    ("inherit", "grants"),
    [
        (True, [GrantMessage(permission=permission_pb2.PERMISSION_IMAGE_READ)]),
        (False, []),
    ],
)
def test_key_either_inherits_or_has_grants(inherit: bool, grants: list[GrantMessage]) -> None:
    message = api_key_pb2.ApiKey(user_id=USER, inherit=inherit, grants=grants)
    assert wrong_fields(lambda: new_key_from(message)) == ["api_key.grants"]


def test_key_with_many_faults_hears_of_all() -> None:
    message = api_key_pb2.ApiKey(
        user_id="ann",
        display_name="a\nb",
        inherit=True,
        default_upload_profile_id="thumbs",
        expire_time=Timestamp(seconds=10**15),
    )
    assert wrong_fields(lambda: new_key_from(message)) == [
        "api_key.user_id",
        "api_key.display_name",
        "api_key.default_upload_profile_id",
        "api_key.expire_time",
    ]


def test_grants_and_roles_have_a_number_that_fits_a_call() -> None:
    many = [GrantMessage(permission=permission_pb2.PERMISSION_IMAGE_READ)] * 101
    role = role_pb2.Role(short_name="r", grants=many)
    assert wrong_fields(lambda: new_role_from(role)) == ["role.grants"]
    user = user_pb2.User(email="a@b", role_ids=[ROLE] * 21)
    assert wrong_fields(lambda: new_user_from(user)) == ["user.role_ids"]


def test_services_that_act_for_nobody_are_no_callers() -> None:
    with pytest.raises(Unauthenticated):
        caller_from(Principal(service="catalog"))


def test_identity_becomes_principal_and_caller() -> None:
    identity = Identity(
        team_id=new_id(TeamId),
        user_id=USER,
        key_id=new_id(KeyId),
        grants=(Grant(permission=Permission.IMAGE_READ, project_id=PROJECT),),
        default_upload_profile_id=new_id(UploadProfileId),
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    principal = principal_from(identity)
    assert principal.allows("image:read", PROJECT)
    assert not principal.allows("image:read")
    assert principal.default_upload_profile_id == identity.default_upload_profile_id
    caller = caller_from(principal)
    assert (caller.team_id, caller.key_id, caller.grants) == (
        identity.team_id,
        identity.key_id,
        identity.grants,
    )
    message = identity_message(identity)
    assert message.expire_time.ToDatetime(UTC) == identity.expires_at
    assert [grant.project_id for grant in message.grants] == [PROJECT]


def test_absent_times_stay_absent() -> None:
    identity = Identity(
        team_id=new_id(TeamId),
        user_id=USER,
        key_id=new_id(KeyId),
        grants=(),
        default_upload_profile_id=None,
        expires_at=None,
    )
    message: Message = identity_message(identity)
    assert not message.HasField("expire_time")
