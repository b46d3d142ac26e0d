"""How operations fail, for the OpenAPI document: which statuses each may answer with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from picstore.errors.v1.error_reason_pb2 import ErrorReason
from picstore.options.v1 import options_pb2
from picstore_gateway.headers import takes_etag
from picstore_gateway.problems import MEDIA_TYPE, status_for
from picstore_gateway.routes import WHOLE_REQUEST, Route, field_at
from picstore_kit.errors import Code, Reason

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": {
        "description": "Finds the request in the log; taken from the request if it has one.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "The path of what was made.", "schema": {"type": "string"}},
    "Set-Cookie": {
        "description": "The browser's session, or that it is over.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The object's `etag` in quotes.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which the same request may succeed, if it may.",
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {"description": "As RFC 6750 says.", "schema": {"type": "string"}},
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "reason", "metadata"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The reason as a URN.",
            "example": "urn:picstore:error:RESOURCE_NOT_FOUND",
        },
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "description": "The response's status."},
        "detail": {"type": "string", "description": "What went wrong, for people."},
        "code": {"type": "string", "description": "The class of the error, a google.rpc.Code."},
        "reason": {"$ref": "#/components/schemas/ErrorReason"},
        "metadata": {
            "type": "object",
            "description": "The values that `detail` speaks of, by the names that the reason has.",
            "additionalProperties": {"type": "string"},
        },
        "violations": {
            "type": "array",
            "description": "What is wrong in the request, all at once.",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
        "resource": {
            "type": "object",
            "description": "The object that the error is about.",
            "required": ["type", "name"],
            "properties": {"type": {"type": "string"}, "name": {"type": "string"}},
        },
        "request_id": {"type": "string", "description": "Finds the request in the log."},
    },
}


def header_references(*names: str) -> dict[str, dict[str, str]]:
    """Return references to headers, by their names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _failure(description: str, *headers: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": header_references("X-Request-ID", *headers),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_FAILURES: Final = {
    "400": _failure("Something in the request is wrong; `violations` names it."),
    "401": _failure("The credential is missing or not good.", "WWW-Authenticate"),
    "403": _failure(
        "The caller lacks the permission that `metadata` names, or a browser's request its CSRF "
        "token."
    ),
    "404": _failure("There is no such object, or it is another team's."),
    "408": _failure("The body stopped to come."),
    "409": _failure("It is there already, or its state does not allow this.", "Retry-After"),
    "412": _failure("It was changed since its `etag` was read."),
    "413": _failure("The body is larger than allowed."),
    "415": _failure("The body is of no type that is accepted, or not of the one that it claims."),
    "422": _failure("The file is broken, or over a limit that its header shows."),
    "429": _failure("Too much, or too often.", "Retry-After"),
    "500": _failure("Our fault; `metadata` has the id of the incident in the log."),
    "503": _failure("A part that is needed does not answer.", "Retry-After"),
    "504": _failure("The time was up before the work was.", "Retry-After"),
}
RESPONSES: Final = {f"Problem{status}": response for status, response in _FAILURES.items()}
"""The responses by the names that operations refer to them by."""

_REASON: Final = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
_ALWAYS: Final = ("400", "401", "429", "500", "503", "504")
"""401 too of those that need no credential: one that is malformed is refused everywhere."""


def failures_of(route: Route, comment: str) -> dict[str, dict[str, str]]:
    """Return the responses of a route when it does not succeed, by status.

    `comment` is the one in the contract, which says what is particular: `Fails with …`.
    """
    return failures_with(*_statuses_of(route), *_statuses_said(comment))


def failures_with(*statuses: str) -> dict[str, dict[str, str]]:
    """Return the responses with these statuses and those that anything may answer with."""
    return {
        status: {"$ref": f"#/components/responses/Problem{status}"}
        for status in (*_ALWAYS, *statuses)
    }


def is_public(route: Route) -> bool:
    """Say whether a route needs no credential."""
    access = route.method.GetOptions().Extensions[options_pb2.access]
    return bool(access.audience == options_pb2.AUDIENCE_PUBLIC)


def _statuses_of(route: Route) -> Iterator[str]:
    access = route.method.GetOptions().Extensions[options_pb2.access]
    changes = route.verb != "GET"
    if access.audience == options_pb2.AUDIENCE_PERMISSION or (changes and not is_public(route)):
        yield "403"
    if any(_refers(field) for field in _fields_of(route)):
        yield "404"
    if changes:
        yield "409"
    if takes_etag(route):
        yield "412"
    if route.body:
        yield from ("408", "413", "415")
    if route.takes_bytes:
        yield "422"


def _statuses_said(comment: str) -> Iterator[str]:
    """Yield the statuses of the reasons that a comment names."""
    for name in _REASON.findall(comment):
        value = ErrorReason.DESCRIPTOR.values_by_name.get(f"ERROR_REASON_{name}")
        if value is not None:
            for code in value.GetOptions().Extensions[options_pb2.error].codes:
                yield str(status_for(Reason(name), Code(code)))


def _fields_of(route: Route) -> Iterator[FieldDescriptor]:
    """Yield all fields of the request that a caller can fill, however deep."""
    message: Descriptor = route.method.input_type
    for variable in route.variables:
        yield field_at(message, variable)
    for _, field in route.query_fields():
        yield field
    if route.body == WHOLE_REQUEST:
        yield from _fields_in(message)
    elif route.body:
        yield from _fields_in(field_at(message, route.body).message_type)


def _fields_in(message: Descriptor | None) -> Iterator[FieldDescriptor]:
    for field in message.fields if message is not None else ():
        yield field
        yield from _fields_in(field.message_type)


def _refers(field: FieldDescriptor) -> bool:
    """Say whether a field names an object, which may not exist."""
    return field.name in ("id", "upload_profile") or (
        field.name.endswith(("_id", "_ids")) and field.name not in ("request_id", "access_key_id")
    )
