"""Messages as documents: what `show -o yaml` writes, a person edits and `update -f` reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

_ETAG: Final = "etag"
_TIMESTAMP_TAG: Final = "tag:yaml.org,2002:timestamp"
_OUTPUT_ONLY: Final = field_behavior_pb2.OUTPUT_ONLY


class _Loader(yaml.SafeLoader):
    """Leaves times as they are written: the contract has them as texts."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP_TAG]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def to_yaml(message: Message) -> str:
    """Write a message as YAML, in the order and with the names of the contract."""
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file, or standard input for `-`.

    Raises:
        typer.BadParameter: It can't be read or holds something else.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{path} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise typer.BadParameter(f"{path} must hold the fields of one object")
    return content


def parse_into(message: Message, document: dict[str, Any]) -> None:
    """Set the fields that a document names.

    Raises:
        typer.BadParameter: It names a field that there is not, or has a wrong value.
    """
    try:
        json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise typer.BadParameter(str(error)) from error


def changed_paths(current: Message, wanted: Message, document: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of the fields that a document changes, for an update mask.

    What only the service sets is no change, however it is in the document; nor is the etag.
    """
    for field in current.DESCRIPTOR.fields:
        if field.name not in document and field.json_name not in document:
            continue
        if field.name == _ETAG or _OUTPUT_ONLY in _behaviours(field):
            continue
        before, after = getattr(current, field.name), getattr(wanted, field.name)
        appeared = field.has_presence and current.HasField(field.name) != wanted.HasField(
            field.name
        )
        if before == after and not appeared:
            continue
        part = document.get(field.name, document.get(field.json_name))
        # A part of a oneof that is there on both sides changes field by field: what is not in the
        # document, as a secret that is never returned, stays.
        if field.containing_oneof is not None and current.HasField(field.name) and part:
            for inner in changed_paths(before, after, part):
                yield f"{field.name}.{inner}"
        else:
            yield field.name


def _behaviours(field: Any) -> list[int]:
    return list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
