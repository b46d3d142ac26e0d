"""The example in the SDK's documentation does what it says."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest

import picstore_client
from picstore_client import PicStoreClient
from picstore_local.demo import demo_photo
from tests.integration.cli.installation import Installation


def example(url: str) -> str:
    """Return the code of the docstring, for another gateway and an endless event loop."""
    text = inspect.getdoc(picstore_client) or ""
    code = [line for line in text.splitlines() if line.startswith("    ")]
    return textwrap.dedent("\n".join(code)).replace("http://127.0.0.1:8080", url)


async def test_the_example_prints_a_tag(
    picstore: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photo.jpg").write_bytes(demo_photo().path.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "PicStoreClient": PicStoreClient,
        "Path": Path,
        "api_key": picstore.api_key,
    }
    code = compile(example(picstore.url), "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, names)
    assert capsys.readouterr().out.startswith("<picture>")
