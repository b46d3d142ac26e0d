"""From files to a document: YAML or JSON, with the environment substituted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from picstore_cli.bootstrap.document import Document

_REFERENCE: Final = re.compile(
    r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})"
)


class DocumentError(Exception):
    """A document is not usable; the message says where and why."""


def read(paths: Iterable[Path], environment: Mapping[str, str]) -> Document:
    """Read files as one document: lists are joined, and all must name the same team.

    Raises:
        DocumentError: A file can't be read, is no YAML or JSON, names a variable that is not set,
            or says something wrong; everything that is wrong is named at once.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        _merge(merged, _load(path, environment), path)
    try:
        return Document.model_validate(merged)
    except ValidationError as error:
        lines = [
            f"{_place(detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        raise DocumentError("\n".join(lines)) from error


def substitute(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every text of `value`; `$$` stands for `$`.

    It is done after parsing, so a value can't change the structure of the document.

    Raises:
        KeyError: A variable is not set and has no default.
    """
    match value:
        case str():
            return _REFERENCE.sub(lambda match: _lookup(match, environment), value)
        case dict():
            return {key: substitute(item, environment) for key, item in value.items()}
        case list():
            return [substitute(item, environment) for item in value]
        case _:
            return value


def _lookup(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "$"
    found = environment.get(name, match["default"])
    if found is None:
        raise KeyError(name)
    return found


def _load(path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        # JSON is YAML, too.
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} can't be read: {error}") from error
    except yaml.YAMLError as error:
        raise DocumentError(f"{path} is neither YAML nor JSON: {error}") from error
    if not isinstance(content, dict):
        raise DocumentError(f"{path} must hold a mapping with the key `team`")
    try:
        substituted: dict[str, Any] = substitute(content, environment)
    except KeyError as error:
        raise DocumentError(f"{path} needs the environment variable {error.args[0]}") from error
    return substituted


def _merge(merged: dict[str, Any], content: dict[str, Any], path: Path) -> None:
    for key, value in content.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, list) and isinstance(merged[key], list):
            merged[key] = merged[key] + value
        elif merged[key] != value:
            raise DocumentError(f"{path} says something else of `{key}` than the files before it")


def _place(location: tuple[str | int, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "document"
