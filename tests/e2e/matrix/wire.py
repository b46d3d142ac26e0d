"""One call, over gRPC or over HTTP, from nothing but the contract."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import grpc
import httpx
from google.api import annotations_pb2, http_pb2
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from picstore_kit.errors import Code, PicstoreError
from picstore_kit.rpc.status import from_rpc_error

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came back."""

    code: Code | None
    reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


class Wire(Protocol):
    """A way to call."""

    async def call(
        self, method: MethodDescriptor, requests: Sequence[Message], metadata: Metadata
    ) -> Told:
        """Call `method` with one message, or with all of a stream, and return how it ended.

        Where the answer is a stream, it has ended well with its first message.
        """


class GRPCWire:
    """Calls the services themselves."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel]) -> None:
        """`channels` are by the full name of the service."""
        self._channels = channels

    async def call(
        self, method: MethodDescriptor, requests: Sequence[Message], metadata: Metadata
    ) -> Told:
        """See `Wire`."""
        service = method.containing_service.full_name
        channel, path = self._channels[service], f"/{service}/{method.name}"
        kinds: dict[str, Any] = {
            "request_serializer": _class_of(method.input_type).SerializeToString,
            "response_deserializer": _class_of(method.output_type).FromString,
        }
        try:
            if method.client_streaming:
                streaming: Any = channel.stream_unary(path, **kinds)
                await streaming(_each(requests), metadata=tuple(metadata), timeout=30)
            elif method.server_streaming:
                listening: Any = channel.unary_stream(path, **kinds)
                call = listening(requests[0], metadata=tuple(metadata), timeout=30)
                await anext(aiter(call))
                call.cancel()
            else:
                plain: Any = channel.unary_unary(path, **kinds)
                await plain(requests[0], metadata=tuple(metadata), timeout=30)
        except grpc.aio.AioRpcError as error:
            return _told(from_rpc_error(error, service=service))
        except PicstoreError as error:
            return _told(error)
        return Told(code=None)


class HTTPWire:
    """Calls the gateway."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(
        self, method: MethodDescriptor, requests: Sequence[Message], metadata: Metadata
    ) -> Told:
        """See `Wire`."""
        rule = http_rule(method)
        assert rule is not None, f"{method.full_name} has no route"
        verb = str(rule.WhichOneof("pattern"))
        headers = {name: value for name, value in metadata if isinstance(value, str)}
        first = json_format.MessageToDict(requests[0], preserving_proto_field_name=True)
        path = _filled(getattr(rule, verb), first)
        if "update_mask" in first:  # which JSON writes in camel case, and the contract does not
            first["update_mask"] = ",".join(requests[0].update_mask.paths)  # type: ignore[attr-defined]
        if method.client_streaming:
            content = b"".join(message.chunk.data for message in requests)  # type: ignore[attr-defined]
            answer = await self._http.request(
                verb, path, params=_query(first.get("header", {})), content=content, headers=headers
            )
        elif rule.body:
            body = first if rule.body == "*" else first.pop(rule.body, {})
            query = {} if rule.body == "*" else first
            answer = await self._http.request(
                verb, path, params=_query(query), json=body, headers=headers
            )
        elif method.server_streaming:
            answer = await self._begin(verb, path, params=_query(first), headers=headers)
        else:
            answer = await self._http.request(verb, path, params=_query(first), headers=headers)
        if answer.is_success:
            return Told(code=None)
        problem = answer.json()
        return Told(
            code=Code[problem["code"]],
            reason=problem["reason"],
            metadata=problem["metadata"],
            message=problem["detail"],
        )

    async def _begin(self, verb: str, path: str, **request: Any) -> httpx.Response:
        """Return the answer; of one that is a stream only the beginning."""
        async with self._http.stream(verb, path, **request) as answer:
            if answer.is_success:
                lines = answer.aiter_lines()
                while not (await anext(lines)).startswith((":", "data: ")):
                    pass
            else:
                await answer.aread()
        return answer


def http_rule(method: MethodDescriptor) -> http_pb2.HttpRule | None:
    """Return the route of a method, if it has one."""
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return None
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    return rule


def _filled(template: str, fields: dict[str, Any]) -> str:
    """Put fields of the request into the path, and take them out of the request."""

    def take(match: re.Match[str]) -> str:
        *above, last = match.group(1).split(".")
        holder = fields
        for name in above:
            holder = holder[name]
        return quote(str(holder.pop(last)), safe="")

    return re.sub(r"{([^}]+)}", take, template)


def _query(fields: Mapping[str, Any]) -> httpx.QueryParams:
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, str(each)) for each in values if not isinstance(each, dict)]
    return httpx.QueryParams(tuple(pairs))


def _class_of(descriptor: Any) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)


async def _each(messages: Sequence[Message]) -> AsyncIterator[Message]:
    for message in messages:
        yield message


def _told(error: PicstoreError) -> Told:
    return Told(
        code=error.code,
        reason=str(error.reason),
        metadata=dict(error.metadata),
        message=error.message,
    )
