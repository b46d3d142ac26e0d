"""One installation for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from picstore_local.infrastructure import Infrastructure
from tests.integration.upload.installation import Installation, installation


class Install(Protocol):
    """Opens an installation that differs from the usual one."""

    def __call__(self, **options: Any) -> AbstractAsyncContextManager[Installation]: ...


@pytest.fixture
def install(infra: Infrastructure, database_url: str, bucket: str, tmp_path: Path) -> Install:
    def open_one(**options: Any) -> AbstractAsyncContextManager[Installation]:
        return installation(infra, database_url, bucket, tmp_path, **options)

    return open_one


@pytest.fixture
async def installed(install: Install) -> AsyncIterator[Installation]:
    async with install() as opened:
        yield opened


@pytest.fixture
async def clean(install: Install) -> AsyncIterator[Installation]:
    """An installation in which, at the end, nothing is left but what pictures need."""
    async with install() as installed:
        yield installed
        await installed.nothing_is_left()
