"""A small service with a method of every kind, and servers and channels to try it on."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from picstore.options.v1 import options_pb2
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import Credentials
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier, VerificationKey, mint_service_token
from picstore_kit.settings import RPCSettings

ECHO = "picstore.test.v1.EchoService"
STREAMING = {
    "Down": (False, True),
    "Up": (True, False),
    "Both": (True, True),
    "DownForUsers": (False, True),
}
AUDIENCES = {
    "Unary": options_pb2.AUDIENCE_PUBLIC,
    "Down": options_pb2.AUDIENCE_PUBLIC,
    "Up": options_pb2.AUDIENCE_PUBLIC,
    "Both": options_pb2.AUDIENCE_PUBLIC,
    "ForCallers": options_pb2.AUDIENCE_CALLER,
    "ForServices": options_pb2.AUDIENCE_SERVICE,
    "ForUsers": options_pb2.AUDIENCE_PERMISSION,
    "DownForUsers": options_pb2.AUDIENCE_PERMISSION,
}


class Message(Protocol):
    """What the generated class of the echo service looks like."""

    text: str
    request_id: str

    def __init__(self, *, text: str = "", request_id: str = "") -> None: ...
    def SerializeToString(self) -> bytes: ...
    @classmethod
    def FromString(cls, data: bytes) -> Message: ...


Behaviour = Callable[[Any, Any], Awaitable[Message] | AsyncIterator[Message]]


@functools.cache
def echo_message() -> type[Message]:
    """Add the contract of the echo service to the pool, as importing a stub would."""
    file = descriptor_pb2.FileDescriptorProto(
        name="picstore/test/v1/echo.proto", package="picstore.test.v1", syntax="proto3"
    )
    echo = file.message_type.add(name="Echo")
    optional = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    text = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    required = echo.field.add(name="text", number=1, type=text, label=optional)
    required.options.Extensions[field_behavior_pb2.field_behavior].append(
        field_behavior_pb2.REQUIRED
    )
    echo.field.add(name="request_id", number=2, type=text, label=optional)
    service = file.service.add(name="EchoService")
    for name, audience in AUDIENCES.items():
        upward, downward = STREAMING.get(name, (False, False))
        method = service.method.add(
            name=name,
            input_type=".picstore.test.v1.Echo",
            output_type=".picstore.test.v1.Echo",
            client_streaming=upward,
            server_streaming=downward,
        )
        access = method.options.Extensions[options_pb2.access]
        access.audience = audience
        if audience == options_pb2.AUDIENCE_SERVICE:
            access.services.append("upload")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(  # type: ignore[return-value]  # made at run time
        pool.FindMessageTypeByName("picstore.test.v1.Echo")
    )


class EchoServicer:
    """Answers with what it was sent, unless a test gives a method another behaviour."""

    def __init__(self) -> None:
        self._behaviours: dict[str, Behaviour] = {}

    def on(self, method: str, behaviour: Behaviour) -> None:
        self._behaviours[method] = behaviour

    def serve(self, method: str, request: Any, context: Any) -> Any:
        return self._behaviours.get(method, _DEFAULTS.get(method, _echo))(request, context)


async def _echo(request: Message, _context: Any) -> Message:
    return request


async def _echo_down(request: Message, _context: Any) -> AsyncIterator[Message]:
    for word in request.text.split():
        yield echo_message()(text=word)


async def _echo_up(requests: AsyncIterator[Message], _context: Any) -> Message:
    return echo_message()(text=" ".join([request.text async for request in requests]))


async def _echo_both(requests: AsyncIterator[Message], _context: Any) -> AsyncIterator[Message]:
    async for request in requests:
        yield request


_DEFAULTS: dict[str, Behaviour] = {"Down": _echo_down, "Up": _echo_up, "Both": _echo_both}


def add_echo(servicer: EchoServicer, server: grpc.aio.Server) -> None:
    """Do what protoc's `add_EchoServiceServicer_to_server` would."""
    kinds: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    message = echo_message()
    handlers = {
        method: kinds[STREAMING.get(method, (False, False))](
            functools.partial(servicer.serve, method),
            request_deserializer=message.FromString,
            response_serializer=message.SerializeToString,
        )
        for method in AUDIENCES
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(ECHO, handlers),))


