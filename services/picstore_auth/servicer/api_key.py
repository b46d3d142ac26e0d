"""ApiKeyService."""

from __future__ import annotations

from picstore.auth.v1 import api_key_pb2, api_key_pb2_grpc
from picstore_auth.mapping.api_key import (
    key_message,
    key_update_from,
    new_key_from,
    overlap_from,
)
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.keys import Keys
from picstore_kit.ids import KeyId, UserId, parse_id
from picstore_kit.rpc.call import Context


class ApiKeyServicer(api_key_pb2_grpc.ApiKeyServiceServicer):
    """Serves `ApiKeyService`."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def CreateApiKey(
        self, request: api_key_pb2.CreateApiKeyRequest, context: Context
    ) -> api_key_pb2.CreateApiKeyResponse:
        """Make an API key."""
        made = await self._keys.create_key(
            calling(), new_key_from(request.api_key), request_id=request.request_id
        )
        return api_key_pb2.CreateApiKeyResponse(
            api_key=key_message(made.key), credential=made.credential
        )

    async def GetApiKey(
        self, request: api_key_pb2.GetApiKeyRequest, context: Context
    ) -> api_key_pb2.ApiKey:
        """Return what is known of an API key."""
        key_id = parse_id(KeyId, request.api_key_id, field="api_key_id")
        return key_message(await self._keys.get_key(calling(), key_id))

    async def ListApiKeys(
        self, request: api_key_pb2.ListApiKeysRequest, context: Context
    ) -> api_key_pb2.ListApiKeysResponse:
        """List API keys."""
        user_id = parse_id(UserId, request.user_id, field="user_id") if request.user_id else None
        page = await self._keys.list_keys(
            calling(),
            user_id=user_id,
            live=request.live,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return api_key_pb2.ListApiKeysResponse(
            api_keys=[key_message(key) for key in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateApiKey(
        self, request: api_key_pb2.UpdateApiKeyRequest, context: Context
    ) -> api_key_pb2.ApiKey:
        """Change an API key."""
        return key_message(await self._keys.update_key(calling(), key_update_from(request)))

    async def RotateApiKey(
        self, request: api_key_pb2.RotateApiKeyRequest, context: Context
    ) -> api_key_pb2.RotateApiKeyResponse:
        """Replace an API key."""
        key_id = parse_id(KeyId, request.api_key_id, field="api_key_id")
        made = await self._keys.rotate_key(calling(), key_id, overlap=overlap_from(request))
        return api_key_pb2.RotateApiKeyResponse(
            api_key=key_message(made.key), credential=made.credential
        )

    async def RevokeApiKey(
        self, request: api_key_pb2.RevokeApiKeyRequest, context: Context
    ) -> api_key_pb2.ApiKey:
        """Revoke an API key."""
        key_id = parse_id(KeyId, request.api_key_id, field="api_key_id")
        return key_message(await self._keys.revoke_key(calling(), key_id))
