"""API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from picstore.auth.v1 import api_key_pb2
from picstore_auth.mapping.duration import duration_from
from picstore_auth.mapping.field_mask import masked_fields
from picstore_auth.mapping.grant import grant_messages, grants_from
from picstore_auth.mapping.timestamp import (
    optional_time_from,
    optional_timestamp,
    timestamp_message,
)
from picstore_auth.model.api_key import MAX_OVERLAP, Key, KeyUpdate, NewKey
from picstore_auth.model.text import display_name_fault, etag_of
from picstore_kit.errors import InvalidField
from picstore_kit.ids import KeyId, UploadProfileId, UserId
from picstore_kit.violations import all_at_once

_CHANGEABLE: Final = (
    "display_name",
    "inherit",
    "grants",
    "default_upload_profile_id",
    "expire_time",
)


def new_key_from(message: api_key_pb2.ApiKey) -> NewKey:
    """Read an API key to make.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        user_id = violations.id(UserId, message.user_id, "api_key.user_id")
        violations.add("api_key.display_name", display_name_fault(message.display_name))
        grants = grants_from(message.grants, "api_key.grants", violations)
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


def key_update_from(request: api_key_pb2.UpdateApiKeyRequest) -> KeyUpdate:
    """Read what to change of an API key.

    Raises:
        InvalidFields: Fields, or paths of the mask, are wrong.
    """
    key = request.api_key
    with all_at_once() as violations:
        key_id = violations.id(KeyId, key.id, "api_key.id")
        fields = masked_fields(key, request.update_mask, _CHANGEABLE, violations)
        violations.add("api_key.display_name", display_name_fault(key.display_name))
        grants = grants_from(key.grants, "api_key.grants", violations)
        profile_id = violations.optional_id(
            UploadProfileId, key.default_upload_profile_id, "api_key.default_upload_profile_id"
        )
        expires_at = optional_time_from(key, "expire_time", "api_key.expire_time", violations)
    return KeyUpdate(
        key_id=key_id,
        etag=key.etag,
        fields=fields,
        display_name=key.display_name,
        inherit=key.inherit,
        grants=grants,
        default_upload_profile_id=profile_id,
        expires_at=expires_at,
    )


def overlap_from(request: api_key_pb2.RotateApiKeyRequest) -> timedelta:
    """Read how long a replaced key stays good.

    Raises:
        InvalidField: It is negative or too long.
    """
    overlap = duration_from(request.overlap)
    if overlap is None or not timedelta() <= overlap <= MAX_OVERLAP:
        raise InvalidField("overlap", f"must be between 0 and {MAX_OVERLAP.days} days")
    return overlap


def key_message(key: Key) -> api_key_pb2.ApiKey:
    """Write what is known of an API key."""
    return api_key_pb2.ApiKey(
        id=key.id,
        user_id=key.user_id,
        display_name=key.display_name,
        inherit=key.inherit,
        grants=grant_messages(key.grants),
        default_upload_profile_id=key.default_upload_profile_id or "",
        expire_time=optional_timestamp(key.expires_at),
        revoke_time=optional_timestamp(key.revoked_at),
        create_time=timestamp_message(key.created_at),
        last_use_time=optional_timestamp(key.last_used_at),
        etag=etag_of(key.revision),
        update_time=timestamp_message(key.updated_at),
    )
