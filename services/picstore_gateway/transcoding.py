"""JSON to request messages and response messages to JSON, by proto3's own JSON mapping.

Names are written in snake_case, as in the contract; in bodies they are read in camelCase, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from picstore_gateway.routes import (
    DURATION,
    FIELD_MASK,
    TIMESTAMP,
    WHOLE_REQUEST,
    Route,
    behaves,
    field_at,
)
from picstore_kit.errors import FieldViolation, InvalidField, InvalidFields

_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")
_DURATION: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?s")
# A field in snake_case, then fields within it or the key of an entry, which is any text.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_FIELD_PATH: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[^\s,.]+)*")
_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)

# How protobuf's parser says where it is, and what it does not know.
_AT_FIELD: Final = re.compile(r"Failed to parse (\w+) field: ")
_UNKNOWN_FIELD: Final = re.compile(r'has no field named "(.*?)" at ', re.DOTALL)


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
    if route.body == WHOLE_REQUEST:
        _parse(route, _json_object(body), request)
    elif route.body:
        target = getattr(request, route.body)
        target.SetInParent()
        _parse(route, _json_object(body, within=route.body), target, within=route.body)
    elif body:
        raise InvalidField("body", "must be empty: this operation takes none")
    _read_query(route, query, request)
    for name, value in path.items():
        _set(request, name, value)
    return request


def to_json(message: Message) -> bytes:
    """Write a response; fields that are not set are written too, with their defaults."""
    return json.dumps(fields_of(message), ensure_ascii=False, separators=(",", ":")).encode()


def fields_of(message: Message) -> dict[str, Any]:
    """Return what JSON writes of a response: no field that is only for requests."""
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for path in _input_only(message.DESCRIPTOR):
        _drop(fields, path)
    return fields


@cache
def _input_only(
    message: Descriptor, *, within: frozenset[Descriptor] = frozenset()
) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the fields that are only for requests, as in `("s3", "secret")`.

    A message that is a field of itself is looked into once: `within` are those on the way to it.
    """
    paths: list[tuple[str, ...]] = []
    around = within | {message}
    for field in message.fields:
        if behaves(field, field_behavior_pb2.INPUT_ONLY):
            paths.append((field.name,))
        elif field.message_type is not None and field.message_type not in around:
            inner = _input_only(field.message_type, within=around)
            paths += [(field.name, *path) for path in inner]
    return tuple(paths)


def _drop(value: Any, path: tuple[str, ...]) -> None:
    """Take what is at a path out of an object, or out of every object of a list."""
    first, *rest = path
    for fields in value if isinstance(value, list) else [value]:
        if not rest:
            fields.pop(first, None)
        elif first in fields:
            _drop(fields[first], tuple(rest))


def _json_object(body: bytes, *, within: str = "") -> dict[str, Any]:
    if not body:
        return {}
    try:
        # Not by `json.loads` alone, which takes UTF-16, and surrogates in UTF-8.
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidField("body", "must be JSON") from error
    if not isinstance(value, dict):
        raise InvalidField("body", "must be a JSON object")
    if _SURROGATE.search(text) and (violations := list(_not_unicode(value, within))):
        raise InvalidFields(violations)
    return value


def _refuse(constant: str) -> float:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError(constant)


def _finite(text: str) -> float:
    """Read a number; one that is too large would become an infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _not_unicode(value: object, path: str) -> Iterator[FieldViolation]:
    """Yield the texts that have half a surrogate pair, which nothing can store."""
    match value:
        case str() if any("\ud800" <= character <= "\udfff" for character in value):
            yield FieldViolation(field=path or "body", description="must be Unicode")
        case list():
            for index, item in enumerate(value):
                yield from _not_unicode(item, f"{path}[{index}]")
        case dict():
            for name, item in value.items():
                if wrong_name := list(_not_unicode(name, path)):
                    yield from wrong_name  # and it can be told of nothing within
                else:
                    yield from _not_unicode(item, f"{path}.{name}" if path else name)


def _parse(route: Route, fields: dict[str, Any], message: Message, *, within: str = "") -> None:
    """Add fields to the request, or to the message that is its field `within`."""
    try:
        json_format.ParseDict(fields, message)
    except json_format.ParseError as error:
        raise _violation(route, str(error), within) from error


def _violation(route: Route, text: str, within: str) -> InvalidField:
    """Return the error for what protobuf's parser said, in words of the contract."""
    path = ".".join(filter(None, [within, *_AT_FIELD.findall(text)]))
    place = path or "body"
    if unknown := _UNKNOWN_FIELD.search(text):
        return InvalidField(place, f"has no field {unknown[1]!r}")
    try:
        field = field_at(route.method.input_type, path)
    except KeyError:
        return InvalidField(place, "must be as the contract says")
    if field.is_repeated and " must be in [] " in text:
        return InvalidField(place, "must be a list")
    return InvalidField(place, rule_of(field))


