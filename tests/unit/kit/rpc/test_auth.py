"""Grants, permissions, principals and access rules."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from picstore.auth.v1 import authentication_pb2
from picstore.options.v1 import permission_pb2
from picstore_kit.errors import PermissionDenied, Reason, Unauthenticated
from picstore_kit.ids import KeyId, ProjectId, TeamId, UploadProfileId, UserId
from picstore_kit.rpc.auth import (
    ALL_PROJECTS,
    AccessRule,
    Audience,
    Grant,
    Principal,
    access_rules,
    permission_name,
    permission_number,
    principal_from_proto,
    principal_to_proto,
    require_principal,
)

ONE, TWO = ProjectId("prj_1"), ProjectId("prj_2")


def _principal(*grants: tuple[str, ProjectId | None]) -> Principal:
    return Principal(
        team_id=TeamId("tem_1"),
        user_id=UserId("usr_1"),
        key_id=KeyId("key_1"),
        grants=tuple(
            Grant(permission=permission, project_id=project_id) for permission, project_id in grants
        ),
        default_upload_profile_id=UploadProfileId("upr_1"),
    )


@pytest.mark.parametrize(
    ("grants", "projects", "on_one", "on_two", "on_team"),
    [
        ([], (), False, False, False),
        ([("image:read", ONE)], (ONE,), True, False, False),
        ([("image:read", ONE), ("image:read", TWO)], (ONE, TWO), True, True, False),
        ([("image:read", None)], ALL_PROJECTS, True, True, True),
        ([("image:read", ONE), ("image:read", None)], ALL_PROJECTS, True, True, True),
        ([("image:edit", None)], (), False, False, False),
        ([("team:admin", None)], ALL_PROJECTS, True, True, True),
        ([("team:admin", ONE)], (ONE,), True, False, False),
    ],
)
def test_grants_decide(
    grants: list[tuple[str, ProjectId | None]],
    projects: Any,
    on_one: bool,
    on_two: bool,
    on_team: bool,
) -> None:
    principal = _principal(*grants)
    assert principal.project_ids("image:read") == projects
    assert principal.allows("image:read", ONE) is on_one
    assert principal.allows("image:read", TWO) is on_two
    assert principal.allows("image:read") is on_team


@pytest.mark.parametrize("number", permission_pb2.Permission.values())
def test_permission_names_are_reversible(
    number: permission_pb2.Permission.ValueType,
) -> None:
    assert permission_number(permission_name(number)) == number


def test_permission_is_named_as_people_write_it() -> None:
    name = permission_name(permission_pb2.PERMISSION_CONVERSION_PROFILE_WRITE)
    assert name == "conversion_profile:write"
    with pytest.raises(ValueError, match="FLY"):
        permission_number("image:fly")


def test_principal_survives_the_wire() -> None:
    principal = _principal(("image:read", ONE), ("team:admin", None))
    assert principal_from_proto(principal_to_proto(principal)) == principal
    assert principal_from_proto(principal_to_proto(principal), service="upload").service == "upload"
    assert principal_from_proto(authentication_pb2.Principal()) == Principal()


def test_permission_that_only_a_newer_auth_knows_is_dropped() -> None:
    grant = authentication_pb2.Grant.FromString(b"\x08\xe7\x07")  # permission 999
    assert principal_from_proto(authentication_pb2.Principal(grants=[grant])).grants == ()


def test_nobody_is_no_principal() -> None:
    with pytest.raises(Unauthenticated):
        require_principal()


USER, SERVICE = _principal(), Principal(service="upload")
FOR_USER = Principal(service="upload", team_id=TeamId("tem_1"))


@pytest.mark.parametrize(
    ("audience", "permission", "refused"),
    [
        (Audience.PUBLIC, None, []),
        (Audience.CALLER, None, [None, SERVICE]),
        (Audience.PERMISSION, "image:read", [None, SERVICE]),
        (Audience.SERVICE, None, [None, USER]),
        (Audience.SERVICE, "image:create", [None, USER, SERVICE]),
    ],
)
def test_audience_decides_who_is_admitted(
    audience: Audience, permission: str | None, refused: list[Principal | None]
) -> None:
    rule = AccessRule(
        method="/s/M", audience=audience, permission=permission, services=frozenset({"upload"})
    )
    for principal in (None, USER, SERVICE, FOR_USER):
        if principal in refused:
            with pytest.raises((Unauthenticated, PermissionDenied)) as caught:
                rule.admit(principal)
            assert caught.value.reason is not Reason.PERMISSION_MISSING
        else:
            rule.admit(principal)


def test_a_service_that_is_not_named_is_no_better_than_a_stranger() -> None:
    rule = AccessRule(method="/s/M", audience=Audience.SERVICE, services=frozenset({"operator"}))
    rule.admit(Principal(service="operator"))
    with pytest.raises(PermissionDenied) as caught:
        rule.admit(SERVICE)
    assert caught.value.reason is Reason.SERVICE_ONLY


def test_rules_come_from_the_contract() -> None:
    service = "picstore.auth.v1.AuthenticationService"
    rules = access_rules([service])
    authenticate = rules[f"/{service}/Authenticate"]
    assert (authenticate.audience, authenticate.permission) == (Audience.SERVICE, None)
    assert rules[f"/{service}/GetPrincipal"].audience is Audience.CALLER


def test_method_that_does_not_say_who_may_call_it_is_an_error() -> None:
    file = descriptor_pb2.FileDescriptorProto(
        name="picstore/test/v1/mute.proto", package="picstore.test.v1", syntax="proto3"
    )
    file.message_type.add(name="Mute")
    file.service.add(name="MuteService").method.add(
        name="Call", input_type=".picstore.test.v1.Mute", output_type=".picstore.test.v1.Mute"
    )
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    with pytest.raises(ValueError, match="MuteService/Call does not say"):
        access_rules(["picstore.test.v1.MuteService"])
