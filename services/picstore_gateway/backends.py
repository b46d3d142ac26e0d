"""The services behind the gateway, called by the names in the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Final

import grpc.aio
from google.protobuf.message import Message

from picstore_gateway.routes import Route

CALL_TIMEOUT_S: Final = 30.0

credential: ContextVar[str | None] = ContextVar("credential", default=None)
"""The bearer credential of the HTTP request that is being served, passed on as it came."""


class Backends:
    """Makes calls without generated stubs: the route says all that is needed."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel]) -> None:
        """`channels` are by the full name of the service that is called through each."""
        self._channels = dict(channels)

    async def call(self, route: Route, request: Message) -> Message:
        """Make a plain call.

        Raises:
            PicstoreError: As the service raised it.
        """
        method = self._channel(route).unary_unary(
            route.rpc_path,
            request_serializer=route.request_class.SerializeToString,
            response_deserializer=route.response_class.FromString,
        )
        response: Message = await method(request, timeout=CALL_TIMEOUT_S)
        return response

    async def send(self, route: Route, requests: AsyncIterator[Message]) -> Message:
        """Make a call that takes a stream of messages.

        Raises:
            PicstoreError: As the service raised it, which may be before the stream has ended.
        """
        method = self._channel(route).stream_unary(
            route.rpc_path,
            request_serializer=route.request_class.SerializeToString,
            response_deserializer=route.response_class.FromString,
        )
        response: Message = await method(requests)
        return response

    def _channel(self, route: Route) -> grpc.aio.Channel:
        return self._channels[route.method.containing_service.full_name]
