"""The OpenAPI document, built from the contract's descriptors and their comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from picstore.errors.v1.error_reason_pb2 import ErrorReason
from picstore.options.v1 import options_pb2
from picstore_gateway import api
from picstore_gateway.comments import comments
from picstore_gateway.problems import MEDIA_TYPE
from picstore_gateway.routes import FIELD_MASK, TIMESTAMP, Route, field_at, variable_name
from picstore_gateway.uploads import parameters_of

_WELL_KNOWN: Final[dict[str, dict[str, Any]]] = {
    TIMESTAMP: {"type": "string", "format": "date-time"},
    FIELD_MASK: {
        "type": "string",
        "description": "Field names, separated by commas.",
        "example": "display_name",
    },
}
_SENTENCE_END: Final = re.compile(r"[.;:](?:\s|$)")
_INT64: Final = {"type": "string", "format": "int64", "pattern": r"^-?\d+$"}
_INT32: Final = {"type": "integer", "format": "int32"}
_TYPES: Final[dict[int, dict[str, Any]]] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FIXED32: _INT32,
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_UINT32: _INT32,
    FieldDescriptor.TYPE_UINT64: _INT64,
}


def document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.0 document of the routes.

    3.0 and not 3.1, which the bundled documentation page does not read.
    """
    writer = _Writer()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.verb.lower()] = writer.operation(route)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Pic Store",
            "version": version,
            "description": "Upload a picture once; get every format and size that a page needs.",
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(writer.schemas.items())),
            "responses": {f"Problem{status.title()}": told for status, told in _FAILURES.items()},
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `ps_…`."}
            },
        },
        "security": [{"key": []}],
    }


_PROBLEM: Final[dict[str, Any]] = {
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
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": {
        "description": "Finds the request in the log; taken from the request if it has one.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "The path of what was made.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which the same request may succeed, if it may.",
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {"description": "As RFC 6750 says.", "schema": {"type": "string"}},
}


def _failure(description: str, *headers: str) -> dict[str, Any]:
    names = ("X-Request-ID", *headers)
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_FAILURES: Final = {
    "400": _failure("Something in the request is wrong; `violations` names it."),
    "401": _failure("The API key is missing or not good.", "WWW-Authenticate"),
    "403": _failure("The API key lacks the permission that `metadata` names."),
    "404": _failure("There is no such object, or it is another team's."),
    "408": _failure("The file stopped to come."),
    "409": _failure("It is there already, or its state does not allow this."),
    "412": _failure("It was changed since its `etag` was read."),
    "413": _failure("The body is larger than allowed."),
    "415": _failure("The file is of no format that is accepted, or not of the one that it claims."),
    "422": _failure("The file is broken, or over a limit that its header shows."),
    "default": _failure(
        "Anything else: 429 and 503 say when to try again, 500 has an incident id.", "Retry-After"
    ),
}


