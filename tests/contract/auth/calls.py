"""Calls of the directory, and how they are refused."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.auth.v1 import api_key_pb2, role_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore_kit.errors import PicstoreError
from tests.contract.auth.clients import Client


async def refusal(answer: Awaitable[Message]) -> PicstoreError:
    """Await a call that fails; return its error."""
    with pytest.raises(PicstoreError) as caught:
        await answer
    return caught.value


async def create_user(client: Client, email: str, **fields: object) -> user_pb2.User:
    """Add a user with the given fields, among them perhaps a `request_id`."""
    request_id = str(fields.pop("request_id", ""))
    user = user_pb2.User(email=email, **fields)  # type: ignore[arg-type]  # any of its fields
    return await client.users.CreateUser(
        user_pb2.CreateUserRequest(user=user, request_id=request_id)
    )


async def create_role(client: Client, short_name: str, *grants: Grant) -> role_pb2.Role:
    role = role_pb2.Role(short_name=short_name, grants=grants)
    return await client.roles.CreateRole(role_pb2.CreateRoleRequest(role=role))


async def update_user(client: Client, user: user_pb2.User, *paths: str) -> user_pb2.User:
    return await client.users.UpdateUser(
        user_pb2.UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths))
    )


async def update_role(client: Client, role: role_pb2.Role, *paths: str) -> role_pb2.Role:
    return await client.roles.UpdateRole(
        role_pb2.UpdateRoleRequest(role=role, update_mask=FieldMask(paths=paths))
    )


async def update_key(client: Client, key: api_key_pb2.ApiKey, *paths: str) -> api_key_pb2.ApiKey:
    return await client.keys.UpdateApiKey(
        api_key_pb2.UpdateApiKeyRequest(api_key=key, update_mask=FieldMask(paths=paths))
    )


async def create_key(client: Client, key: api_key_pb2.ApiKey) -> api_key_pb2.CreateApiKeyResponse:
    return await client.keys.CreateApiKey(api_key_pb2.CreateApiKeyRequest(api_key=key))