def truth_of(text: str) -> bool:
    """Return what a query parameter says.

    Raises:
        ValueError: It is neither true nor false.
    """
    if text.lower() not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text.lower()]


def rule_of(field: FieldDescriptor) -> str:
    """Say what a field must be; continues a sentence."""
    if field.enum_type is not None:
        return f"must be one of {_names(field.enum_type)}"
    if field.message_type is not None:
        return f"must be {_MESSAGES.get(field.message_type.full_name, 'an object')}"
    return f"must be {_SCALARS[field.cpp_type]}"


_MESSAGES: Final = {
    DURATION: "a number of seconds such as 30s or 1.5s",
    FIELD_MASK: "names of fields, separated by commas",
    TIMESTAMP: "a time such as 2026-01-31T12:00:00Z",
}
_SCALARS: Final = {
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits",
    FieldDescriptor.CPPTYPE_STRING: "a string",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number of 32 bits, 0 or more",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number of 64 bits, 0 or more",
}


def _names(enum: EnumDescriptor) -> str:
    """Name the values; the first stands for none."""
    return ", ".join(list(enum.values_by_name)[1:])


def _read_query(route: Route, query: Iterable[tuple[str, str]], request: Message) -> None:
    """Add the fields that are in the query to the request."""
    known = dict(route.query_fields())
    values: dict[str, Any] = {}
    masks: dict[str, list[str]] = {}
    violations = []
    for name, text in query:
        field = known.get(name)
        if field is None:
            violations.append(FieldViolation(field=name, description="is not a query parameter"))
            continue
        if not field.is_repeated and name in (values.keys() | masks.keys()):
            violations.append(FieldViolation(field=name, description="must be given once"))
            continue
        try:
            if _is_message(field, FIELD_MASK):
                masks[name] = _paths(text)
            elif field.is_repeated:
                values.setdefault(name, []).append(_query_value(field, text))
            else:
                values[name] = _query_value(field, text)
        except ValueError:
            violations.append(FieldViolation(field=name, description=rule_of(field)))
    if violations:
        raise InvalidFields(violations)
    _parse(route, values, request)
    for name, paths in masks.items():
        # Not by JSON, which writes names in camelCase and so spoils the keys of entries.
        getattr(request, name).paths.extend(paths)


def _query_value(field: FieldDescriptor, text: str) -> str | bool:
    """Return what stands for `text` in JSON.

    Raises:
        ValueError: Nothing does. What is not refused here, the JSON's own parser judges.
    """
    if field.type == FieldDescriptor.TYPE_BOOL:
        return truth_of(text)
    if field.enum_type is not None and text not in field.enum_type.values_by_name:
        raise ValueError(text)
    if _is_message(field, DURATION) and not _DURATION.fullmatch(text):
        raise ValueError(text)
    if field.cpp_type in _INTEGERS and not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(text)
    return text


def _is_message(field: FieldDescriptor, full_name: str) -> bool:
    return field.message_type is not None and field.message_type.full_name == full_name


def _paths(text: str) -> list[str]:
    """Return the paths of a field mask.

    Raises:
        ValueError: One cannot be a path.
    """
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if not all(map(_FIELD_PATH.fullmatch, paths)):
        raise ValueError(text)
    return paths


def _set(message: Message, path: str, value: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, value)
