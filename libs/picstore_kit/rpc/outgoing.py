"""What is done around every outgoing call: context, deadline, credentials, and errors back.

gRPC wants one interceptor object per kind of call; the four here differ only in how an answer is
awaited and share an `OutgoingCalls`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from picstore_kit.errors import DeadlineExceeded, Reason
from picstore_kit.rpc.credentials import Credentials
from picstore_kit.rpc.deadline import remaining_s
from picstore_kit.rpc.origin import forwarding
from picstore_kit.rpc.status import from_rpc_error
from picstore_kit.telemetry import inject

Details = grpc.aio.ClientCallDetails
Requests = AsyncIterable[Any] | Iterable[Any]

_MARGIN_S: Final = 0.05
"""Kept of the caller's time, to answer it that ours was not enough."""
_LOOK_AGAIN_S: Final = 0.02
_NOT_CONNECTED: Final = frozenset(
    {
        grpc.ChannelConnectivity.IDLE,
        grpc.ChannelConnectivity.CONNECTING,
        grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    }
)


class OutgoingCalls:
    """Prepares calls: adds trace context, request id and origin, an end, and who calls."""

    def __init__(
        self,
        *,
        credentials: Credentials | None,
        timeout_s: float,
        stream_timeout_s: float,
        patience_s: float = 0.0,
    ) -> None:
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._stream_timeout_s = stream_timeout_s
        self._patience_s = patience_s
        self._channel: grpc.aio.Channel | None = None

    def watch(self, channel: grpc.aio.Channel) -> None:
        """Make no call while `channel` has no connection, until patience has run out.

        gRPC refuses a call at once while it backs off from connecting, also when the server has
        come back meanwhile: then every replacement of a server would be seen by those who call.
        Its own `wait_for_ready` has no end but the call's, so a server that is gone for good would
        be found out late, and as a deadline.
        """
        self._channel = channel

    async def prepare(self, details: Details, *, streaming: bool = False) -> Details:
        """Return the details with which the call is really made.

        Raises:
            DeadlineExceeded: The call that this one is made for has no time left.
            Unavailable: The credentials cannot be had.
        """
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        headers: dict[str, str] = {}
        inject(headers)
        for key, value in (*headers.items(), *forwarding()):
            if metadata.get(key) is None:
                metadata.add(key, value)
        if self._credentials is not None:
            for name, credential in await self._credentials.metadata():
                metadata.add(name, credential)
        default = self._stream_timeout_s if streaming else self._timeout_s
        timeout_s = details.timeout or default
        await self._connected(_clip_to_budget(timeout_s, details) / 2)
        return Details(
            details.method,
            _clip_to_budget(timeout_s, details),
            metadata,
            details.credentials,
            details.wait_for_ready,
        )

    async def _connected(self, at_most_s: float) -> None:
        if self._channel is None:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + min(self._patience_s, at_most_s)
        # Looked at again and again because gRPC's wait for a change of state cannot be called off.
        while self._channel.get_state(try_to_connect=True) in _NOT_CONNECTED and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN_S)

    def interceptors(self) -> list[grpc.aio.ClientInterceptor]:
        """Return an interceptor for each kind of call."""
        return [_UnaryUnary(self), _UnaryStream(self), _StreamUnary(self), _StreamStream(self)]


def service_of(details: Details) -> str:
    """Return the full name of the service that is called."""
    method: str | bytes = details.method  # bytes in fact, text by the stubs
    text = method.decode() if isinstance(method, bytes) else method
    return text.rpartition("/")[0].lstrip("/")


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, calls: OutgoingCalls) -> None:
        self._calls = calls

    async def intercept_unary_unary(
        self,
        continuation: Callable[[Details, Any], Awaitable[Any]],
        client_call_details: Details,
        request: Any,
    ) -> Any:
        details = await self._calls.prepare(client_call_details)
        call = await continuation(details, _repeatable(request))
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, service=service_of(details)) from error


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, calls: OutgoingCalls) -> None:
        self._calls = calls

    async def intercept_unary_stream(
        self,
        continuation: Callable[[Details, Any], Awaitable[Any]],
        client_call_details: Details,
        request: Any,
    ) -> Any:
        details = await self._calls.prepare(client_call_details, streaming=True)
        return _responses(await continuation(details, request), service_of(details))


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, calls: OutgoingCalls) -> None:
        self._calls = calls

    async def intercept_stream_unary(
        self,
        continuation: Callable[[Details, Requests], Awaitable[Any]],
        client_call_details: Details,
        request_iterator: Requests,
    ) -> Any:
        details = await self._calls.prepare(client_call_details, streaming=True)
        return _TranslatedCall(await continuation(details, request_iterator), service_of(details))


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, calls: OutgoingCalls) -> None:
        self._calls = calls

    async def intercept_stream_stream(
        self,
        continuation: Callable[[Details, Requests], Awaitable[Any]],
        client_call_details: Details,
        request_iterator: Requests,
    ) -> Any:
        details = await self._calls.prepare(client_call_details, streaming=True)
        return _responses(await continuation(details, request_iterator), service_of(details))


class _TranslatedCall:
    """A call that takes a stream; whoever awaits its response gets our errors."""

    def __init__(self, call: Any, service: str) -> None:
        self._call = call
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._call.__await__())
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, service=self._service) from error


async def _responses(call: Any, service: str) -> AsyncIterator[Any]:
    try:
        async for response in call:
            yield response
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, service=service) from error
    finally:
        call.cancel()  # of use only where nobody reads to the end


def _clip_to_budget(timeout_s: float, details: Details) -> float:
    remaining = remaining_s()
    if remaining is None:
        return timeout_s
    if remaining <= _MARGIN_S:
        raise DeadlineExceeded(
            Reason.DEADLINE_EXCEEDED,
            "no time was left to ask another service",
            metadata={"service": service_of(details)},
        )
    return min(timeout_s, remaining - _MARGIN_S)


def _repeatable(request: Message) -> Message:
    """Return the request with a `request_id`, so that gRPC may send it twice for one effect."""
    field = request.DESCRIPTOR.fields_by_name.get("request_id")
    if field is None or getattr(request, field.name):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    setattr(copy, field.name, str(uuid.uuid4()))
    return copy
