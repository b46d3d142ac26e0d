"""Rules of the tree that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = ("libs", "services", "clients")
GENERATED = ROOT / "libs" / "picstore"
SERVICES = sorted(path for path in (ROOT / "services").iterdir() if path.is_dir())


def sources() -> Iterator[Path]:
    for tree in TREES:
        for path in (ROOT / tree).rglob("*.py"):
            if GENERATED not in path.parents:
                yield path


def reads_environment(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        for node in ast.walk(tree)
    )


def test_there_are_sources_to_look_at() -> None:
    assert len(list(sources())) > 20
    assert len(SERVICES) == 5


# Each of these hands an environment on to a child process, or is itself what a person or a parent
# starts.
MAY_READ_THE_ENVIRONMENT = {
    "clients/picstore_cli",
    "libs/picstore_imaging/sandboxed.py",
    "libs/picstore_local",
    "libs/picstore_kit/sandbox",
}


def test_only_composition_roots_read_the_environment() -> None:
    culprits = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.name != "main.py"
        and not any(str(path.relative_to(ROOT)).startswith(p) for p in MAY_READ_THE_ENVIRONMENT)
        and reads_environment(ast.parse(path.read_text()))
    ]
    assert culprits == []


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert [path for path in sources() if path.stem == name or path.parent.name == name] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_every_service_has_a_composition_root_and_settings(service: Path) -> None:
    assert (service / "main.py").is_file()
    assert (service / "settings.py").is_file()


def test_nothing_is_raised_within_an_except_star_block() -> None:
    """Before Python 3.11.4 it comes out in an exception group, which nobody expects."""
    culprits = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for block in ast.walk(ast.parse(path.read_text()))
        if isinstance(block, ast.TryStar)
        for handler in block.handlers
        for node in ast.walk(handler)
        if isinstance(node, ast.Raise)
    ]
    assert culprits == []


def test_every_python_file_says_what_it_is_for() -> None:
    bare = [
        str(path.relative_to(ROOT))
        for path in [*sources(), *(ROOT / "tests").rglob("*.py")]
        if ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert bare == []
