"""The SDK, a gateway with a backend that answers as it is told, and a fake of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picstore_client import PicStoreClient
from tests.contract.client.gateway import FakeGateway, fake_gateway
from tests.contract.client.uploads import FILE
from tests.contract.gateway.conftest import address, backend, cors_origins

__all__ = ["address", "backend", "cors_origins"]


@pytest.fixture
async def client(address: str) -> AsyncIterator[PicStoreClient]:  # the fixture above
    async with PicStoreClient(f"http://{address}", "ps_key") as client:
        yield client


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateway() as gateway:
        yield gateway


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "dög.jpg"
    path.write_bytes(FILE)
    return path
