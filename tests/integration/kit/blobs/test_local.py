"""A directory as a store: what a file system adds to get wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from picstore_kit.blobs.base import (
    BlobDigestMismatch,
    BlobNotFound,
    BlobPresignUnsupported,
    BlobStoreDenied,
    Part,
)
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


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(bytes(range(256)))
    return path


def drafts(root: Path) -> list[Path]:
    return list((root / ".picstore/tmp").iterdir())


async def test_parts_are_hidden_and_go_with_their_upload(
    store: LocalBlobStore, root: Path, spooled: Path
) -> None:
    one, two, three = [await store.begin_multipart("a", content_type=TYPE) for _ in range(3)]
    for upload_id in (one, two, three):
        part = await store.put_part("a", upload_id, 1, spooled, offset=0, length=10)
    assert len(drafts(root)) == 6
    assert {path.stat().st_mode & 0o777 for path in drafts(root)} == {0o600}
    assert [key async for key in store.list("")] == []
    await store.abort_multipart("a", one)
    assert len(drafts(root)) == 4
    await store.complete_multipart("a", two, [part])
    assert (root / "a").stat().st_mode & 0o777 == 0o644
    assert len(drafts(root)) == 2
    await store.discard("a")
    assert drafts(root) == []


async def test_an_upload_outlives_the_process_that_began_it(
    store: LocalBlobStore, root: Path, spooled: Path
) -> None:
    upload_id = await store.begin_multipart("a", content_type=TYPE, metadata={"x": "y"})
    part = await store.put_part("a", upload_id, 1, spooled, offset=0, length=10)
    later = LocalBlobStore(root)
    assert await later.list_parts("a", upload_id) == [part]
    stat = await later.complete_multipart("a", upload_id, [part])
    assert (stat.content_type, stat.metadata) == (TYPE, {"x": "y"})


async def test_only_the_last_one_of_a_part_is_kept(
    store: LocalBlobStore, root: Path, spooled: Path
) -> None:
    upload_id = await store.begin_multipart("a", content_type=TYPE)
    async with asyncio.TaskGroup() as tasks:
        for offset in range(20):
            put = store.put_part("a", upload_id, 1, spooled, offset=offset, length=10)
            tasks.create_task(put)
    before = await store.put_part("a", upload_id, 1, spooled, offset=100, length=10)
    part = await store.put_part("a", upload_id, 1, spooled, offset=200, length=10)
    assert len(drafts(root)) == 2
    assert await store.list_parts("a", upload_id) == [part]
    with pytest.raises(BlobDigestMismatch):
        await store.complete_multipart("a", upload_id, [before])
    assert await store.list_parts("a", upload_id) == [part]


@pytest.mark.parametrize("upload_id", ["", "*", "../x", "0" * 31 + "/", "0" * 32 + "\n"])
async def test_an_upload_id_leads_nowhere_else(
    store: LocalBlobStore, spooled: Path, upload_id: str
) -> None:
    await store.begin_multipart("a", content_type=TYPE)
    with pytest.raises(BlobNotFound):
        await store.list_parts("a", upload_id)
    with pytest.raises(BlobNotFound):
        await store.put_part("a", upload_id, 1, spooled, offset=0, length=10)
    with pytest.raises(BlobNotFound):
        await store.complete_multipart("a", upload_id, [Part(number=1, etag="x", size=1)])
    await store.abort_multipart("a", upload_id)


async def test_its_own_records_have_no_uploads(store: LocalBlobStore) -> None:
    with pytest.raises(InvalidField):
        await store.begin_multipart(".picstore/tmp/a", content_type=TYPE)


async def test_there_are_no_requests_to_hand_out(store: LocalBlobStore) -> None:
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_get("a", expires_s=60)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_put("a", expires_s=60, content_type=TYPE, size=1)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_post("a", expires_s=60, content_type=TYPE, min_size=1, max_size=2)
    with pytest.raises(BlobPresignUnsupported):
        await store.presign_part("a", "0" * 32, 1, size=1, expires_s=60)
