"""Uploads that another process goes on with, or gives up."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import pytest

from picstore.upload.v1.upload_pb2 import Upload
from picstore_client import PicStoreClient, Via
from tests.contract.client.gateway import FakeGateway
from tests.contract.client.uploads import FILE, NOT_NOW, only_picture, refused, upload


async def remembered(gateway: FakeGateway, photo: Path, state: Path) -> None:
    """Leave an upload of the photo behind."""
    gateway.cuts.append(600_000)
    gateway.refusals["get"] = deque([NOT_NOW] * 9)
    await refused(gateway, photo, via=Via.RESUMABLE, state=state, patience_s=0.5)
    del gateway.refusals["get"]


async def test_an_interrupted_upload_goes_on_in_another_process(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state" / "upload.json"
    gateway.cuts.append(600_000)
    gateway.refusals["get"] = deque([NOT_NOW])
    work = asyncio.create_task(upload(gateway, photo, via=Via.RESUMABLE, state=state))
    await gateway.looked.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert state.stat().st_mode & 0o077 == 0

    await upload(gateway, photo, via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE
    assert list(gateway.uploads) == ["upl_0"]
    assert gateway.requests("PATCH")[-1].query["write_offset"] == "600000"
    assert not state.exists()


async def test_what_is_remembered_of_another_file_is_not_taken(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    await upload(gateway, FILE[::-1], via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE[::-1]
    assert list(gateway.uploads) == ["upl_0", "upl_1"]


@pytest.mark.parametrize("change", ["gone", "expired", "failed", "unreadable"])
async def test_what_can_become_no_picture_is_made_anew(
    gateway: FakeGateway, photo: Path, tmp_path: Path, change: str
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    if change == "gone":
        gateway.uploads["upl_9"] = gateway.uploads.pop("upl_0")
    elif change == "expired":
        gateway.uploads["upl_0"].upload.state = Upload.STATE_EXPIRED
    elif change == "failed":
        gateway.uploads["upl_0"].upload.state = Upload.STATE_FAILED
    else:
        state.write_text("{")
    await upload(gateway, photo, via=Via.RESUMABLE, state=state)
    assert only_picture(gateway) == FILE
    assert len(gateway.uploads) == 2


async def test_an_upload_that_is_given_up_is_deleted(
    gateway: FakeGateway, photo: Path, tmp_path: Path
) -> None:
    state = tmp_path / "upload.json"
    await remembered(gateway, photo, state)
    async with PicStoreClient(gateway.url, "ps_key") as client:
        assert await client.abort_upload(state)
        assert not await client.abort_upload(state)
    assert not gateway.uploads
    assert not state.exists()
