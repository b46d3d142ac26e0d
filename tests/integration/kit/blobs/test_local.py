"""A directory as a store: what a file system adds to get wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from picstore_kit.blobs.base import BlobPresignUnsupported, BlobStoreDenied
from picstore_kit.blobs.local import LocalBlobStore
from picstore_kit.errors import InvalidField

TYPE = "image/png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def store(root: Path) -> LocalBlobStore:
    return LocalBlobStore(root)


async def test_an_object_is_a_readable_file_under_its_key(
    store: LocalBlobStore, root: Path
) -> None:
    await store.put_bytes("a/b.png", b"data", content_type=TYPE)
    assert (root / "a/b.png").read_bytes() == b"data"
    assert (root / "a/b.png").stat().st_mode & 0o777 == 0o644


async def test_nothing_temporary_is_left(store: LocalBlobStore, root: Path) -> None:
    await store.put_bytes("a", b"data", content_type=TYPE)
    await store.copy("a", "b")
    await store.delete("a")
    assert list((root / ".picstore/tmp").iterdir()) == []


async def test_the_last_delete_removes_empty_folders(store: LocalBlobStore, root: Path) -> None:
    await store.put_bytes("a/b/c", b"data", content_type=TYPE)
    await store.delete("a/b/c")
    assert [sorted(folders) for _, folders, _ in os.walk(root)] == [
        [".picstore"],
        ["meta", "tmp"],
        [],
        [],
    ]


async def test_writing_beside_deletes_always_succeeds(store: LocalBlobStore) -> None:
    async def churn(number: int) -> None:
        for _ in range(20):
            await store.put_bytes(f"a/b/{number}", b"x", content_type=TYPE)
            await store.delete(f"a/b/{number}")

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(churn(number))
    assert [key async for key in store.list("")] == []


async def test_a_file_that_was_put_there_by_hand_is_an_object(
    store: LocalBlobStore, root: Path
) -> None:
    (root / "by hand.webp").write_bytes(b"data")
    stat = await store.stat("by hand.webp")
    assert (stat.size, stat.content_type) == (4, "image/webp")
    assert [key async for key in store.list("")] == ["by hand.webp"]


async def test_a_symbolic_link_out_of_the_root_is_not_followed(
    store: LocalBlobStore, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for key in ("folder/secret", "file"):
        with pytest.raises(BlobStoreDenied):
            await store.stat(key)
        with pytest.raises(BlobStoreDenied):
            await store.put_bytes(key, b"x", content_type=TYPE)
        with pytest.raises(BlobStoreDenied):
            await store.delete(key)
    assert (outside / "secret").read_bytes() == b"secret"
    assert [key async for key in store.list("")] == []


async def test_its_own_records_are_no_objects(store: LocalBlobStore) -> None:
    await store.put_bytes("a", b"x", content_type=TYPE)
    assert [key async for key in store.list("")] == ["a"]
    for key in (".picstore/meta/a.json", ".picstore/x"):
        with pytest.raises(InvalidField):
            await store.put_bytes(key, b"x", content_type=TYPE)


async def test_a_root_that_is_itself_behind_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = LocalBlobStore(tmp_path / "link")
    await store.put_bytes("a", b"x", content_type=TYPE)
    assert (tmp_path / "real/a").exists()


@pytest.mark.parametrize("key", ["file/below", "file/far/below", "x" * 300])
async def test_what_the_file_system_cannot_hold_is_denied(store: LocalBlobStore, key: str) -> None:
    await store.put_bytes("file", b"x", content_type=TYPE)
    with pytest.raises(BlobStoreDenied):
        await store.put_bytes(key, b"x", content_type=TYPE)
    assert [found async for found in store.list("")] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_a_directory_without_the_right_to_write_is_denied(root: Path) -> None:
    os.chmod(root, 0o500)
    with pytest.raises(BlobStoreDenied):
        await LocalBlobStore(root).put_bytes("a", b"x", content_type=TYPE)


async def test_there_are_no_requests_to_hand_out(store: LocalBlobStore) -> None:
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_get("a", expires_s=60)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_put("a", expires_s=60, content_type=TYPE, size=1)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_post("a", expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_part("a", "0" * 32, 1, size=1, expires_s=60)
