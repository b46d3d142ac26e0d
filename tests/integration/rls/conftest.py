"""One installation that the tests of the package share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from picstore_local.infrastructure import Infrastructure
from tests.integration.rls.installation import installation


@pytest.fixture(scope="package")
def installed(infra: Infrastructure) -> Iterator[str]:
    """The administrator's login to a database with all schemas."""
    with installation(infra.postgres_dsn) as dsn:
        yield dsn
