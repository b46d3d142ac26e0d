"""What every blob store promises, on memory, a directory and a real S3."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

import pytest

from picstore_kit.blobs.base import PART_BYTES, BlobDigestMismatch, BlobNotFound, BlobStore
from picstore_kit.errors import InvalidField

IMMUTABLE = "public, max-age=31536000, immutable"
TYPE = "image/avif"
CONTENT = bytes(range(256)) * 3000
"""Longer than the chunks in which objects are read."""


async def content(store: BlobStore, key: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.get_range(key, offset=offset, length=length)])


async def keys(store: BlobStore, prefix: str = "") -> list[str]:
    return sorted([key async for key in store.list(prefix)])


@pytest.mark.parametrize("data", [b"", b"x", CONTENT], ids=["empty", "short", "long"])
async def test_bytes_come_back_as_they_went(store: BlobStore, data: bytes) -> None:
    put = await store.put_bytes("a/b.avif", data, content_type=TYPE)
    assert await content(store, "a/b.avif") == data
    stat = await store.stat("a/b.avif")
    assert stat == put
    assert (stat.size, stat.content_type, stat.cache_control) == (len(data), TYPE, None)


async def test_what_is_known_of_an_object_is_kept(store: BlobStore) -> None:
    digest = hashlib.sha256(b"data").hexdigest()
    await store.put_bytes(
        "a",
        b"data",
        content_type=TYPE,
        cache_control=IMMUTABLE,
        sha256=digest,
        metadata={"job": "job_1", "content-type": "nothing special"},
    )
    stat = await store.stat("a")
    assert stat.content_type == TYPE
    assert stat.cache_control == IMMUTABLE
    assert stat.metadata == {"job": "job_1", "content-type": "nothing special", "sha256": digest}
    assert stat.etag
    assert '"' not in stat.etag


async def test_the_etag_changes_with_the_content(store: BlobStore) -> None:
    first = await store.put_bytes("a", b"one", content_type=TYPE)
    second = await store.put_bytes("a", b"two", content_type=TYPE)
    assert first.etag != second.etag
    assert await content(store, "a") == b"two"


async def test_a_file_is_stored(store: BlobStore, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    stat = await store.put_file(
        "a", path, content_type=TYPE, cache_control=IMMUTABLE, sha256=digest
    )
    assert stat.size == len(CONTENT)
    assert stat.metadata["sha256"] == digest
    assert await content(store, "a") == CONTENT


async def test_wrong_bytes_are_refused_and_nothing_is_stored(
    store: BlobStore, tmp_path: Path
) -> None:
    wrong = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(BlobDigestMismatch):
        await store.put_bytes("a", b"data", content_type=TYPE, sha256=wrong)
    path = tmp_path / "source"
    path.write_bytes(b"data")
    with pytest.raises(BlobDigestMismatch):
        await store.put_file("a", path, content_type=TYPE, sha256=wrong)
    assert await keys(store) == []


@pytest.mark.parametrize(
    "size",
    [0, 1, 70_000, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 7],
)
async def test_a_file_of_any_length_is_stored(store: BlobStore, tmp_path: Path, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    path = tmp_path / "source"
    path.write_bytes(data)
    stat = await store.put_file(
        "a", path, content_type=TYPE, cache_control=IMMUTABLE, metadata={"x": "y"}
    )
    assert stat.size == size
    assert (stat.content_type, stat.cache_control, stat.metadata) == (TYPE, IMMUTABLE, {"x": "y"})
    assert await content(store, "a") == data


async def test_files_at_the_same_time_do_not_mix(store: BlobStore, tmp_path: Path) -> None:
    contents = {f"key-{number}": bytes([number]) * 300_000 for number in range(8)}
    async with asyncio.TaskGroup() as tasks:
        for key, data in contents.items():
            (tmp_path / key).write_bytes(data)
            tasks.create_task(store.put_file(key, tmp_path / key, content_type=TYPE))
    for key, data in contents.items():
        assert await content(store, key) == data


async def test_a_file_that_cannot_be_read_leaves_what_was_there(
    store: BlobStore, tmp_path: Path
) -> None:
    await store.put_bytes("a", b"old", content_type=TYPE)
    with pytest.raises(FileNotFoundError):
        await store.put_file("a", tmp_path / "gone", content_type="image/png")
    assert await content(store, "a") == b"old"
    assert (await store.stat("a")).content_type == TYPE
    assert await keys(store) == ["a"]


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, None),
        (0, 1),
        (5, 10),
        (700_000, None),
        (767_999, 100),
        (768_000, 5),
        (10**7, None),
        (3, 0),
    ],
)
async def test_a_range_is_a_slice(store: BlobStore, offset: int, length: int | None) -> None:
    await store.put_bytes("a", CONTENT, content_type=TYPE)
    end = None if length is None else offset + length
    assert await content(store, "a", offset, length) == CONTENT[offset:end]


async def test_a_range_can_be_left_early(store: BlobStore) -> None:
    await store.put_bytes("a", CONTENT, content_type=TYPE)
    async with aclosing(store.get_range("a")) as chunks:
        assert CONTENT.startswith(await anext(chunks))
    assert await content(store, "a", 0, 3) == CONTENT[:3]


async def test_a_negative_range_is_a_mistake(store: BlobStore) -> None:
    with pytest.raises(ValueError, match="negative"):
        await content(store, "a", -1)


async def test_an_object_is_written_to_a_file(store: BlobStore, tmp_path: Path) -> None:
    put = await store.put_bytes("a", CONTENT, content_type=TYPE, cache_control=IMMUTABLE)
    folder = tmp_path / "work"
    folder.mkdir()
    assert await store.get_to_file("a", folder / "out") == put
    assert (folder / "out").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["out"]


async def test_what_is_missing_is_not_found(store: BlobStore, tmp_path: Path) -> None:
    await store.put_bytes("file", b"x", content_type=TYPE)
    for key in ("missing", "missing/too", "file/below"):
        with pytest.raises(BlobNotFound):
            await store.stat(key)
        with pytest.raises(BlobNotFound):
            await content(store, key)
        with pytest.raises(BlobNotFound):
            await content(store, key, 0, 0)
        with pytest.raises(BlobNotFound):
            await store.get_to_file(key, tmp_path / "out")
        with pytest.raises(BlobNotFound):
            await store.copy(key, "target")
    assert not (tmp_path / "out").exists()
    assert await keys(store) == ["file"]


async def test_delete_removes_and_a_second_time_is_fine(store: BlobStore) -> None:
    await store.put_bytes("a/b/c", b"x", content_type=TYPE)
    await store.put_bytes("a/b/d", b"x", content_type=TYPE)
    for _ in range(2):
        await store.delete("a/b/c")
        assert await keys(store) == ["a/b/d"]
    await store.delete("a/b")
    assert await keys(store) == ["a/b/d"]


async def test_a_copy_has_all_that_its_source_has(store: BlobStore) -> None:
    await store.put_bytes(
        "incoming/a", CONTENT, content_type=TYPE, cache_control=IMMUTABLE, metadata={"x": "y"}
    )
    copied = await store.copy("incoming/a", "kept/ä b+c.avif")
    await store.put_bytes("incoming/a", b"replaced", content_type="text/plain")
    assert await store.stat("kept/ä b+c.avif") == copied
    assert (copied.size, copied.content_type) == (len(CONTENT), TYPE)
    assert (copied.cache_control, copied.metadata) == (IMMUTABLE, {"x": "y"})
    assert await content(store, "kept/ä b+c.avif") == CONTENT


async def test_a_copy_can_be_known_as_something_else(store: BlobStore) -> None:
    await store.put_bytes(
        "incoming/a", CONTENT, content_type=TYPE, cache_control=IMMUTABLE, metadata={"x": "y"}
    )
    copied = await store.copy(
        "incoming/a", "kept/a", content_type="image/png", metadata={"job": "job_1"}
    )
    assert await store.stat("kept/a") == copied
    assert (copied.content_type, copied.metadata) == ("image/png", {"job": "job_1"})
    assert copied.cache_control == IMMUTABLE
    assert await content(store, "kept/a") == CONTENT
    source = await store.stat("incoming/a")
    assert (source.content_type, source.metadata) == (TYPE, {"x": "y"})
    bare = await store.copy("incoming/a", "kept/b", content_type="image/png")
    assert bare.metadata == {}


async def test_an_object_can_be_copied_onto_itself_to_be_known_as_something_else(
    store: BlobStore,
) -> None:
    await store.put_bytes("a", CONTENT, content_type=TYPE, metadata={"x": "y"})
    await store.copy("a", "a", content_type="image/png")
    stat = await store.stat("a")
    assert (stat.content_type, stat.metadata) == ("image/png", {})
    assert await content(store, "a") == CONTENT


async def test_metadata_is_not_replaced_alone(store: BlobStore) -> None:
    await store.put_bytes("a", b"x", content_type=TYPE)
    with pytest.raises(ValueError, match="content type"):
        await store.copy("a", "b", metadata={"x": "y"})
    assert await keys(store) == ["a"]


async def test_list_goes_by_prefix_not_by_folder(store: BlobStore) -> None:
    for key in ("a/b/1", "a/b/2", "a/bc", "b/a", "a/ü 1+1%20.png"):
        await store.put_bytes(key, b"x", content_type=TYPE)
    assert await keys(store) == sorted(["a/b/1", "a/b/2", "a/bc", "b/a", "a/ü 1+1%20.png"])
    assert await keys(store, "a/b") == ["a/b/1", "a/b/2", "a/bc"]
    assert await keys(store, "a/b/") == ["a/b/1", "a/b/2"]
    assert await keys(store, "nothing/here") == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../../b", "a\x00b", "x" * 1025])
async def test_a_key_that_stores_would_read_differently_is_refused(
    store: BlobStore, key: str
) -> None:
    with pytest.raises(InvalidField):
        await store.put_bytes(key, b"x", content_type=TYPE)
    with pytest.raises(InvalidField):
        await store.stat(key)
    with pytest.raises(InvalidField):
        await store.delete(key)
