"""Where the code makes errors: which reason with which code, read from its syntax.

Found are calls such as `NotFound(Reason.X, …)`, `super().__init__(Reason.X, …)` in the class of an
error, and those of a function of the same module that hands its first parameter on to such a call.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from picstore_kit.errors import Code, PicstoreError, Reason

ROOT: Final = Path(__file__).resolve().parents[2]
BASES: Final = {ROOT / "libs": ("picstore_kit", "picstore_imaging"), ROOT / "services": ("*",)}
"""What runs in a server: what the SDK makes by itself never was an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseSite:
    """One place that makes an error."""

    place: str
    """File and line."""
    reason: Reason
    code: Code


@cache
def raise_sites() -> tuple[RaiseSite, ...]:
    """Return every place where an error is made with a reason that is written there."""
    return tuple(site for name, path in _modules() for site in _sites(name, path))


@cache
def mentioned_reasons() -> frozenset[Reason]:
    """Return every reason that is named anywhere, be it in an error or as the state of an output.

    Only the list of all reasons does not count.
    """
    named = {
        reason
        for name, path in _modules()
        if name != "picstore_kit.errors"
        for node in ast.walk(_tree(path))
        for reason in _reasons(node)
    }
    return frozenset(named | {site.reason for site in raise_sites()})


def _modules() -> Iterator[tuple[str, Path]]:
    for base, patterns in BASES.items():
        for pattern in patterns:
            for package in sorted(base.glob(pattern)):
                for path in sorted(package.rglob("*.py")):
                    yield ".".join(path.relative_to(base).with_suffix("").parts), path


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _sites(name: str, path: Path) -> Iterator[RaiseSite]:
    tree = _tree(path)
    calls = [
        (owner, call)
        for owner, call in _calls(tree, owner=None)
        if call.args and _chosen(call.args[0])
    ]
    if not calls:
        return
    module = importlib.import_module(name)
    for owner, call in calls:
        for code in _codes(call, owner, tree, module):
            for reason in _chosen(call.args[0]):
                place = f"{path.relative_to(ROOT)}:{call.lineno}"
                yield RaiseSite(place=place, reason=reason, code=code)


def _calls(node: ast.AST, owner: str | None) -> Iterator[tuple[str | None, ast.Call]]:
    """Yield the calls within `node`, each with the name of the class that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield owner, child
        yield from _calls(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _codes(
    call: ast.Call, owner: str | None, tree: ast.Module, module: ModuleType
) -> Iterator[Code]:
    """Yield the codes that an error made by `call` can have; none if it makes no error."""
    match call.func:
        case ast.Name(id="cls") if owner is not None:
            made = getattr(module, owner)
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
            made = getattr(module, str(owner))
        case ast.Name(id=name):
            made = getattr(module, name, None)
            for function in tree.body:
                if isinstance(function, ast.FunctionDef) and function.name == name:
                    parameter = function.args.args[0].arg
                    for _, inner in _calls(function, owner=None):
                        match inner.args:
                            case [ast.Name(id=passed), *_] if passed == parameter:
                                yield from _codes(inner, None, tree, module)
        case _:
            return
    if isinstance(made, type) and issubclass(made, PicstoreError):
        yield made.code


def _chosen(node: ast.expr) -> list[Reason]:
    """Return the reasons that an argument can be."""
    if isinstance(node, ast.IfExp):
        return _chosen(node.body) + _chosen(node.orelse)
    return _reasons(node)


def _reasons(node: ast.AST) -> list[Reason]:
    match node:
        case ast.Attribute(value=ast.Name(id="Reason"), attr=name):
            return [Reason[name]]
    return []
