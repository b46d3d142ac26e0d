"""Uploads to the store itself, by requests that were signed."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from picstore_client import Via, presigned
from picstore_kit.errors import FailedPrecondition, Reason
from tests.contract.client.gateway import FakeGateway
from tests.contract.client.uploads import FILE, only_picture, refused, upload


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presigned, "MAX_PUT_BYTES", len(FILE) - 1)


async def test_the_store_gets_what_was_signed_and_never_the_credential(
    gateway: FakeGateway, photo: Path
) -> None:
    await upload(gateway, photo, via=Via.PRESIGNED)
    (put,) = gateway.requests("PUT")
    assert "authorization" not in put.headers
    assert (put.headers["content-type"], put.headers["x-amz-meta-a"]) == ("image/jpeg", "b")
    assert put.headers["content-length"] == str(len(FILE))
    assert "transfer-encoding" not in put.headers
    assert gateway.requests("POST", ":complete")[0].headers["authorization"] == "Bearer ps_key"


@pytest.mark.usefixtures("in_parts")
async def test_a_large_file_goes_in_parts_and_only_lost_ones_are_sent_again(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.lost_parts.update({3: 1, 7: 2})
    sent: list[int] = []
    await upload(gateway, photo, via=Via.PRESIGNED, progress=sent.append)
    assert only_picture(gateway) == FILE
    numbers = [int(asked.path.rpartition("/")[2]) for asked in gateway.requests("PUT")]
    assert sorted(numbers) == sorted([*range(1, 11), 3, 7, 7])
    assert sum(sent) == len(FILE)


@pytest.mark.usefixtures("in_parts")
async def test_a_store_that_stumbles_is_asked_again_with_fresh_signatures(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.store_statuses.extend([503, 403, 500])
    gateway.lost["store"] = 1
    await upload(gateway, photo, via=Via.PRESIGNED)
    assert only_picture(gateway) == FILE
    assert gateway.requests("GET")[0].query == {"sign": "true"}


async def test_a_store_that_refuses_everything_is_told_without_the_url(
    gateway: FakeGateway, photo: Path
) -> None:
    gateway.store_statuses.extend([403] * 9)
    error = await refused(gateway, photo, via=Via.PRESIGNED)
    assert error.reason is Reason.STORAGE_DENIED
    assert error.metadata == {"status": "403"}
    assert "Signature" not in error.message
    assert len(gateway.requests("PUT")) == 3


async def test_a_store_without_presigned_requests_is_told(
    gateway: FakeGateway, photo: Path
) -> None:
    error = FailedPrecondition(Reason.PRESIGN_UNSUPPORTED, "only through Pic Store")
    gateway.refusals["create"] = deque([error])
    told = await refused(gateway, photo, via=Via.PRESIGNED)
    assert told.reason is Reason.PRESIGN_UNSUPPORTED