class _Writer:
    """Collects the schemas that operations refer to."""

    def __init__(self) -> None:
        self._comments = comments()
        self.schemas: dict[str, dict[str, Any]] = {"Problem": _PROBLEM}
        self._enum(ErrorReason.DESCRIPTOR, prefix="ERROR_REASON_")

    def operation(self, route: Route) -> dict[str, Any]:
        """Describe one route."""
        text = self._comments[route.method.full_name]
        summary = _SENTENCE_END.split(text, maxsplit=1)[0]
        operation: dict[str, Any] = {
            "operationId": f"{route.method.containing_service.name}_{route.method.name}",
            "tags": [route.method.containing_service.name.removesuffix("Service")],
            "summary": " ".join(summary.split()),
            "description": text,
            "parameters": [*self._path_parameters(route), *self._other_parameters(route)],
            "responses": {
                "201" if route.creates else "200": self._success(route),
                **{
                    status: {"$ref": f"#/components/responses/Problem{status.title()}"}
                    for status in _failures_of(route)
                },
            },
        }
        if route.takes_bytes:
            operation["requestBody"] = _FILE_BODY
        elif route.body:
            message = route.method.input_type
            if route.body != "*":
                nested = field_at(message, route.body).message_type
                assert nested is not None  # the contract's bodies are messages
                message = nested
            operation["requestBody"] = {"required": True, "content": self._json(message)}
        if _is_public(route):
            operation["security"] = []
        return operation

    def _success(self, route: Route) -> dict[str, Any]:
        names = ["X-Request-ID", *(["Location"] if route.creates else [])]
        return {
            "description": self._comments[route.method.output_type.full_name],
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": self._json(route.method.output_type),
        }

    def _json(self, message: Descriptor) -> dict[str, Any]:
        return {api.MEDIA_TYPE: {"schema": self._reference(message)}}

    def _path_parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        for path in route.variables:
            field = field_at(route.method.input_type, path)
            yield {
                "name": variable_name(path),
                "in": "path",
                "required": True,
                "description": self._comments[field.full_name],
                "schema": {"type": "string"},
            }

    def _other_parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        if route.takes_bytes:
            header = field_at(route.method.input_type, "header").message_type
            assert header is not None  # the contract's own header is a message
            fields = [(name, header.fields_by_name[name]) for name in parameters_of(route)]
        else:
            fields = list(route.query_fields())
        for name, field in fields:
            yield {
                "name": name,
                "in": "query",
                "required": _is_required(field),
                "description": self._comments[field.full_name],
                "schema": self._schema(field),
            }
        if route.takes_bytes:
            yield _DIGEST_PARAMETER

    def _reference(self, message: Descriptor) -> dict[str, Any]:
        name = _schema_name(message)
        if name not in self.schemas:
            self.schemas[name] = {}  # ends the recursion of messages that hold themselves
            self.schemas[name] = self._message(message)
        return {"$ref": f"#/components/schemas/{name}"}

    def _message(self, message: Descriptor) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "description": self._comments[message.full_name],
            "properties": {field.name: self._property(field) for field in message.fields},
        }
        if required := [field.name for field in message.fields if _is_required(field)]:
            schema["required"] = required
        return schema

    def _property(self, field: FieldDescriptor) -> dict[str, Any]:
        schema = self._schema(field)
        extras: dict[str, Any] = {"description": self._comments[field.full_name]}
        if _behaves(field, field_behavior_pb2.OUTPUT_ONLY):
            extras["readOnly"] = True
        if _behaves(field, field_behavior_pb2.INPUT_ONLY):
            extras["writeOnly"] = True
        # In 3.0 nothing may stand beside a $ref.
        return {"allOf": [schema], **extras} if "$ref" in schema else {**schema, **extras}

    def _schema(self, field: FieldDescriptor) -> dict[str, Any]:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            return {"type": "object", "additionalProperties": self._single(value)}
        if field.is_repeated:
            return {"type": "array", "items": self._single(field)}
        return self._single(field)

    def _single(self, field: FieldDescriptor) -> dict[str, Any]:
        if field.message_type is not None:
            known = _WELL_KNOWN.get(field.message_type.full_name)
            return known if known is not None else self._reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return _TYPES[field.type]

    def _enum(self, enum: EnumDescriptor, *, prefix: str = "") -> dict[str, Any]:
        """Describe an enum; `prefix` is left out of its values."""
        name = _schema_name(enum)
        scope = enum.full_name.rpartition(".")[0]
        texts = {
            value.removeprefix(prefix): _first_paragraph(self._comments[f"{scope}.{value}"])
            for value in enum.values_by_name
        }
        lines = [f"- `{value}`: {text}" for value, text in texts.items()]
        self.schemas[name] = {
            "type": "string",
            "enum": list(texts),
            "description": "\n".join([self._comments[enum.full_name], "", *lines]),
        }
        return {"$ref": f"#/components/schemas/{name}"}


_DIGEST_PARAMETER: Final[dict[str, Any]] = {
    "name": "Content-Digest",
    "in": "header",
    "required": False,
    "description": "The SHA-256 of the body as `sha-256=:<base64>:` (RFC 9530). The file is "
    "refused unless it arrived unchanged. Not with a form.",
    "schema": {"type": "string"},
}
_FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file itself, or a form with one file and, before it, any of the query's "
    "parameters as fields.",
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
    },
}


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _schema_name(element: Descriptor | EnumDescriptor) -> str:
    package = str(element.file.package)
    return str(element.full_name).removeprefix(f"{package}.")


def _failures_of(route: Route) -> list[str]:
    """Return the statuses that a route may answer with when it does not succeed."""
    access = route.method.GetOptions().Extensions[options_pb2.access]
    statuses = ["400"]
    if not _is_public(route):
        statuses.append("401")
    if access.audience == options_pb2.AUDIENCE_PERMISSION:
        statuses.append("403")
    if route.variables:
        statuses.append("404")
    if route.takes_bytes:
        statuses += ["408", "409", "413", "415", "422"]
    elif route.verb != "GET":
        statuses += ["409", "413", "415"]
    if route.verb == "PATCH":
        statuses.append("412")
    return [*sorted(statuses), "default"]


def _is_public(route: Route) -> bool:
    access = route.method.GetOptions().Extensions[options_pb2.access]
    return bool(access.audience == options_pb2.AUDIENCE_PUBLIC)


def _is_required(field: FieldDescriptor) -> bool:
    return _behaves(field, field_behavior_pb2.REQUIRED)


def _behaves(field: FieldDescriptor, behaviour: int) -> bool:
    return behaviour in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
