"""A gRPC server that answers as it is told and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_status import rpc_status

from picstore_gateway.app import public_routes
from picstore_gateway.routes import Route
from picstore_kit.errors import PicstoreError
from picstore_kit.rpc.status import to_status

Answer = Message | PicstoreError
Decide = Callable[[Message], Answer | None]
"""Returns the answer after a message of a stream, or None to read on."""


@dataclass(kw_only=True)
class Call:
    """One call that came."""

    metadata: dict[str, str]
    remaining_s: float | None = None
    """Until the deadline that the caller set."""
    requests: list[Any] = field(default_factory=list)
    """All messages, in order."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def request(self) -> Any:
        """The only message."""
        (request,) = self.requests
        return request

    @property
    def whole(self) -> bool:
        """Whether an upload came to its end; one without is to be forgotten."""
        return bool(self.requests[-1].HasField("end"))

    @property
    def file(self) -> bytes:
        """The bytes in the chunks of an upload."""
        return b"".join(message.chunk.data for message in self.requests)


class Backend(grpc.GenericRpcHandler):
    """All public services; what it is not told to answer it answers with an empty response."""

    def __init__(self) -> None:
        self._routes = {route.rpc_path: route for route in public_routes()}
        self._answers: dict[str, Answer] = {}
        self._decisions: dict[str, Decide] = {}
        self._streams: dict[str, list[tuple[Answer, ...]]] = {}
        self._endless: set[str] = set()
        self.calls: dict[str, Call] = {}
        self.counts: Counter[str] = Counter()
        """How often a method that streams was called."""
        self.called = asyncio.Event()
        self.stopping = asyncio.Event()
        """Set by a test to tell the gateway in front that it is to stop."""

    def answer(self, method: str, answer: Answer) -> None:
        """Answer `method` (its plain name) so."""
        self._answers[method] = answer

    def decide(self, method: str, decide: Decide) -> None:
        """Ask after every message of a stream whether to answer already."""
        self._decisions[method] = decide

    def stream(self, method: str, answers: Iterable[Answer], *, endless: bool = False) -> None:
        """Answer a method that streams so; with `endless`, say nothing more and do not end."""
        self.streams(method, answers)
        if endless:
            self._endless.add(method)

    def streams(self, method: str, *answers: Iterable[Answer]) -> None:
        """Answer one call after the other with the next of the streams, and then with the last."""
        self._streams[method] = [tuple(each) for each in answers]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a method."""
        route = self._routes.get(str(handler_call_details.method))
        if route is None:
            return None
        kinds: dict[str, Any] = {
            "request_deserializer": route.request_class.FromString,
            "response_serializer": route.response_class.SerializeToString,
        }
        if route.takes_bytes:
            return grpc.stream_unary_rpc_method_handler(self._receive(route), **kinds)
        if route.streams:
            return grpc.unary_stream_rpc_method_handler(self._tell(route), **kinds)
        return grpc.unary_unary_rpc_method_handler(self._respond(route), **kinds)

    def _begin(self, route: Route, context: grpc.aio.ServicerContext[Any, Any]) -> Call:
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        call = self.calls[route.method.name] = Call(
            metadata=metadata, remaining_s=context.time_remaining()
        )
        self.called.set()
        return call

    def _respond(self, route: Route) -> Callable[..., Any]:
        async def respond(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            self._begin(route, context).requests.append(request)
            return await self._finish(route, None, context)

        return respond

    def _tell(self, route: Route) -> Callable[..., Any]:
        async def tell(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            call = self._begin(route, context)
            call.requests.append(request)
            self.counts[route.method.name] += 1
            try:
                streams = self._streams.get(route.method.name, [()])
                for answer in streams.pop(0) if len(streams) > 1 else streams[0]:
                    await context.write(await self._finish(route, answer, context))
                if route.method.name in self._endless:
                    await asyncio.Event().wait()
            finally:
                call.ended.set()

        return tell

    def _receive(self, route: Route) -> Callable[..., Any]:
        async def receive(
            requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
        ) -> Message:
            call = self._begin(route, context)
            decide = self._decisions.get(route.method.name)
            try:
                async for request in requests:
                    call.requests.append(request)
                    answer = decide(request) if decide is not None else None
                    if answer is not None:
                        return await self._finish(route, answer, context)
                return await self._finish(route, None, context)
            finally:
                call.ended.set()

        return receive

    async def _finish(
        self, route: Route, answer: Answer | None, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Message:
        answer = answer or self._answers.get(route.method.name, route.response_class())
        if isinstance(answer, PicstoreError):
            abort: Any = context.abort_with_status  # without types in the stubs
            await abort(rpc_status.to_status(to_status(answer)))
        assert isinstance(answer, Message)
        return answer
