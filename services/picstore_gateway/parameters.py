"""The query parameters of the operations that carry bytes: what their headers are in gRPC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from picstore.catalog.v1 import image_pb2, image_service_pb2
from picstore.upload.v1 import upload_pb2
from picstore_gateway.routes import DURATION, Route, field_at
from picstore_gateway.transcoding import rule_of, truth_of
from picstore_kit.errors import FieldViolation, InvalidFields

WAIT: Final = "wait"
FINISH: Final = "finish"

_SAID_BY_HTTP: Final = frozenset({"content_type", "size_bytes"})
"""Of a header whose bytes are the whole file."""
_INT64: Final = re.compile(r"-?[0-9]{1,18}")
_MAX_WAIT_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter."""

    field: FieldDescriptor
    """The field of the contract that it stands for, with the comment that describes it."""
    parse: Callable[[str], Any]
    """Returns the value of a text, or raises ValueError."""
    rule: str
    """What the text must be; continues a sentence."""
    schema: Mapping[str, Any] | None = None
    """Its JSON schema, where it is not the field's."""


def parameters_of(route: Route) -> dict[str, Parameter]:
    """Return the parameters of a route that carries bytes, by name."""
    return dict(_parameters(route))


def read_parameters(
    known: Mapping[str, Parameter], pairs: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """Return the values of parameters by name.

    Raises:
        InvalidFields: Some are unknown, given twice, or not what they must be.
    """
    values: dict[str, Any] = {}
    violations: dict[str, str] = {}
    for name, text in pairs:
        parameter = known.get(name)
        if parameter is None:
            violations[name] = "is not a parameter"
        elif name in values:
            violations[name] = "must be given once"
        else:
            try:
                values[name] = parameter.parse(text)
            except ValueError:
                values[name] = None
                violations[name] = parameter.rule
    if violations:
        raise InvalidFields([FieldViolation(field=f, description=d) for f, d in violations.items()])
    return values


def fill(header: Message, values: Mapping[str, Any]) -> None:
    """Set the fields of a header that have a value."""
    for name, value in values.items():
        if name in header.DESCRIPTOR.fields_by_name:
            setattr(header, name, value)


def enum_value(enum: EnumDescriptor, text: str) -> int:
    """Return the number of a value by its name, with or without what all the names begin with.

    Raises:
        ValueError: There is none of that name.
    """
    name = text if text in enum.values_by_name else f"{_prefix(enum)}{text.upper()}"
    if name not in enum.values_by_name or (text != name and text != text.lower()):
        raise ValueError(text)
    return int(enum.values_by_name[name].number)


def short_names(enum: EnumDescriptor) -> list[str]:
    """Return the short names of all values but the first, which stands for none."""
    return [name.removeprefix(_prefix(enum)).lower() for name in list(enum.values_by_name)[1:]]


def _parameters(route: Route) -> Iterator[tuple[str, Parameter]]:
    header: Descriptor | None = field_at(route.method.input_type, "header").message_type
    assert header is not None  # the contract's own header is a message
    elsewhere = {variable.rpartition(".")[2] for variable in route.variables}
    if "content_type" in header.fields_by_name:
        elsewhere |= _SAID_BY_HTTP
    for field in header.fields:
        if field.name not in elsewhere:
            yield field.name, _parameter(field)
    if route.method.output_type is image_pb2.Image.DESCRIPTOR:
        yield WAIT, _parameter(image_service_pb2.GetImageRequest.DESCRIPTOR.fields_by_name["wait"])
    if FINISH in route.method.input_type.fields_by_name:
        yield (
            FINISH,
            Parameter(
                field=route.method.input_type.fields_by_name[FINISH],
                parse=truth_of,
                rule="must be true or false",
                schema={"type": "boolean"},
            ),
        )
        yield "sha256", _parameter(upload_pb2.Finish.DESCRIPTOR.fields_by_name["sha256"])


def _parameter(field: FieldDescriptor) -> Parameter:
    enum = field.enum_type
    if enum is not None:
        names = short_names(enum)
        return Parameter(
            field=field,
            parse=lambda text: enum_value(enum, text),
            rule=f"must be one of {', '.join(names)}",
            schema={"type": "string", "enum": [*names, *enum.values_by_name]},
        )
    if field.message_type is not None:
        assert field.message_type.full_name == DURATION  # the contract's headers have no other
        return Parameter(
            field=field,
            parse=_wait,
            rule=f"must be 0s to {_MAX_WAIT_S}s",
            schema={"type": "string", "pattern": "^([0-5]?[0-9]|60)s$", "example": "30s"},
        )
    if field.type == FieldDescriptor.TYPE_BOOL:
        return Parameter(field=field, parse=truth_of, rule=rule_of(field))
    if field.type == FieldDescriptor.TYPE_INT64:
        return Parameter(field=field, parse=_int64, rule=rule_of(field))
    return Parameter(field=field, parse=str, rule=rule_of(field))


def _int64(text: str) -> int:
    if not _INT64.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _wait(text: str) -> Duration:
    duration = Duration()
    duration.FromJsonString(text)
    if not 0 <= duration.ToNanoseconds() <= _MAX_WAIT_S * 1_000_000_000:
        raise ValueError(text)
    return duration


def _prefix(enum: EnumDescriptor) -> str:
    first = next(iter(enum.values_by_name))
    return first.removesuffix("UNSPECIFIED")
