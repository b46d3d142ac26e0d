"""Between the contract's messages and the model's values, both ways.

From a message: `…_from` checks what needs no database and names every wrong field at once. To a
message: `…_message`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from picstore.auth.v1 import api_key_pb2, authentication_pb2, role_pb2, team_pb2, user_pb2
from picstore.options.v1 import permission_pb2
from picstore_auth.model import (
    Caller,
    Grant,
    Grants,
    Identity,
    Key,
    NewKey,
    NewRole,
    NewUser,
    Permission,
    Role,
    RoleUpdate,
    SigningKey,
    Team,
    User,
    UserUpdate,
    display_name_fault,
    email_fault,
    etag_of,
    grant_fault,
    grants_fault,
    normalised,
    roles_fault,
    short_name_fault,
)
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.ids import ProjectId, RoleId, UploadProfileId, UserId
from picstore_kit.rpc import auth as rpc_auth
from picstore_kit.rpc.auth import Principal, permission_name, permission_number
from picstore_kit.violations import Violations, all_at_once

_ALL_FIELDS = "*"


def caller_from(principal: Principal) -> Caller:
    """Return the member of a team that a principal is, or acts for.

    Raises:
        Unauthenticated: It is a service that acts for nobody.
    """
    if principal.team_id is None:
        raise Unauthenticated(
            Reason.CREDENTIAL_MISSING, "this needs the credential of a user, not of a service"
        )
    return Caller(
        team_id=principal.team_id,
        user_id=principal.user_id,
        key_id=principal.key_id,
        grants=normalised(
            Grant(permission=Permission(grant.permission), project_id=grant.project_id)
            for grant in principal.grants
        ),
    )


def principal_from(identity: Identity) -> Principal:
    """Return the principal that an API key makes its caller."""
    return Principal(
        team_id=identity.team_id,
        user_id=identity.user_id,
        key_id=identity.key_id,
        grants=tuple(
            rpc_auth.Grant(permission=grant.permission, project_id=grant.project_id)
            for grant in identity.grants
        ),
        default_upload_profile_id=identity.default_upload_profile_id,
    )


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
        fields = _masked(
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


def new_role_from(message: role_pb2.Role) -> NewRole:
    """Read a role to add.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        violations.add("role.short_name", short_name_fault(message.short_name))
        violations.add("role.display_name", display_name_fault(message.display_name))
        grants = _grants_from(message.grants, "role.grants", violations)
    return NewRole(short_name=message.short_name, display_name=message.display_name, grants=grants)


def role_update_from(request: role_pb2.UpdateRoleRequest) -> RoleUpdate:
    """Read what to change of a role.

    Raises:
        InvalidFields: Fields, or paths of the mask, are wrong.
    """
    role = request.role
    with all_at_once() as violations:
        role_id = violations.id(RoleId, role.id, "role.id")
        fields = _masked(role, request.update_mask, ("display_name", "grants"), violations)
        if "display_name" in fields:
            violations.add("role.display_name", display_name_fault(role.display_name))
        grants = (
            _grants_from(role.grants, "role.grants", violations) if "grants" in fields else None
        )
    return RoleUpdate(
        role_id=role_id,
        etag=role.etag,
        display_name=role.display_name if "display_name" in fields else None,
        grants=grants,
    )


