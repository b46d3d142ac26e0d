"""Users."""

from __future__ import annotations

from collections.abc import Collection

from picstore.auth.v1 import user_pb2
from picstore_auth.mapping.field_mask import masked_fields
from picstore_auth.mapping.timestamp import optional_timestamp, timestamp_message
from picstore_auth.model.text import display_name_fault, email_fault, etag_of
from picstore_auth.model.user import NewUser, User, UserUpdate, roles_fault
from picstore_kit.ids import RoleId, UserId
from picstore_kit.violations import Violations, all_at_once


def new_user_from(message: user_pb2.User) -> NewUser:
    """Read a user to add.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        violations.add("user.email", email_fault(message.email))
        violations.add("user.display_name", display_name_fault(message.display_name))
        role_ids = _role_ids_from(message.role_ids, violations)
    return NewUser(
        email=message.email,
        display_name=message.display_name,
        role_ids=role_ids,
        disabled=message.disabled,
    )


def user_update_from(request: user_pb2.UpdateUserRequest) -> UserUpdate:
    """Read what to change of a user.

    Raises:
        InvalidFields: Fields, or paths of the mask, are wrong.
    """
    user = request.user
    with all_at_once() as violations:
        user_id = violations.id(UserId, user.id, "user.id")
        fields = masked_fields(
            user, request.update_mask, ("display_name", "role_ids", "disabled"), violations
        )
        if "display_name" in fields:
            violations.add("user.display_name", display_name_fault(user.display_name))
        role_ids = _role_ids_from(user.role_ids, violations) if "role_ids" in fields else None
    return UserUpdate(
        user_id=user_id,
        etag=user.etag,
        display_name=user.display_name if "display_name" in fields else None,
        role_ids=role_ids,
        disabled=user.disabled if "disabled" in fields else None,
    )


def user_message(user: User) -> user_pb2.User:
    """Write a user."""
    return user_pb2.User(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        role_ids=user.role_ids,
        disabled=user.disabled,
        etag=etag_of(user.revision),
        create_time=timestamp_message(user.created_at),
        update_time=timestamp_message(user.updated_at),
        has_password=user.has_password,
        last_login_time=optional_timestamp(user.last_login_at),
    )


def _role_ids_from(role_ids: Collection[str], violations: Violations) -> tuple[RoleId, ...]:
    violations.add("user.role_ids", roles_fault(role_ids))
    return tuple(
        violations.id(RoleId, role_id, f"user.role_ids[{index}]")
        for index, role_id in enumerate(role_ids)
    )
