"""Frozen dataclasses as JSON objects, and back; what is as it is by default is left out.

So a template that was stored before a field came reads as it always did. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

RecordT = TypeVar("RecordT")


def to_json(record: Any) -> dict[str, Any]:
    """Write the fields that differ from their defaults."""
    values = ((field, getattr(record, field.name)) for field in fields(record))
    return {
        field.name: _written(value)
        for field, value in values
        if field.default is MISSING or value != field.default
    }


def from_json(kind: type[RecordT], document: Mapping[str, Any]) -> RecordT:
    """Read what `to_json` wrote of a `kind`; fields that it does not know are passed over."""
    key: Any = kind
    hints = _hints(key)
    return kind(
        **{name: _read(hint, document[name]) for name, hint in hints.items() if name in document}
    )


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    return to_json(value) if is_dataclass(value) else value


def _read(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        [hint] = [choice for choice in get_args(hint) if choice is not NoneType]
        return _read(hint, value)
    if origin is tuple:
        return tuple(_read(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return from_json(hint, value)
    return hint(value)
