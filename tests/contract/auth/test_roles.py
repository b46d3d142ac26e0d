"""Roles of the directory over the wire: answers, and each reason for which they are refused."""

from __future__ import annotations

import uuid

from picstore.auth.v1 import role_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import (
    PERMISSION_IMAGE_EDIT,
    PERMISSION_IMAGE_READ,
    PERMISSION_PROJECT_CREATE,
    PERMISSION_TEAM_READ,
)
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidFields,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ProjectId, new_id
from tests.contract.auth.calls import create_role, refusal, update_role
from tests.contract.auth.catalog import Catalog
from tests.contract.auth.clients import Client, Team


async def test_created_role_is_found_again(admin: Client, catalog: Catalog) -> None:
    project_id = catalog.project()
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
    found = await admin.roles.GetRole(role_pb2.GetRoleRequest(role_id=made.id))
    assert found == made
    listed = await admin.roles.ListRoles(role_pb2.ListRolesRequest())
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
    request = role_pb2.CreateRoleRequest(
        role=role_pb2.Role(short_name="viewer"), request_id=str(uuid.uuid4())
    )
    first = await admin.roles.CreateRole(request)
    assert await admin.roles.CreateRole(request) == first
    request.role.short_name = "other"
    error = await refusal(admin.roles.CreateRole(request))
    assert error.reason is Reason.REQUEST_ID_REUSED


async def test_nobody_makes_a_role_above_their_own(team: Team, catalog: Catalog) -> None:
    grant = Grant(permission=PERMISSION_IMAGE_EDIT, project_id=catalog.project())
    error = await refusal(create_role(team["writer"], "editor", grant))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "image:edit"}
    assert error.resource is not None
    assert error.resource.name == grant.project_id


async def test_update_of_a_role_needs_only_what_it_changes(admin: Client) -> None:
    made = await create_role(admin, "viewer", Grant(permission=PERMISSION_IMAGE_READ))
    role = role_pb2.Role(id=made.id, etag=made.etag, display_name="Viewers")
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
    listed = await admin.roles.ListRoles(role_pb2.ListRolesRequest())
    (role,) = [role for role in listed.roles if role.short_name == "writer"]
    del role.grants[:]
    await update_role(admin, role, "grants")
    error = await refusal(team["writer"].roles.ListRoles(role_pb2.ListRolesRequest()))
    assert isinstance(error, PermissionDenied)
