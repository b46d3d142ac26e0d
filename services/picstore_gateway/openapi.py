"""The OpenAPI document, built from the contract's descriptors and their comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from picstore.options.v1 import options_pb2
from picstore_gateway.problems import MEDIA_TYPE
from picstore_gateway.routes import Route, field_at, variable_name
from picstore_gateway.uploads import parameters_of

_WELL_KNOWN: Final[dict[str, dict[str, Any]]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.FieldMask": {
        "type": "string",
        "description": "Field names, separated by commas.",
        "example": "display_name",
    },
}
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
            "responses": {"Problem": _PROBLEM_RESPONSE},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `ps_…`."}
            },
        },
        "security": [{"key": []}],
    }


_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "reason", "metadata"],
    "properties": {
        "type": {"type": "string", "example": "urn:picstore:error:RESOURCE_NOT_FOUND"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong, for people."},
        "reason": {"type": "string", "description": "What went wrong, for programs."},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "violations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}
_PROBLEM_RESPONSE: Final[dict[str, Any]] = {
    "description": "An error.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class _Writer:
    """Collects the schemas that operations refer to."""

    def __init__(self) -> None:
        self._comments = _comments()
        self.schemas: dict[str, dict[str, Any]] = {"Problem": _PROBLEM}

    def operation(self, route: Route) -> dict[str, Any]:
        """Describe one route."""
        text = self._comments[route.method.full_name]
        summary, _, _ = text.partition(".")
        operation: dict[str, Any] = {
            "operationId": f"{route.method.containing_service.name}_{route.method.name}",
            "tags": [route.method.containing_service.name.removesuffix("Service")],
            "summary": " ".join(summary.split()),
            "description": text,
            "parameters": [*self._path_parameters(route), *self._query_parameters(route)],
            "responses": {
                "201" if route.creates or route.takes_bytes else "200": {
                    "description": "Success.",
                    "content": self._json(route.method.output_type),
                },
                "default": {"$ref": "#/components/responses/Problem"},
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
        access = route.method.GetOptions().Extensions[options_pb2.access]
        if access.audience == options_pb2.AUDIENCE_PUBLIC:
            operation["security"] = []
        return operation

    def _json(self, message: Descriptor) -> dict[str, Any]:
        return {"application/json": {"schema": self._reference(message)}}

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

    def _query_parameters(self, route: Route) -> Iterator[dict[str, Any]]:
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

    def _enum(self, enum: EnumDescriptor) -> dict[str, Any]:
        name = _schema_name(enum)
        values = list(enum.values_by_name)
        scope = enum.full_name.rpartition(".")[0]
        lines = [f"- `{value}`: {self._comments[f'{scope}.{value}']}" for value in values]
        self.schemas[name] = {
            "type": "string",
            "enum": values,
            "description": "\n".join([self._comments[enum.full_name], "", *lines]),
        }
        return {"$ref": f"#/components/schemas/{name}"}


_FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file itself, or a form with one file. With a header `Content-Digest` "
    "(RFC 9530, sha-256) the file is refused unless it arrived unchanged.",
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


def _schema_name(element: Descriptor | EnumDescriptor) -> str:
    package = str(element.file.package)
    return str(element.full_name).removeprefix(f"{package}.")


def _is_required(field: FieldDescriptor) -> bool:
    return _behaves(field, field_behavior_pb2.REQUIRED)


def _behaves(field: FieldDescriptor, behaviour: int) -> bool:
    return behaviour in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def _comments() -> dict[str, str]:
    """Return the comment before every element of the contract, by full name."""
    image = resources.files("picstore").joinpath("descriptors.binpb").read_bytes()
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(image).file:
        texts = {
            tuple(location.path): _unindented(location.leading_comments)
            for location in file.source_code_info.location
        }
        for path, name in _elements(file):
            found[name] = texts.get(path, "")
    return found


def _unindented(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").splitlines()).strip()


def _elements(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, service in enumerate(file.service):
        for number, method in enumerate(service.method):
            yield (6, index, 2, number), f"{file.package}.{service.name}.{method.name}"
    for index, message in enumerate(file.message_type):
        yield from _message_elements((4, index), f"{file.package}.{message.name}", message)
    for index, enum in enumerate(file.enum_type):
        name = f"{file.package}.{enum.name}"
        yield (5, index), name
        for number, value in enumerate(enum.value):
            # Values are named beside their enum, not within it.
            yield (5, index, 2, number), f"{file.package}.{value.name}"


def _message_elements(
    path: tuple[int, ...], name: str, message: DescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, 2, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message_elements((*path, 3, index), f"{name}.{nested.name}", nested)
    for index, enum in enumerate(message.enum_type):
        yield (*path, 4, index), f"{name}.{enum.name}"
        for number, value in enumerate(enum.value):
            yield (*path, 4, index, 2, number), f"{name}.{value.name}"
