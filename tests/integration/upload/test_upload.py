"""What becomes of good pictures."""

from __future__ import annotations

import asyncio
import hashlib

import google_crc32c
import pytest

from picstore.catalog.v1 import image_pb2
from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import PicstoreError, Reason
from picstore_upload.receive import STREAM_FROM_BYTES
from tests.integration.upload.installation import Installation
from tests.integration.upload.pictures import MIB, chunks, encoded, jpeg, quick, quick_header


async def content(installed: Installation, key: str) -> bytes:
    return b"".join([block async for block in installed.store.get_range(key)])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
async def test_a_picture_is_stored_and_recorded_with_its_jobs(
    installed: Installation, suffix: str
) -> None:
    data = encoded(120, 80, suffix)
    image = await installed.uploads.QuickUpload(
        quick(data, project_id=installed.project_id, alt_text="a cat", location="2026/cats")
    )
    assert (image.state, image.alt_text) == (Image.STATE_CONVERTING, "a cat")
    (key,) = await installed.objects()
    assert await content(installed, key) == data
    stat = await installed.store.stat(key)
    assert stat.metadata["sha256"] == hashlib.sha256(data).hexdigest()
    assert stat.cache_control is None  # nobody is to fetch an original by a URL
    assert await installed.journal_rows() == []
    assert await installed.catalog_rows("SELECT state, width, height FROM images") == [
        ("CONVERTING", 120, 80)
    ]
    assert len(await installed.catalog_rows("SELECT id FROM jobs")) == 1


async def test_an_announced_picture_gets_its_bytes_and_then_others(
    installed: Installation,
) -> None:
    image_id = await installed.announce()

    def messages(data: bytes) -> list[upload_pb2.UploadImageRequest]:
        return [
            upload_pb2.UploadImageRequest(header=upload_pb2.UploadImageHeader(image_id=image_id)),
            *(upload_pb2.UploadImageRequest(chunk=chunk) for chunk in chunks(data)),
            upload_pb2.UploadImageRequest(end=upload_pb2.End()),
        ]

    image = await installed.uploads.UploadImage(iter(messages(jpeg())))
    assert (image.id, image.state) == (image_id, Image.STATE_CONVERTING)
    (first,) = await installed.objects()
    image = await installed.uploads.UploadImage(iter(messages(encoded(64, 64, ".png"))))
    assert (image.id, image.pending_generation) == (image_id, 2)
    # The one before is still what its outputs are made of.
    second = [key for key in await installed.objects() if key != first]
    assert [await content(installed, key) for key in (first, *second)] == [
        jpeg(),
        encoded(64, 64, ".png"),
    ]


async def test_the_same_bytes_are_one_picture_unless_another_is_wanted(
    installed: Installation,
) -> None:
    async def upload(on_duplicate: image_pb2.OnDuplicate.ValueType) -> str:
        return (
            await installed.uploads.QuickUpload(
                quick(jpeg(), project_id=installed.project_id, on_duplicate=on_duplicate)
            )
        ).id

    first = await upload(image_pb2.ON_DUPLICATE_UNSPECIFIED)
    assert await upload(image_pb2.ON_DUPLICATE_UNSPECIFIED) == first
    assert await upload(image_pb2.ON_DUPLICATE_RETURN_EXISTING) == first
    assert len(await installed.objects()) == 1
    with pytest.raises(PicstoreError) as caught:
        await upload(image_pb2.ON_DUPLICATE_REFUSE)
    assert caught.value.reason is Reason.IMAGE_DUPLICATE
    assert caught.value.metadata["image"] == first
    assert len(await installed.objects()) == 1
    assert await upload(image_pb2.ON_DUPLICATE_CREATE) != first
    assert len(await installed.objects()) == 2
    assert await installed.journal_rows() == []


async def test_a_repeated_request_makes_one_picture_however_many_come_at_once(
    installed: Installation,
) -> None:
    async def upload(data: bytes, request_id: str) -> Image:
        return await installed.uploads.QuickUpload(
            quick(
                data,
                project_id=installed.project_id,
                request_id=request_id,
                on_duplicate=image_pb2.ON_DUPLICATE_CREATE,
            )
        )

    images = await asyncio.gather(*(upload(jpeg(), "one") for _ in range(8)))
    assert len({image.id for image in images}) == 1
    assert len(await installed.objects()) == 1
    assert (await upload(jpeg(), "two")).id != images[0].id
    with pytest.raises(PicstoreError) as caught:
        await upload(encoded(64, 64, ".png"), "one")
    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    assert len(await installed.objects()) == 2
    assert await installed.journal_rows() == []


@pytest.mark.parametrize("chunk_bytes", [1_000, 65_537, MIB])
async def test_a_large_file_is_stored_whole_however_it_is_cut(
    installed: Installation, chunk_bytes: int
) -> None:
    # What follows the end of a JPEG is no fault: phones put videos there.
    trailing = hashlib.shake_256(b"noise").digest(
        STREAM_FROM_BYTES + 5 * MIB if chunk_bytes > 1_000 else 50_000
    )
    data = jpeg() + trailing
    await installed.uploads.QuickUpload(
        quick(
            data,
            project_id=installed.project_id,
            chunk_bytes=chunk_bytes,
            sha256=hashlib.sha256(data).hexdigest().upper(),
            size_bytes=len(data),
            content_type="image/jpeg",
        )
    )
    (key,) = await installed.objects()
    assert await content(installed, key) == data


async def test_chunks_may_carry_a_checksum(installed: Installation) -> None:
    data = jpeg()
    checked = upload_pb2.Chunk(offset=0, data=data, crc32c=google_crc32c.value(data))
    await installed.uploads.QuickUpload(
        iter(
            [
                upload_pb2.QuickUploadRequest(header=quick_header(installed.project_id)),
                upload_pb2.QuickUploadRequest(chunk=checked),
                upload_pb2.QuickUploadRequest(end=upload_pb2.End()),
            ]
        )
    )
    assert len(await installed.objects()) == 1
