"""The file that an upload grows in: readable meanwhile, and gone at the end."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picstore_kit.blobs.drafts import draft_prefix
from picstore_kit.blobs.local import LocalBlobStore
from picstore_kit.errors import Reason
from picstore_kit.scratch import ScratchUnavailable
from picstore_upload.spool import Spool, Spools


@pytest.fixture
async def spools(tmp_path: Path) -> AsyncIterator[Spools]:
    async with Spools(tmp_path) as spools:
        yield spools
    assert not [name for name in os.listdir(tmp_path) if name.startswith("upload-")]


async def test_what_is_written_can_be_read_while_more_is_written(spools: Spools) -> None:
    written = bytearray()
    async with spools.open() as spool:
        for size in (1, 1_000, 3_000_000, 0, 7):
            piece = bytes([size % 251]) * size
            await spool.append(piece)
            written += piece
            assert spool.size == len(written)
            assert await spool.read(0, len(written)) == written
        assert await spool.read(1_000, 5) == written[1_000:1_005]
        assert spool.path.read_bytes() == written
    assert not spool.path.exists()


async def test_a_full_disk_is_said_and_said_to_pass(
    spools: Spools, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(spool: Spool, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(Spool, "_write", full)
    async with spools.open() as spool:
        with pytest.raises(ScratchUnavailable) as caught:
            await spool.append(b"content")
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE


async def test_a_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    async with Spools(tmp_path / "gone") as spools:
        with pytest.raises(ScratchUnavailable):
            async with spools.open():
                pass


async def test_drafts_of_a_killed_writer_are_discarded_with_its_object(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    await store.put_bytes("a", b"old", content_type="image/png")
    await store.put_bytes("b", b"other", content_type="image/png")
    drafts = tmp_path / ".picstore" / "tmp"
    for key in ("a", "b"):
        (drafts / f"{draft_prefix(key)}xyz").write_bytes(b"half of it")
    await store.discard("a")
    assert [key async for key in store.list("")] == ["b"]
    assert os.listdir(drafts) == [f"{draft_prefix('b')}xyz"]
    await store.discard("a")
    await store.close()


async def test_a_write_is_over_when_its_upload_is_however_often_that_is_cancelled(
    spools: Spools, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(spool: Spool, data: bytes) -> None:
        begun.set()
        may_end.wait(20)
        ended.set()

    monkeypatch.setattr(Spool, "_write", slow)
    async with spools.open() as spool:
        writing = asyncio.ensure_future(spool.append(b"content"))
        await asyncio.to_thread(begun.wait, 20)
        for _ in range(3):
            writing.cancel()
            await asyncio.sleep(0)
        assert not writing.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert ended.is_set()
