"""A whole Pic Store for the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from picstore_local.demo import demo_photo
from tests.integration.cli.installation import Installation, installation


@pytest.fixture(scope="package")
def picstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """The photo that the demo has uploaded already."""
    return Path(shutil.copy(demo_photo().path, tmp_path / "photo [b].jpg"))
