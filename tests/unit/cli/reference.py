"""Writes the reference of bootstrap documents from their models."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from picstore_cli.bootstrap.document import (
    S3,
    APIKey,
    AutoQuality,
    ConversionProfile,
    Density,
    Document,
    EncoderOptions,
    FormatRule,
    Grant,
    Local,
    Part,
    Project,
    Role,
    SizeRule,
    StorageLocation,
    Team,
    UploadProfile,
    User,
)

PARTS: tuple[tuple[str, type[Part]], ...] = (
    ("The document", Document),
    ("team", Team),
    ("roles[]", Role),
    ("grants[]", Grant),
    ("users[]", User),
    ("api_keys[]", APIKey),
    ("projects[]", Project),
    ("storage_locations[]", StorageLocation),
    ("s3", S3),
    ("local", Local),
    ("conversion_profiles[]", ConversionProfile),
    ("formats[]", FormatRule),
    ("options", EncoderOptions),
    ("auto_quality", AutoQuality),
    ("sizes[]", SizeRule),
    ("densities[]", Density),
    ("upload_profiles[]", UploadProfile),
)
_TYPES: dict[Any, str] = {
    str: "text",
    SecretStr: "text, secret",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime: "time (UTC if it names no zone)",
}
_NAMES = {kind: name for name, kind in PARTS}


def reference() -> str:
    """Return the tables, one for each part."""
    return "\n".join(line for name, part in PARTS for line in _section(name, part))


def _section(name: str, part: type[Part]) -> Iterator[str]:
    title = name if part is Document else f"`{name}`"
    yield f"### {title}"
    yield ""
    yield f"{(part.__doc__ or '').strip()}"
    yield ""
    yield "| key | value | |"
    yield "|---|---|---|"
    for key, info in part.model_fields.items():
        needed = "" if not info.is_required() else " **Required.**"
        yield f"| `{key}` | {_type(info.annotation)}{_default(info)} | {info.description}{needed} |"
    yield ""


def _default(info: FieldInfo) -> str:
    if info.is_required() or info.default in (None, "", (), 0) or info.default == SecretStr(""):
        return ""
    return f" (`{info.default}`)"


def _type(annotation: Any) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin in (Union, types.UnionType):
        return _type(arguments[0])
    return f"`{_NAMES[annotation].removesuffix('[]')}`"
