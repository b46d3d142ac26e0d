"""Request messages to HTTP requests, as `google.api.http` in the contract says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from picstore_kit.errors import InvalidField

_VARIABLE: Final = re.compile(r"{([^}]+)}")
_WHOLE_REQUEST: Final = "*"
_FIELD_MASK: Final = "google.protobuf.FieldMask"


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPCall:
    """One RPC as an HTTP request."""

    verb: str
    """GET, POST, PATCH, PUT or DELETE."""
    path: str
    """With the variables filled in."""
    params: tuple[tuple[str, str], ...]
    """The query."""
    body: dict[str, Any] | None
    """The JSON object; None where the operation takes none."""


def http_call(method: MethodDescriptor, request: Message) -> HTTPCall:
    """Return the HTTP request that stands for a call.

    Raises:
        InvalidField: A field that is part of the path is empty.
        ValueError: The contract gives the method no route.
    """
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    pattern = rule.WhichOneof("pattern")
    if pattern not in ("get", "put", "post", "delete", "patch"):
        raise ValueError(f"{method.full_name} is not offered over HTTP")
    template: str = getattr(rule, pattern)
    variables = _VARIABLE.findall(template)

    def written(match: re.Match[str]) -> str:
        value = _at(request, match[1])
        if not value:
            raise InvalidField(match[1], "must be set")
        return quote(value, safe="")

    body: dict[str, Any] | None = None
    params: tuple[tuple[str, str], ...] = ()
    if rule.body == _WHOLE_REQUEST:
        body = _fields(request)
        for name in variables:
            body.pop(name, None)
    else:
        if rule.body:
            body = _fields(getattr(request, rule.body))
        params = tuple(
            (field.name, text)
            for field, value in request.ListFields()
            if field.name != rule.body and field.name not in variables
            for text in _texts(field, value)
        )
    return HTTPCall(
        verb=pattern.upper(), path=_VARIABLE.sub(written, template), params=params, body=body
    )


def _fields(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _at(message: Message, path: str) -> str:
    """Return the text at a dotted path."""
    value: Any = message
    for name in path.split("."):
        value = getattr(value, name)
    return str(value)


def _texts(field: FieldDescriptor, value: Any) -> Iterator[str]:
    """Yield a query parameter for each value of a field."""
    for one in value if field.is_repeated else [value]:
        if field.enum_type is not None:
            yield field.enum_type.values_by_number[one].name
        elif field.type == FieldDescriptor.TYPE_BOOL:
            yield "true" if one else "false"
        elif field.message_type is None:
            yield str(one)
        elif field.message_type.full_name == _FIELD_MASK:
            # JSON would write the names in camelCase; in a query they are the contract's own.
            yield ",".join(one.paths)
        else:
            yield one.ToJsonString()
