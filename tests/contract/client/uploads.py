"""Uploading to the fake gateway."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from picstore_client import PicStoreClient, UploadedImage, Via
from picstore_kit.errors import PicstoreError, Reason, Unavailable
from tests.contract.client.gateway import FakeGateway

FILE = random.Random(4).randbytes(1_000_000)
SHA256 = hashlib.sha256(FILE).hexdigest()
WAYS = [Via.QUICK, Via.RESUMABLE, Via.PRESIGNED]
NOT_NOW = Unavailable(Reason.STORAGE_UNAVAILABLE, "not now", retry_after=1.0)


async def upload(gateway: FakeGateway, content: Any, **settings: Any) -> UploadedImage:
    """Upload to the fake gateway, with little patience."""
    async with PicStoreClient(gateway.url, "ps_key") as client:
        return await client.upload(
            content, **{"project": "prj_1", "skip_known": False, "patience_s": 10.0, **settings}
        )


async def refused(gateway: FakeGateway, content: Any, **settings: Any) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        await upload(gateway, content, **settings)
    return caught.value


def only_picture(gateway: FakeGateway) -> bytes:
    (data,) = gateway.images.values()
    return data
