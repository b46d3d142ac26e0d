"""From files to a document: YAML or JSON, with the environment substituted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from picstore_cli.bootstrap.document import Document

_REFERENCE: Final = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))"
)

Place = tuple[str | int, ...]


class DocumentError(Exception):
    """A document is not usable; the message says where and why."""


def read(paths: Iterable[Path], environment: Mapping[str, str]) -> Document:
    """Read files as one document: lists are joined, and all must agree on the rest.

    Raises:
        DocumentError: A file can't be read, is no YAML or JSON, names a variable that is not set,
            or says something wrong; everything that is wrong is named at once.
    """
    joined = _Joined()
    for path in paths:
        joined.add(path, _load(path, environment))
    try:
        return Document.model_validate(joined.content)
    except ValidationError as error:
        lines = [
            f"{joined.place(detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        raise DocumentError("\n".join(lines)) from error


def substitute(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every text of `value`; `$$` stands for `$`.

    The default stands for a variable that is not set or empty, as in a shell. It is done after
    parsing, so a value can't change the structure of the document.

    Raises:
        DocumentError: Variables are not set and have no default, or a reference is malformed.
    """
    problems = list(_problems(value, environment))
    if problems:
        raise DocumentError("\n".join(problems))
    return _substituted(value, environment)


def _problems(value: Any, environment: Mapping[str, str], place: Place = ()) -> Iterator[str]:
    match value:
        case str():
            for match in _REFERENCE.finditer(value):
                if match["bad"]:
                    yield f"{_words(place)}: write ${{NAME}} or ${{NAME:-default}}, and $$ for a $"
                elif (
                    match["name"] and match["default"] is None and match["name"] not in environment
                ):
                    yield f"{_words(place)}: the environment variable {match['name']} is not set"
        case dict():
            for key, item in value.items():
                yield from _problems(item, environment, (*place, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from _problems(item, environment, (*place, index))


def _is_missing(match: re.Match[str], environment: Mapping[str, str]) -> bool:
    name = match["name"]
    return name is not None and match["default"] is None and name not in environment


def _substituted(value: Any, environment: Mapping[str, str]) -> Any:
    def lookup(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        return environment.get(match["name"], "") or match["default"] or ""

    match value:
        case str():
            return _REFERENCE.sub(lookup, value)
        case dict():
            return {key: _substituted(item, environment) for key, item in value.items()}
        case list():
            return [_substituted(item, environment) for item in value]
        case _:
            return value


def _load(path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        # Most JSON is YAML, but not all: YAML allows no tabs between its words.
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} can't be read: {error}") from error
    except ValueError as error:
        raise DocumentError(f"{path} is no JSON: {error}") from error
    except yaml.YAMLError as error:
        raise DocumentError(f"{path} is neither YAML nor JSON: {error}") from error
    if not isinstance(content, dict):
        raise DocumentError(f"{path} must hold a mapping with the key `team`")
    try:
        substituted: dict[str, Any] = substitute(content, environment)
    except DocumentError as error:
        lines = str(error).splitlines()
        raise DocumentError("\n".join(f"{path}: {line}" for line in lines)) from error
    return substituted


@dataclass(slots=True)
class _Joined:
    """The contents of several files, and where each part of them comes from."""

    content: dict[str, Any] = field(default_factory=dict)
    _origins: dict[Place, tuple[Path, Place]] = field(default_factory=dict)

    def add(self, path: Path, content: dict[str, Any]) -> None:
        """Add a file.

        Raises:
            DocumentError: It contradicts the files before it.
        """
        for key, value in content.items():
            present = self.content.setdefault(key, [] if isinstance(value, list) else value)
            self._origins.setdefault((key,), (path, (key,)))
            if isinstance(value, list) and isinstance(present, list):
                for index, item in enumerate(value):
                    self._origins[key, len(present)] = (path, (key, index))
                    present.append(item)
            elif present != value:
                raise DocumentError(f"{path}: {key}: says something else than the files before it")

    def place(self, location: Place) -> str:
        """Name the file and the place in it."""
        for length in (2, 1):
            if location[:length] in self._origins:
                path, origin = self._origins[location[:length]]
                return f"{path}: {_words((*origin, *location[length:]))}"
        return _words(location)


def _words(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or "document"
