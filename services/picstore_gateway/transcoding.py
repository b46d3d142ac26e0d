"""JSON to request messages and response messages to JSON, by proto3's own JSON mapping.

Names are written in snake_case, as in the contract, and read in camelCase too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from picstore_gateway.routes import Route
from picstore_kit.errors import FieldViolation, InvalidField, InvalidFields

_WHOLE_REQUEST: Final = "*"
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}
_FIELD_MASK: Final = "google.protobuf.FieldMask"


def request_from(
    route: Route,
    *,
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body: bytes,
) -> Message:
    """Make the request message of a route from the parts of an HTTP request.

    Raises:
        InvalidFields: A query parameter is unknown or wrong, or the body is not the JSON of the
            message.
    """
    request = route.request_class()
    if route.body == _WHOLE_REQUEST:
        _parse(_json_object(body), request, prefix="")
    elif route.body:
        target = getattr(request, route.body)
        target.SetInParent()
        _parse(_json_object(body), target, prefix=route.body)
    elif body:
        raise InvalidField("body", "must be empty: this operation takes none")
    _parse(_query_object(route, query), request, prefix="")
    for name, value in path.items():
        _set(request, name, value)
    return request


def to_json(message: Message) -> bytes:
    """Write a response; fields that are not set are written too, with their defaults."""
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidField("body", "must be JSON") from error
    if not isinstance(value, dict):
        raise InvalidField("body", "must be a JSON object")
    return value


def _parse(fields: dict[str, Any], message: Message, *, prefix: str) -> None:
    try:
        json_format.ParseDict(fields, message)
    except json_format.ParseError as error:
        # The text speaks of the caller's own JSON and of the contract, of nothing else.
        raise InvalidField(prefix or "body", f"is not as the contract says: {error}") from error


def _query_object(route: Route, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    known = dict(route.query_fields())
    values: dict[str, Any] = {}
    violations = []
    for name, text in query:
        field = known.get(name)
        if field is None:
            violations.append(FieldViolation(field=name, description="is not a query parameter"))
            continue
        try:
            value = _query_value(field, text)
        except ValueError as error:
            violations.append(FieldViolation(field=name, description=str(error)))
            continue
        if field.is_repeated:
            values.setdefault(name, []).append(value)
        elif name in values:
            violations.append(FieldViolation(field=name, description="must be given once"))
        else:
            values[name] = value
    if violations:
        raise InvalidFields(violations)
    return values


def _query_value(field: FieldDescriptor, text: str) -> str | bool:
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text.lower() not in _TRUTHS:
            raise ValueError("must be true or false")
        return _TRUTHS[text.lower()]
    if field.message_type is not None and field.message_type.full_name == _FIELD_MASK:
        return ",".join(_camel_case(path.strip()) for path in text.split(","))
    if field.enum_type is not None and text not in field.enum_type.values_by_name:
        names = ", ".join(list(field.enum_type.values_by_name)[1:])
        raise ValueError(f"must be one of {names}")
    if field.cpp_type in _INTEGERS and not text.removeprefix("-").isdecimal():
        raise ValueError("must be a whole number")
    return text


_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def _camel_case(path: str) -> str:
    """Write a field mask's path as JSON does."""
    first, *rest = path.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _set(message: Message, path: str, value: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, value)
