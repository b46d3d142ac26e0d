"""What every blob store promises of objects that arrive in parts."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from pathlib import Path

import pytest

from picstore_kit.blobs.base import (
    MAX_PARTS,
    PART_BYTES,
    BlobDigestMismatch,
    BlobNotFound,
    BlobStore,
    BlobStoreDenied,
    Part,
)
from picstore_kit.errors import InvalidField

TYPE = "image/tiff"
KEY = "dir/ä b.tif"
GONE = "0123456789abcdef0123456789abcdef"
CONTENT = random.Random(1).randbytes(2 * PART_BYTES + 1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(CONTENT)
    return path


async def content(store: BlobStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.get_range(key)])


async def keys(store: BlobStore) -> list[str]:
    return [key async for key in store.list("")]


async def is_gone(store: BlobStore, key: str, upload_id: str) -> bool:
    try:
        await store.list_parts(key, upload_id)
    except BlobNotFound:
        return True
    return False


async def put_all(store: BlobStore, upload_id: str, file: Path) -> list[Part]:
    """Put the file in three parts, with a gap in the numbers, the last one first."""
    slices = {7: (2 * PART_BYTES, 1000), 2: (PART_BYTES, PART_BYTES), 1: (0, PART_BYTES)}
    parts = [
        await store.put_part(KEY, upload_id, number, file, offset=offset, length=length)
        for number, (offset, length) in slices.items()
    ]
    return sorted(parts, key=lambda part: part.number)


async def test_parts_become_the_object_that_they_were_cut_from(
    store: BlobStore, file: Path
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE, metadata={"job": "job_1"})
    parts = await put_all(store, upload_id, file)
    assert [(part.number, part.size) for part in parts] == [
        (1, PART_BYTES),
        (2, PART_BYTES),
        (7, 1000),
    ]
    assert await store.list_parts(KEY, upload_id) == parts
    assert [key for key in await keys(store) if key == KEY] == []
    stat = await store.complete_multipart(KEY, upload_id, parts)
    assert (stat.size, stat.content_type, stat.metadata) == (len(CONTENT), TYPE, {"job": "job_1"})
    assert await store.stat(KEY) == stat
    assert await content(store, KEY) == CONTENT
    assert await is_gone(store, KEY, upload_id)


async def test_parts_can_be_put_at_the_same_time(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    async with asyncio.TaskGroup() as tasks:
        puts = [
            tasks.create_task(
                store.put_part(
                    KEY, upload_id, number + 1, file, offset=number * PART_BYTES, length=length
                )
            )
            for number, length in enumerate((PART_BYTES, PART_BYTES, 1000))
        ]
    await store.complete_multipart(KEY, upload_id, [put.result() for put in puts])
    assert await content(store, KEY) == CONTENT


async def test_a_part_that_is_left_out_is_not_in_the_object(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    parts = await put_all(store, upload_id, file)
    await store.put_part(KEY, upload_id, 8, file, offset=0, length=PART_BYTES)
    stat = await store.complete_multipart(KEY, upload_id, [parts[0], parts[2]])
    assert stat.size == PART_BYTES + 1000
    assert await content(store, KEY) == CONTENT[:PART_BYTES] + CONTENT[2 * PART_BYTES :]


async def test_a_part_takes_the_place_of_the_one_before(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    before = await store.put_part(KEY, upload_id, 1, file, offset=0, length=1000)
    part = await store.put_part(KEY, upload_id, 1, file, offset=1000, length=1000)
    assert part.etag != before.etag
    assert [held.number for held in await store.list_parts(KEY, upload_id)] == [1]
    await store.complete_multipart(KEY, upload_id, [part])
    assert await content(store, KEY) == CONTENT[1000:2000]


async def test_a_part_that_was_replaced_is_refused_or_exactly_what_it_was(
    store: BlobStore, file: Path
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    before = await store.put_part(KEY, upload_id, 1, file, offset=0, length=1000)
    await store.put_part(KEY, upload_id, 1, file, offset=1000, length=1000)
    try:
        await store.complete_multipart(KEY, upload_id, [before])
    except BlobDigestMismatch:
        assert await keys_without_parts(store) == []
    else:
        assert await content(store, KEY) == CONTENT[:1000]


async def keys_without_parts(store: BlobStore) -> list[str]:
    """Some S3 list the parts of an unfinished upload among the objects."""
    return [key for key in await keys(store) if key == KEY]


async def test_a_part_has_the_same_etag_when_it_is_put_again(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    first = await store.put_part(KEY, upload_id, 1, file, offset=0, length=1000)
    again = await store.put_part(KEY, upload_id, 1, file, offset=0, length=1000)
    assert again == first
    assert await store.list_parts(KEY, upload_id) == [first]


async def test_a_part_that_was_never_put_is_a_mismatch(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    part = await store.put_part(KEY, upload_id, 1, file, offset=0, length=PART_BYTES)
    with pytest.raises(BlobDigestMismatch):
        await store.complete_multipart(KEY, upload_id, [part, dataclasses.replace(part, number=2)])
    assert await store.list_parts(KEY, upload_id) == [part]


async def test_a_small_part_is_only_taken_as_the_last(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    parts = [
        await store.put_part(KEY, upload_id, number, file, offset=0, length=length)
        for number, length in ((1, PART_BYTES - 1), (2, 1))
    ]
    with pytest.raises(BlobStoreDenied, match="EntityTooSmall"):
        await store.complete_multipart(KEY, upload_id, parts)
    assert await keys_without_parts(store) == []


async def test_the_object_stays_what_it_was_until_the_upload_is_complete(
    store: BlobStore, file: Path
) -> None:
    await store.put_bytes(KEY, b"old", content_type="image/png")
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    part = await store.put_part(KEY, upload_id, 1, file, offset=0, length=10)
    assert await content(store, KEY) == b"old"
    await store.complete_multipart(KEY, upload_id, [part])
    assert await content(store, KEY) == CONTENT[:10]


async def test_an_aborted_upload_is_gone_and_a_second_time_is_fine(
    store: BlobStore, file: Path
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    parts = await put_all(store, upload_id, file)
    for _ in range(2):
        await store.abort_multipart(KEY, upload_id)
        assert await keys(store) == []
    with pytest.raises(BlobNotFound):
        await store.list_parts(KEY, upload_id)
    with pytest.raises(BlobNotFound):
        await store.put_part(KEY, upload_id, 1, file, offset=0, length=10)
    with pytest.raises(BlobNotFound):
        await store.complete_multipart(KEY, upload_id, parts)
    assert await keys(store) == []


async def test_one_upload_is_not_another(store: BlobStore, file: Path) -> None:
    one, two = [await store.begin_multipart(KEY, content_type=TYPE) for _ in range(2)]
    assert one != two
    await store.put_part(KEY, one, 1, file, offset=0, length=10)
    part = await store.put_part(KEY, two, 1, file, offset=20, length=10)
    await store.abort_multipart(KEY, one)
    assert await store.list_parts(KEY, two) == [part]
    await store.complete_multipart(KEY, two, [part])
    assert await content(store, KEY) == CONTENT[20:30]


async def test_an_upload_that_never_was_is_gone(store: BlobStore, file: Path) -> None:
    with pytest.raises(BlobNotFound):
        await store.list_parts(KEY, GONE)
    with pytest.raises(BlobNotFound):
        await store.put_part(KEY, GONE, 1, file, offset=0, length=10)
    with pytest.raises(BlobNotFound):
        await store.complete_multipart(KEY, GONE, [Part(number=1, etag=GONE, size=1)])
    await store.abort_multipart(KEY, GONE)


async def test_an_upload_belongs_to_its_key(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    part = await store.put_part(KEY, upload_id, 1, file, offset=0, length=10)
    with pytest.raises(BlobNotFound):
        await store.put_part("another", upload_id, 2, file, offset=0, length=10)
    with pytest.raises(BlobNotFound):
        await store.complete_multipart("another", upload_id, [part])
    await store.abort_multipart("another", upload_id)
    assert await store.list_parts(KEY, upload_id) == [part]


async def test_discard_removes_the_object_with_all_its_uploads(
    store: BlobStore, file: Path
) -> None:
    await store.put_bytes(KEY, b"old", content_type=TYPE)
    uploads = [await store.begin_multipart(KEY, content_type=TYPE) for _ in range(2)]
    for upload_id in uploads:
        await store.put_part(KEY, upload_id, 1, file, offset=0, length=10)
    other = await store.begin_multipart(f"{KEY}-2", content_type=TYPE)
    await store.discard(KEY)
    assert [await is_gone(store, KEY, upload_id) for upload_id in uploads] == [True, True]
    assert await keys_without_parts(store) == []
    assert await store.list_parts(f"{KEY}-2", other) == []


@pytest.mark.parametrize("number", [0, -1, MAX_PARTS + 1])
async def test_a_number_that_no_part_has_is_a_mistake(
    store: BlobStore, file: Path, number: int
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    with pytest.raises(ValueError, match="from 1 to"):
        await store.put_part(KEY, upload_id, number, file, offset=0, length=10)
    assert await store.list_parts(KEY, upload_id) == []


async def test_the_highest_number_is_taken(store: BlobStore, file: Path) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    part = await store.put_part(KEY, upload_id, MAX_PARTS, file, offset=0, length=10)
    assert (await store.complete_multipart(KEY, upload_id, [part])).size == 10


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 10), (0, -1), (len(CONTENT), 1), (0, len(CONTENT) + 1)]
)
async def test_a_slice_that_is_not_in_the_file_is_a_mistake(
    store: BlobStore, file: Path, offset: int, length: int
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    with pytest.raises(ValueError, match=r"negative|ends before"):
        await store.put_part(KEY, upload_id, 1, file, offset=offset, length=length)
    assert await store.list_parts(KEY, upload_id) == []


@pytest.mark.parametrize("numbers", [(), (2, 1), (1, 1)])
async def test_parts_that_are_none_or_in_no_order_are_a_mistake(
    store: BlobStore, file: Path, numbers: tuple[int, ...]
) -> None:
    upload_id = await store.begin_multipart(KEY, content_type=TYPE)
    parts = [
        await store.put_part(KEY, upload_id, number, file, offset=0, length=PART_BYTES)
        for number in (1, 2)
    ]
    with pytest.raises(ValueError, match=r"at least one|ascend"):
        await store.complete_multipart(KEY, upload_id, [parts[number - 1] for number in numbers])
    assert await store.list_parts(KEY, upload_id) == parts


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a\x00b"])
async def test_a_key_that_stores_would_read_differently_has_no_uploads(
    store: BlobStore, file: Path, key: str
) -> None:
    with pytest.raises(InvalidField):
        await store.begin_multipart(key, content_type=TYPE)
    with pytest.raises(InvalidField):
        await store.put_part(key, GONE, 1, file, offset=0, length=10)
    with pytest.raises(InvalidField):
        await store.abort_multipart(key, GONE)
