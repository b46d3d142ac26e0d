"""A whole Pic Store for the SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cli.installation import Installation, installation


@pytest.fixture(scope="package")
def picstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("client")) as running:
        yield running
