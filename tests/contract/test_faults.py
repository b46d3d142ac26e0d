"""docs/faults.md names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<number>\d+) \|.*\| (?P<tests>[^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROWS = {
    int(row["number"]): NAME.findall(row["tests"])
    for row in ROW.finditer((ROOT / "docs" / "faults.md").read_text())
}


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_all_faults_are_listed() -> None:
    assert sorted(ROWS) == list(range(1, 33))


@pytest.mark.parametrize("number", sorted(ROWS))
def test_every_fault_is_held_by_tests(number: int) -> None:
    assert ROWS[number]
    missing = [
        f"{path}::{name}"
        for path, name in ROWS[number]
        if not (ROOT / "tests" / path).exists() or name not in functions(ROOT / "tests" / path)
    ]
    assert missing == []
