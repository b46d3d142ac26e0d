"""The JSON routes, read from `google.api.http` in the contract: no route is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pool, empty_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DURATION: Final = "google.protobuf.Duration"
FIELD_MASK: Final = "google.protobuf.FieldMask"
TIMESTAMP: Final = "google.protobuf.Timestamp"
_SIMPLE_MESSAGES: Final = frozenset({DURATION, FIELD_MASK, TIMESTAMP})
EMPTY: Final[Descriptor] = empty_pb2.Empty.DESCRIPTOR
"""What a method returns that has nothing to say; over HTTP it is a 204."""

_VARIABLE: Final = re.compile(r"{([^}]+)}")
WHOLE_REQUEST: Final = "*"
"""As `Route.body`: the body is the request itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One RPC as an HTTP operation."""

    method: MethodDescriptor
    verb: str
    """GET, POST, PATCH, PUT or DELETE."""
    path: str
    """As in the contract: `/api/v1/projects/{project.id}`."""
    body: str
    """The request field that the body is; `*` for the whole request, empty for no body."""

    @property
    def rpc_path(self) -> str:
        """The path that gRPC calls the method by."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The request fields that are in the path, by their own path."""
        return tuple(_VARIABLE.findall(self.path))

    @property
    def creates(self) -> bool:
        """Whether success means that something new exists."""
        return self.method.name.startswith(("Create", "QuickUpload"))

    @property
    def takes_bytes(self) -> bool:
        """Whether the body is a file: such a route is served by `uploads`."""
        return bool(self.method.client_streaming)

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of messages: such a route is served by `events`."""
        return bool(self.method.server_streaming)

    @property
    def request_class(self) -> type[Message]:
        """The class of request messages."""
        return GetMessageClass(self.method.input_type)

    @property
    def response_class(self) -> type[Message]:
        """The class of response messages."""
        return GetMessageClass(self.method.output_type)

    @property
    def template(self) -> str:
        """The path with plain names for its variables: `/api/v1/projects/{project_id}`."""
        return _VARIABLE.sub(lambda match: "{" + variable_name(match[1]) + "}", self.path)

    def query_fields(self) -> Iterator[tuple[str, FieldDescriptor]]:
        """Yield the request fields that are query parameters, with their paths.

        They are the fields of simple types that are neither in the path nor the body.
        """
        if self.body == WHOLE_REQUEST:
            return
        for field in self.method.input_type.fields:
            if field.name != self.body and field.name not in self.variables and _is_simple(field):
                yield field.name, field


def variable_name(field: str) -> str:
    """Name the path variable of a request field: `user_id` for both `user_id` and `user.id`.

    So the operations on one object share one path, whichever field of theirs names it.
    """
    parent, _, name = field.rpartition(".")
    return f"{parent}_id" if name == "id" else name


def routes_of(services: Iterable[str]) -> list[Route]:
    """Return the routes of all methods of the services (full names) that have one."""
    pool = descriptor_pool.Default()
    return [
        route
        for service in services
        for method in pool.FindServiceByName(service).methods
        if (route := _route_of(method)) is not None
    ]


def places_of(routes: Iterable[Route]) -> dict[str, str]:
    """Return below which path the objects of each message type (full name) are found by id."""
    return {
        route.method.output_type.full_name: route.template.rpartition("/")[0]
        for route in routes
        if route.verb == "GET" and route.template.endswith("}")
    }


def field_at(message: Descriptor, path: str) -> FieldDescriptor:
    """Return the field at a dotted path.

    Raises:
        KeyError: There is none.
    """
    first, _, rest = path.partition(".")
    field = message.fields_by_name[first]
    if not rest:
        return field
    if field.message_type is None:
        raise KeyError(path)
    return field_at(field.message_type, rest)


def behaves(field: FieldDescriptor, behaviour: int) -> bool:
    """Whether the contract says that a field behaves so (`google.api.field_behavior`)."""
    return behaviour in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _route_of(method: MethodDescriptor) -> Route | None:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return None
    rule = options.Extensions[annotations_pb2.http]
    pattern = rule.WhichOneof("pattern")
    if pattern not in ("get", "put", "post", "delete", "patch"):
        raise ValueError(f"{method.full_name} has no route that HTTP knows")
    return Route(method=method, verb=pattern.upper(), path=getattr(rule, pattern), body=rule.body)


def _is_simple(field: FieldDescriptor) -> bool:
    return field.message_type is None or field.message_type.full_name in _SIMPLE_MESSAGES
