"""Roles."""

from __future__ import annotations

from picstore.auth.v1 import role_pb2
from picstore_auth.mapping.field_mask import masked_fields
from picstore_auth.mapping.grant import grant_messages, grants_from
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.model.role import NewRole, Role, RoleUpdate
from picstore_auth.model.text import display_name_fault, etag_of, short_name_fault
from picstore_kit.ids import RoleId
from picstore_kit.violations import all_at_once


def new_role_from(message: role_pb2.Role) -> NewRole:
    """Read a role to add.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        violations.add("role.short_name", short_name_fault(message.short_name))
        violations.add("role.display_name", display_name_fault(message.display_name))
        grants = grants_from(message.grants, "role.grants", violations)
    return NewRole(short_name=message.short_name, display_name=message.display_name, grants=grants)


def role_update_from(request: role_pb2.UpdateRoleRequest) -> RoleUpdate:
    """Read what to change of a role.

    Raises:
        InvalidFields: Fields, or paths of the mask, are wrong.
    """
    role = request.role
    with all_at_once() as violations:
        role_id = violations.id(RoleId, role.id, "role.id")
        fields = masked_fields(role, request.update_mask, ("display_name", "grants"), violations)
        if "display_name" in fields:
            violations.add("role.display_name", display_name_fault(role.display_name))
        grants = grants_from(role.grants, "role.grants", violations) if "grants" in fields else None
    return RoleUpdate(
        role_id=role_id,
        etag=role.etag,
        display_name=role.display_name if "display_name" in fields else None,
        grants=grants,
    )


def role_message(role: Role) -> role_pb2.Role:
    """Write a role."""
    return role_pb2.Role(
        id=role.id,
        short_name=role.short_name,
        display_name=role.display_name,
        grants=grant_messages(role.grants),
        etag=etag_of(role.revision),
        create_time=timestamp_message(role.created_at),
        update_time=timestamp_message(role.updated_at),
    )
