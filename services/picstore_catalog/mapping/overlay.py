"""Overlays on the wire.

The dataclasses of `picstore_imaging.overlay` have the fields of the messages under the same names,
so both are walked together: what is unspecified, absent or zero in a message is the default of the
dataclass.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

from picstore.catalog.v1 import overlay_pb2
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.overlay.validate import validate
from picstore_kit.errors import InvalidFields
from picstore_kit.violations import Violations

_UNSPECIFIED: Final = "UNSPECIFIED"
_UNKNOWN: Final = "must be one of the values that the contract names"


def read_overlay(message: overlay_pb2.Overlay, violations: Violations, path: str) -> Overlay:
    """Read an overlay and check the whole; `path` is where it stands in the request."""
    overlay: Overlay = _read(Overlay, message, violations, path)
    try:
        validate(overlay)
    except InvalidFields as error:
        violations.extend(path, error)
    return overlay


def overlay_message(overlay: Overlay) -> overlay_pb2.Overlay:
    """Return an overlay as callers see it."""
    message = overlay_pb2.Overlay()
    _write(overlay, message)
    return message


def _read(kind: Any, message: Message, violations: Violations, path: str) -> Any:
    hints = _kinds(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):
        described = message.DESCRIPTOR.fields_by_name[field.name]
        hint: Any = hints[field.name]
        at = f"{path}.{field.name}"
        given = getattr(message, field.name)
        if get_origin(hint) is tuple:
            item = get_args(hint)[0]
            values[field.name] = tuple(
                _read(item, one, violations, f"{at}[{index}]") for index, one in enumerate(given)
            )
        elif described.has_presence and not message.HasField(field.name):
            if field.default is MISSING:  # an empty one, in which what is wrong is found
                values[field.name] = _read(hint, given, violations, at)
        elif is_dataclass(hint):
            values[field.name] = _read(hint, given, violations, at)
        elif issubclass(hint, StrEnum):
            name = _names(described.enum_type).get(given)
            if name is not None:
                values[field.name] = hint[name]
            elif given:
                violations.add(at, _UNKNOWN)
        elif given or field.default is MISSING or described.has_presence:
            values[field.name] = given
    return kind(**values)


def _write(value: Any, message: Message) -> None:
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, tuple):
            for one in part:
                _write(one, getattr(message, field.name).add())
        elif is_dataclass(part):
            inner = getattr(message, field.name)
            inner.SetInParent()
            _write(part, inner)
        elif isinstance(part, StrEnum):
            described = message.DESCRIPTOR.fields_by_name[field.name].enum_type
            setattr(message, field.name, _numbers(described)[part.name])
        elif part is not None:
            setattr(message, field.name, part)


@cache
def _kinds(kind: type) -> dict[str, Any]:
    """Return what the fields of a dataclass hold, where it is not None."""
    return {name: _without_none(hint) for name, hint in get_type_hints(kind).items()}


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    (kind,) = (choice for choice in get_args(hint) if choice is not NoneType)
    return kind


@cache
def _names(described: EnumDescriptor) -> dict[int, str]:
    """Return the names of an enum's values without what they begin with, by number."""
    prefix = described.values_by_number[0].name.removesuffix(_UNSPECIFIED)
    return {
        number: value.name.removeprefix(prefix)
        for number, value in described.values_by_number.items()
        if number
    }


@cache
def _numbers(described: EnumDescriptor) -> dict[str, int]:
    return {name: number for number, name in _names(described).items()}
