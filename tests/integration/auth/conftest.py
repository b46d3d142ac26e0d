"""One schema that the tests of the package share, each with teams of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from picstore_kit.settings import PostgresSettings
from picstore_local.infrastructure import Infrastructure
from tests.integration.auth.schema import auth_schema


@pytest.fixture(scope="package")
def auth_dsn(infra: Infrastructure) -> Iterator[str]:
    with auth_schema(infra.postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
async def database(auth_dsn: str) -> AsyncIterator[Database]:
    settings = PostgresSettings(
        dsn=SecretStr(auth_dsn), pool_min=1, pool_max=5, connection_wait_s=30
    )
    async with Database(settings, schema="auth", application_name="tests") as database:
        yield database


@pytest.fixture
def pager() -> Pager:
    return Pager(b"the same in every replica")
