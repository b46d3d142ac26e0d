"""One workshop for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from tests.integration.upload.imports.workshop import Workshop, workshop


class Open(Protocol):
    """Opens a workshop that differs from the usual one."""

    def __call__(self, **options: Any) -> AbstractAsyncContextManager[Workshop]: ...


@pytest.fixture
def open_shop(database_url: str) -> Open:
    def open_one(**options: Any) -> AbstractAsyncContextManager[Workshop]:
        return workshop(database_url, **options)

    return open_one


@pytest.fixture
async def shop(open_shop: Open) -> AsyncIterator[Workshop]:
    async with open_shop() as opened:
        yield opened