def new_key_from(message: api_key_pb2.ApiKey) -> NewKey:
    """Read an API key to make.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        user_id = violations.id(UserId, message.user_id, "api_key.user_id")
        violations.add("api_key.display_name", display_name_fault(message.display_name))
        grants = _grants_from(message.grants, "api_key.grants", violations)
        if message.inherit and message.grants:
            violations.add("api_key.grants", "must be empty where the key inherits")
        if not message.inherit and not message.grants:
            violations.add("api_key.grants", "must not be empty where the key does not inherit")
        profile_id = violations.optional_id(
            UploadProfileId,
            message.default_upload_profile_id,
            "api_key.default_upload_profile_id",
        )
        expires_at = optional_time_from(message, "expire_time", "api_key.expire_time", violations)
    return NewKey(
        user_id=user_id,
        display_name=message.display_name,
        inherit=message.inherit,
        grants=grants,
        default_upload_profile_id=profile_id,
        expires_at=expires_at,
    )


def optional_time_from(
    message: Message, name: str, path: str, violations: Violations
) -> datetime | None:
    """Read a timestamp that may be absent; to the microsecond, as Postgres keeps it."""
    if not message.HasField(name):
        return None
    timestamp: Timestamp = getattr(message, name)
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        violations.add(path, "must be a time between the years 1 and 9999")
        return None


def identity_message(identity: Identity) -> authentication_pb2.Principal:
    """Write whose an API key is."""
    return authentication_pb2.Principal(
        team_id=identity.team_id,
        user_id=identity.user_id,
        key_id=identity.key_id,
        grants=_grant_messages(identity.grants),
        default_upload_profile_id=identity.default_upload_profile_id or "",
        expire_time=_optional_timestamp(identity.expires_at),
    )


def signing_key_message(key: SigningKey) -> authentication_pb2.SigningKey:
    """Write a public key."""
    return authentication_pb2.SigningKey(
        key_id=key.id, public_key=key.public_key, expire_time=timestamp_message(key.expires_at)
    )


def team_message(team: Team) -> team_pb2.Team:
    """Write a team."""
    return team_pb2.Team(
        id=team.id,
        short_name=team.short_name,
        display_name=team.display_name,
        create_time=timestamp_message(team.created_at),
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
    )


def role_message(role: Role) -> role_pb2.Role:
    """Write a role."""
    return role_pb2.Role(
        id=role.id,
        short_name=role.short_name,
        display_name=role.display_name,
        grants=_grant_messages(role.grants),
        etag=etag_of(role.revision),
        create_time=timestamp_message(role.created_at),
        update_time=timestamp_message(role.updated_at),
    )


def key_message(key: Key) -> api_key_pb2.ApiKey:
    """Write what is known of an API key."""
    return api_key_pb2.ApiKey(
        id=key.id,
        user_id=key.user_id,
        display_name=key.display_name,
        inherit=key.inherit,
        grants=_grant_messages(key.grants),
        default_upload_profile_id=key.default_upload_profile_id or "",
        expire_time=_optional_timestamp(key.expires_at),
        revoke_time=_optional_timestamp(key.revoked_at),
        create_time=timestamp_message(key.created_at),
        last_use_time=_optional_timestamp(key.last_used_at),
    )


def timestamp_message(time: datetime) -> Timestamp:
    """Write a moment."""
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def permission_from(
    number: permission_pb2.Permission.ValueType, path: str, violations: Violations
) -> Permission | None:
    """Read a permission; None, and noted, if it is none that can be granted."""
    if number not in permission_pb2.Permission.values() or not number:
        violations.add(path, "must be one of the permissions")
        return None
    return Permission(permission_name(number))


def _optional_timestamp(time: datetime | None) -> Timestamp | None:
    return timestamp_message(time) if time is not None else None


def _role_ids_from(role_ids: Collection[str], violations: Violations) -> tuple[RoleId, ...]:
    violations.add("user.role_ids", roles_fault(role_ids))
    return tuple(
        violations.id(RoleId, role_id, f"user.role_ids[{index}]")
        for index, role_id in enumerate(role_ids)
    )


def _grants_from(
    messages: Collection[authentication_pb2.Grant], path: str, violations: Violations
) -> Grants:
    violations.add(path, grants_fault(messages))
    grants = []
    for index, message in enumerate(messages):
        place = f"{path}[{index}]"
        permission = permission_from(message.permission, f"{place}.permission", violations)
        project_id = violations.optional_id(ProjectId, message.project_id, f"{place}.project_id")
        if permission is not None:
            grant = Grant(permission=permission, project_id=project_id)
            violations.add(f"{place}.project_id", grant_fault(grant))
            grants.append(grant)
    return normalised(grants)


def _grant_messages(grants: Grants) -> list[authentication_pb2.Grant]:
    return [
        authentication_pb2.Grant(
            permission=permission_number(grant.permission), project_id=grant.project_id or ""
        )
        for grant in grants
    ]


def _masked(
    message: Message, mask: FieldMask, changeable: Collection[str], violations: Violations
) -> frozenset[str]:
    """Return the fields to change: those of the mask, or without one those that are set."""
    if not mask.paths:
        present = {field.name for field, _ in message.ListFields()}
        return frozenset(present.intersection(changeable))
    if list(mask.paths) == [_ALL_FIELDS]:
        return frozenset(changeable)
    for index, path in enumerate(mask.paths):
        if path not in changeable:
            violations.add(f"update_mask.paths[{index}]", f"must be one of {', '.join(changeable)}")
    return frozenset(mask.paths)