class EchoClient:
    """Calls the echo service as a generated stub would."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    async def unary(self, text: str = "hello", *, method: str = "Unary", **options: Any) -> Any:
        return await self._callable("unary_unary", method)(self.message(text=text), **options)

    def down(self, text: str = "a b c", *, method: str = "Down", **options: Any) -> Any:
        return self._callable("unary_stream", method)(self.message(text=text), **options)

    def up(self, requests: AsyncIterator[Message] | None = None, **options: Any) -> Any:
        return self._callable("stream_unary", "Up")(requests, **options)

    def both(self, requests: AsyncIterator[Message] | None = None, **options: Any) -> Any:
        return self._callable("stream_stream", "Both")(requests, **options)

    def raw(self, method: str, payload: bytes = b"") -> Any:
        """Send bytes that need not be a message."""
        call: Any = self.channel.unary_unary(f"/{ECHO}/{method}")
        return call(payload)

    @property
    def message(self) -> type[Message]:
        return echo_message()

    async def messages(self, *texts: str) -> AsyncIterator[Message]:
        for text in texts:
            yield self.message(text=text)

    def _callable(self, kind: str, method: str) -> Any:
        return getattr(self.channel, kind)(
            f"/{ECHO}/{method}",
            request_serializer=self.message.SerializeToString,
            response_deserializer=self.message.FromString,
        )


class KnownKeys:
    """An authenticator that knows the keys that a test gives it."""

    def __init__(self) -> None:
        self.principals: dict[str, Principal] = {}

    async def authenticate(self, credential: str) -> Principal:
        if credential not in self.principals:
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "the key is not one of ours")
        return self.principals[credential]


class TokenAuthority:
    """Signs service tokens and is where their keys come from."""

    def __init__(self) -> None:
        self._private_key = Ed25519PrivateKey.generate()

    def token(self, service: str) -> str:
        return mint_service_token(service, key_id="k1", private_key=self._private_key)[0]

    async def fetch(self) -> list[VerificationKey]:
        return [VerificationKey(key_id="k1", public_key=self._private_key.public_key())]


class Wire:
    """Starts echo servers and opens channels to them; closes both after the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.servicer = EchoServicer()
        self.keys = KnownKeys()
        self.authority = TokenAuthority()

    def sibling(self) -> Wire:
        """Return another wire with a servicer of its own, closed together with this one."""
        return Wire(self._stack)

    async def serve(self, settings: RPCSettings | None = None) -> RPCServer:
        server = self.server(settings)
        await self._stack.enter_async_context(server)
        await server.serving()
        return server

    def server(self, settings: RPCSettings | None = None) -> RPCServer:
        echo_message()
        return RPCServer(
            settings or RPCSettings(stop_grace_s=0.2),
            servicers=[(add_echo, self.servicer, ECHO)],
            authenticator=self.keys,
            verifier=ServiceTokenVerifier(self.authority),
        )

    async def connect(
        self, target: str, *, credentials: Credentials | None = None, **options: Any
    ) -> EchoClient:
        channel = open_channel(target, services=[ECHO], credentials=credentials, **options)
        return EchoClient(await self._stack.enter_async_context(channel))

    async def connect_plainly(self, target: str) -> EchoClient:
        """Connect as a client that is not ours and sees gRPC's own errors."""
        return EchoClient(await self._stack.enter_async_context(grpc.aio.insecure_channel(target)))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack)


@pytest.fixture
async def client(wire: Wire) -> EchoClient:
    """A client of ours, of a server that serves."""
    server = await wire.serve()
    return await wire.connect(server.address)


@pytest.fixture
async def plain_client(wire: Wire) -> EchoClient:
    """Somebody else's client, of a server that serves."""
    server = await wire.serve()
    return await wire.connect_plainly(server.address)
