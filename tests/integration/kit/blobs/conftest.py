"""A store of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.blobs.provider import LocalConfig, S3Config, open_store
from picstore_local.infrastructure import Infrastructure


@pytest.fixture(params=["memory", "local", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobStore()
    if request.param == "local":
        return open_store(LocalConfig(root=tmp_path / "blobs"))
    infra: Infrastructure = request.getfixturevalue("infra")
    return open_store(
        S3Config(
            endpoint=infra.s3.endpoint,
            region=infra.s3.region,
            bucket=request.getfixturevalue("bucket"),
            prefix="team/one",
            access_key=infra.s3.access_key,
            secret_key=infra.s3.secret_key,
        )
    )


@pytest.fixture
async def store(opened: BlobStore) -> AsyncIterator[BlobStore]:
    yield opened
    await opened.close()
