"""Puts interceptors around handlers of all four kinds, and nothing between them and the caller.

gRPC's own interceptors wrap handlers one by one, decode requests before the first of them runs and
report what goes wrong there with the exception's text. Here one wrapper takes the raw bytes: what
fails while decoding or encoding passes the interceptors like any other error.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from picstore_kit.errors import InvalidArgument, Reason, Unimplemented
from picstore_kit.rpc.call import Call, Context, Interceptor

# In quotes: only the stubs know that it is generic.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"
Behaviour = Callable[[Any, Context], Any]

_HANDLER_OF: Final[dict[tuple[bool, bool], Callable[..., Handler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class InterceptorChain(grpc.aio.ServerInterceptor):
    """The one interceptor that gRPC knows; it enters `interceptors` in their order."""

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        self._interceptors = tuple(interceptors)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return a handler that does what the method's does, surrounded by the interceptors."""
        handler = await continuation(handler_call_details)
        known = handler is not None
        if handler is None:
            handler = grpc.stream_stream_rpc_method_handler(_refuse_unknown_method)
        streaming = handler.request_streaming or handler.response_streaming

        def call_of(context: Context) -> Call:
            return Call(
                method=handler_call_details.method,
                known=known,
                streaming=streaming,
                request_streaming=handler.request_streaming,
                metadata=dict(handler_call_details.invocation_metadata or ()),
                context=context,
            )

        respond = self._stream_responses if handler.response_streaming else self._one_response
        return _HANDLER_OF[handler.request_streaming, handler.response_streaming](
            respond(handler, call_of),
            # Requests come as raw bytes. A single response leaves as bytes; those of a stream are
            # encoded by `context.write`, which is called from within the interceptors anyway.
            request_deserializer=None,
            response_serializer=handler.response_serializer if handler.response_streaming else None,
        )

    def _one_response(self, handler: Handler, call_of: Callable[[Context], Call]) -> Behaviour:
        behaviour: Behaviour = handler.stream_unary or handler.unary_unary  # type: ignore[assignment]  # one is set

        async def respond(request: Any, context: Context) -> Any:
            call = call_of(context)
            async with self._around(call):
                response = await behaviour(_decoded(request, handler, call), context)
                return handler.response_serializer(response)  # type: ignore[misc]  # protoc sets it

        return respond

    def _stream_responses(self, handler: Handler, call_of: Callable[[Context], Call]) -> Behaviour:
        behaviour: Behaviour = handler.stream_stream or handler.unary_stream  # type: ignore[assignment]  # one is set

        # A coroutine that writes, not a generator that yields: when a caller goes away, gRPC
        # abandons generators, and their context managers would exit in another task, later.
        async def respond(request: Any, context: Context) -> None:
            call = call_of(context)
            async with self._around(call):
                responses = behaviour(_decoded(request, handler, call), context)
                if isinstance(responses, AsyncIterator):
                    async with aclosing(responses):  # type: ignore[type-var]  # a generator
                        async for response in responses:
                            await context.write(response)
                else:  # health checking writes by itself
                    await responses

        return respond

    @asynccontextmanager
    async def _around(self, call: Call) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for interceptor in self._interceptors:
                await stack.enter_async_context(interceptor.around(call))
            yield


def _decoded(request: Any, handler: Handler, call: Call) -> Any:
    """Return the request message, or an iterator over those of a stream."""
    if not handler.request_streaming:
        return _decode(request, handler, call)
    return _decode_all(request, handler, call)


async def _decode_all(
    requests: AsyncIterable[bytes], handler: Handler, call: Call
) -> AsyncIterator[Message]:
    async for request in requests:
        yield _decode(request, handler, call)


def _decode(request: bytes, handler: Handler, call: Call) -> Message:
    try:
        message: Message = handler.request_deserializer(request)  # type: ignore[misc]  # protoc sets it
    except DecodeError as error:
        raise InvalidArgument(
            Reason.FIELD_INVALID, "the request is not the message that this method takes"
        ) from error
    for check in call.request_checks:
        check(message)
    return message


async def _refuse_unknown_method(_requests: Any, _context: Context) -> None:
    raise Unimplemented(Reason.METHOD_UNKNOWN, "there is no such method")
