"""Public keys of service tokens."""

from __future__ import annotations

from picstore.auth.v1 import authentication_pb2
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_auth.model.signing_key import SigningKey


def signing_key_message(key: SigningKey) -> authentication_pb2.SigningKey:
    """Write a public key."""
    return authentication_pb2.SigningKey(
        key_id=key.id, public_key=key.public_key, expire_time=timestamp_message(key.expires_at)
    )
