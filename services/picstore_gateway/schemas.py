"""JSON schemas of the contract's messages, for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from picstore.errors.v1.error_reason_pb2 import ErrorReason
from picstore_gateway.routes import DURATION, FIELD_MASK, TIMESTAMP, behaves

_WELL_KNOWN: Final[dict[str, dict[str, Any]]] = {
    TIMESTAMP: {"type": "string", "format": "date-time"},
    DURATION: {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?s$", "example": "3600s"},
    FIELD_MASK: {
        "type": "string",
        "description": "Field names, separated by commas.",
        "example": "display_name",
    },
}
_INT64: Final = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_UINT64: Final = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}
_INT32: Final = {"type": "integer", "format": "int32"}
_UINT32: Final = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_TYPES: Final[dict[int, dict[str, Any]]] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}
_FORMATS: Final = {"email": "email", "request_id": "uuid"}
"""Of fields that mean the same wherever they are."""
_NUMBERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_DOUBLE,
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_UINT32,
    }
)
_NAME_LENGTH: Final = re.compile(r"(\d+)–(\d+) lower-case letters, digits and hyphens")
_TEXT_LENGTH: Final = re.compile(r"(\d+) to (\d+) characters")
_RANGE: Final = re.compile(r"\b(\d+)(?:–| to )(\d+)\b")
_ID_COMMENT: Final = re.compile(r"Such as `(?P<prefix>[a-z]{3})_")
_ID_MESSAGE: Final = re.compile(r"\.(?P<message>[A-Za-z]+)\.id")
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Schemas:
    """Collects the schemas that operations refer to.

    Every message has one as it is in responses. What requests hold is another: only the fields
    that a caller can set, and in an update (`…Changes`) none that must be there.
    """

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._prefixes = dict(_id_prefixes(comments))
        self.components: dict[str, dict[str, Any]] = {}
        self._enum(ErrorReason.DESCRIPTOR, prefix="ERROR_REASON_")

    def response(self, message: Descriptor) -> dict[str, Any]:
        """Return a reference to the schema of a message in responses."""
        name = _schema_name(message)
        if name not in self.components:
            self.components[name] = {}  # ends the recursion of messages that hold themselves
            self.components[name] = self._response(message)
        return _reference(name)

    def request(
        self, message: Descriptor, *, partial: bool = False, without: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return a reference to the schema of a message in requests.

        `partial` if only what changes need be there; `without` names the fields that are elsewhere
        in the request.
        """
        name = _schema_name(message)
        if not name.endswith("Request"):
            name += "Changes" if partial else "Input"
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._request(message, partial=partial, without=without)
        return _reference(name)

    def parameter(self, field: FieldDescriptor) -> dict[str, Any]:
        """Return the schema of a field that is a parameter in the query."""
        schema = self._schema(field, partial=None)
        return schema if "$ref" in schema else {**schema, **self._limits(field)}

    def path_variable(self, field: FieldDescriptor, name: str) -> dict[str, Any]:
        """Return the schema of a field that is a variable of the path."""
        prefix = self._prefixes.get(name.removesuffix("_id"))
        return self._single(field, partial=None) if prefix is None else _id_schema(prefix)

    def _response(self, message: Descriptor) -> dict[str, Any]:
        fields = [f for f in message.fields if not behaves(f, field_behavior_pb2.INPUT_ONLY)]
        schema: dict[str, Any] = {
            "type": "object",
            "description": self._comments[message.full_name],
            "properties": {field.name: self._property(field, partial=None) for field in fields},
        }
        if required := [field.name for field in fields if is_required(field)]:
            schema["required"] = required
        return schema

    def _request(
        self, message: Descriptor, *, partial: bool, without: Collection[str]
    ) -> dict[str, Any]:
        fixed = {field_behavior_pb2.OUTPUT_ONLY}
        if partial:
            fixed.add(field_behavior_pb2.IMMUTABLE)
        fields = [
            field
            for field in message.fields
            if field.name not in without and not any(behaves(field, fix) for fix in fixed)
        ]
        schema: dict[str, Any] = {
            "type": "object",
            "description": self._comments[message.full_name],
            "properties": {field.name: self._property(field, partial=partial) for field in fields},
            "additionalProperties": False,
        }
        if not partial and (required := [field.name for field in fields if is_required(field)]):
            schema["required"] = required
        return schema

    def _property(self, field: FieldDescriptor, *, partial: bool | None) -> dict[str, Any]:
        """Describe a field; `partial` is as of `request`, and `None` in a response."""
        schema = self._schema(field, partial=partial)
        extras: dict[str, Any] = {"description": self._comments[field.full_name]}
        if behaves(field, field_behavior_pb2.OUTPUT_ONLY):
            extras["readOnly"] = True
        if behaves(field, field_behavior_pb2.INPUT_ONLY):
            extras["writeOnly"] = True
        if partial is not None:
            extras.update(self._limits(field))
        if field.name == "id" and (match := _ID_COMMENT.match(self._comments[field.full_name])):
            schema = _id_schema(match["prefix"])
        # In 3.0 nothing may stand beside a $ref.
        return {"allOf": [schema], **extras} if "$ref" in schema else {**schema, **extras}

    def _schema(self, field: FieldDescriptor, *, partial: bool | None) -> dict[str, Any]:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            whole = None if partial is None else False
            return {"type": "object", "additionalProperties": self._single(value, partial=whole)}
        if field.is_repeated:
            # A list is replaced whole.
            whole = None if partial is None else False
            return {"type": "array", "items": self._single(field, partial=whole)}
        return self._single(field, partial=partial)

    def _single(self, field: FieldDescriptor, *, partial: bool | None) -> dict[str, Any]:
        if field.message_type is not None:
            known = _WELL_KNOWN.get(field.message_type.full_name)
            if known is not None:
                return known
            if partial is None:
                return self.response(field.message_type)
            return self.request(field.message_type, partial=partial)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return _TYPES[field.type]

    def _limits(self, field: FieldDescriptor) -> dict[str, Any]:
        """Return what a field of a request must be, as its comment says in the usual words."""
        comment = self._comments[field.full_name]
        if field.is_repeated:
            return {}
        if field.name in _FORMATS:
            return {"format": _FORMATS[field.name]}
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            if match := _NAME_LENGTH.search(comment):
                return {"pattern": f"^[a-z0-9-]{{{match[1]},{match[2]}}}$"}
            if match := _TEXT_LENGTH.search(comment):
                return {"minLength": int(match[1]), "maxLength": int(match[2])}
        elif field.cpp_type in _NUMBERS and (match := _RANGE.search(comment)):
            return {"minimum": int(match[1]), "maximum": int(match[2])}
        return {}

    def _enum(self, enum: EnumDescriptor, *, prefix: str = "") -> dict[str, Any]:
        """Describe an enum; `prefix` is left out of its values."""
        name = _schema_name(enum)
        scope = enum.full_name.rpartition(".")[0]
        texts = {
            value.removeprefix(prefix): _first_paragraph(self._comments[f"{scope}.{value}"])
            for value in enum.values_by_name
        }
        lines = [f"- `{value}`: {text}" for value, text in texts.items()]
        self.components[name] = {
            "type": "string",
            "enum": list(texts),
            "description": "\n".join([self._comments[enum.full_name], "", *lines]),
        }
        return _reference(name)


def is_required(field: FieldDescriptor) -> bool:
    """Say whether the contract requires a field."""
    return behaves(field, field_behavior_pb2.REQUIRED)


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _id_schema(prefix: str) -> dict[str, Any]:
    """Return the schema of TypeIDs with a prefix."""
    return {
        "type": "string",
        "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$",
        "example": f"{prefix}_01h455vb4pex5vsknk084sn02q",
    }


def _id_prefixes(comments: Mapping[str, str]) -> dict[str, str]:
    """Return what the ids of each kind of object begin with, by its name in snake case."""
    return {
        _WORD_START.sub("_", name["message"]).lower(): comment["prefix"]
        for full_name, text in comments.items()
        if (name := _ID_MESSAGE.search(full_name)) and (comment := _ID_COMMENT.match(text))
    }


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _schema_name(element: Descriptor | EnumDescriptor) -> str:
    package = str(element.file.package)
    return str(element.full_name).removeprefix(f"{package}.")
