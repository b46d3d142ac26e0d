"""One stack for all end-to-end tests, and pictures to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, ProjectId, new_id
from tests.pictures import photo
from tests.stack import LiveStack, demo_document, live_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Everything, up and with the demo team in it."""
    with live_stack(tmp_path_factory.mktemp("e2e") / "picstore") as running:
        yield running
        # After all that the tests have sent, in good ways and in bad ones.
        running.assert_no_upload_left_anything()


@pytest.fixture(scope="session")
def project_id(stack: LiveStack) -> ProjectId:
    """The demo team's project."""
    with stack.http() as http:
        return ProjectId(http.get("/api/v1/projects").json()["projects"][0]["id"])


@pytest.fixture(scope="session")
def other_key(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The administrator's key of another team, with projects and places like the demo's."""
    key = new_api_key(new_id(KeyId)).text
    text = demo_document().read_text()
    text = text.replace("short_name: demo\n", "short_name: other\n")
    path = tmp_path_factory.mktemp("other") / "team.yaml"
    path.write_text(text)
    stack.bootstrap(path, **{**stack.demo_variables(), "PICSTORE_DEMO_API_KEY": key})
    return key


@pytest.fixture
def fresh_photo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A photo that no other test has sent."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(1600, 1200, seed=request.node.nodeid))
    return path
