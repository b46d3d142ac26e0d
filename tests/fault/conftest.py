"""A stack of its own for the tests that hurt it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from picstore_kit.ids import ProjectId
from tests.stack import LiveStack, live_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Everything, up and with the demo team in it."""
    with live_stack(tmp_path_factory.mktemp("fault") / "picstore") as running:
        yield running


@pytest.fixture(scope="module")
def project_id(stack: LiveStack) -> ProjectId:
    """The demo team's project."""
    with stack.http() as http:
        return ProjectId(http.get("/api/v1/projects").json()["projects"][0]["id"])
