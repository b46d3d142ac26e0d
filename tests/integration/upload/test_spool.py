"""One writer, and one follower that gets every byte and is held back from the end."""

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


async def collect(spool: Spool, into: bytearray, grown: asyncio.Condition) -> None:
    async for block in spool.follow():
        async with grown:
            into.extend(block)
            grown.notify_all()


async def test_the_follower_gets_everything_and_sees_the_end_when_it_is_released(
    spools: Spools,
) -> None:
    read, grown = bytearray(), asyncio.Condition()
    written = bytearray()
    async with spools.open() as spool, asyncio.TaskGroup() as group:
        following = group.create_task(collect(spool, read, grown))
        for size in (1, 1_000, 3_000_000, 0, 7):
            piece = bytes([size % 251]) * size
            await spool.append(piece)
            written += piece
        async with grown:
            await grown.wait_for(lambda: len(read) == len(written))
        assert not following.done()
        await spool.release()
    assert read == written


async def test_a_follower_may_begin_late(spools: Spools) -> None:
    read = bytearray()
    async with spools.open() as spool:
        await spool.append(b"x" * 2_500_000)
        await spool.release()
        await collect(spool, read, asyncio.Condition())
    assert read == b"x" * 2_500_000


async def test_a_store_that_follows_is_left_without_an_object_when_nothing_is_released(
    spools: Spools, tmp_path: Path
) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    async with spools.open() as spool:
        await spool.append(b"content")
        storing = asyncio.ensure_future(
            store.put_stream("a", spool.follow(), content_type="image/png")
        )
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
    assert [key async for key in store.list("")] == []
    await store.close()


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
