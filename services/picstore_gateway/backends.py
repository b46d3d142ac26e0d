"""The services behind the gateway, called by the names in the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from picstore_gateway.routes import Route
from picstore_kit.errors import Internal, PicstoreError
from picstore_kit.rpc.status import from_rpc_error

T = TypeVar("T")

_CALL_TIMEOUT_S: Final = 30.0
_LONG_CALLS_S: Final = {"picstore.upload.v1.UploadService.CompleteUpload": 60.0}
"""Timeouts of methods that have more to do: an upload is read and checked to be completed."""
_WAIT: Final = "wait"
"""The request field that says how long a call may take on purpose."""
_LONGEST_WAIT_S: Final = 60.0

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
        timeout_s = _LONG_CALLS_S.get(route.method.full_name, _CALL_TIMEOUT_S)
        response: Message = await method(request, timeout=timeout_s + _wait_s(request))
        return response

    async def listen(self, route: Route, request: Message) -> AsyncGenerator[Message, None]:
        """Make a call that answers with a stream of messages; closing the generator ends it.

        Raises:
            PicstoreError: As the service raised it.
        """
        method = self._channel(route).unary_stream(
            route.rpc_path,
            request_serializer=route.request_class.SerializeToString,
            response_deserializer=route.response_class.FromString,
        )
        call = method(request)
        try:
            async for response in call:
                yield response
        finally:
            call.cancel()

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
        call = method(requests)
        told = _Told(call)
        try:
            response: Message = await call
        except Internal as error:
            raise told.error(_service_of(route)) or error from None
        return response

    def _channel(self, route: Route) -> grpc.aio.Channel:
        return self._channels[_service_of(route)]


def _wait_s(request: Message) -> float:
    """Return for how many seconds a request asks to wait; what is out of bounds, nobody waits."""
    wait = getattr(request, _WAIT, None)
    if not isinstance(wait, Duration):
        return 0.0
    return min(max(0.0, wait.seconds + wait.nanos / 1e9), _LONGEST_WAIT_S)


def _service_of(route: Route) -> str:
    return str(route.method.containing_service.full_name)


class _Told:
    """What a service answered with while it was still being sent to.

    A message that waits to be sent when the answer comes fails, and for that gRPC puts a status of
    its own (INTERNAL) in the place of the answer's. It calls back for each of the two.
    """

    def __init__(self, call: grpc.aio.StreamUnaryCall[Any, Any]) -> None:
        self._call = call
        self._status: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._on_status)

    def error(self, service: str) -> PicstoreError | None:
        """Return the service's error, if it told of one."""
        return from_rpc_error(self._status, service=service) if self._status is not None else None

    def _on_status(self, _: object) -> None:
        code = _at_once(self._call.code())
        if code is not grpc.StatusCode.INTERNAL:
            self._status = grpc.aio.AioRpcError(
                code,
                _at_once(self._call.initial_metadata()),
                _at_once(self._call.trailing_metadata()),
                _at_once(self._call.details()),
            )


def _at_once(ready: Coroutine[Any, Any, T]) -> T:
    """Return the result of what has not to wait for anything: a turn later it is another."""
    try:
        ready.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("a call that has ended made us wait")
