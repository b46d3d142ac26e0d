"""The SDK, a gateway, and a backend that answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from picstore_client import PicStoreClient
from tests.contract.gateway.conftest import address, backend, cors_origins

__all__ = ["address", "backend", "cors_origins"]


@pytest.fixture
async def client(address: str) -> AsyncIterator[PicStoreClient]:  # the fixture above
    async with PicStoreClient(f"http://{address}", "ps_key") as client:
        yield client
