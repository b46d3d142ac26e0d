"""Uploads that are made first: what may be done to them when, and what bad input gets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore_kit.blobs.base import PART_BYTES
from picstore_kit.errors import Code, PicstoreError, Reason
from picstore_kit.ids import UploadId, new_id
from tests.integration.upload.installation import Installation
from tests.integration.upload.modes import (
    MULTIPART,
    PUT,
    complete,
    create,
    digest,
    refusal,
    send,
    state,
    written,
)
from tests.integration.upload.pictures import MIB, chunks, encoded, jpeg

DATA = jpeg() + hashlib.shake_256(b"noise").digest(2 * PART_BYTES + 1_234_567)
"""Two whole parts, and a rest."""

State = upload_pb2.Upload


class Sender:
    """Somebody who writes to an upload and takes a break whenever the test wants it."""

    def __init__(self, installed: Installation, upload_id: str, **header: Any) -> None:
        self._messages: asyncio.Queue[upload_pb2.WriteUploadRequest | None] = asyncio.Queue()
        self._messages.put_nowait(
            upload_pb2.WriteUploadRequest(
                header=upload_pb2.WriteUploadHeader(upload_id=upload_id, **header)
            )
        )
        self._offset = int(header.get("write_offset", 0))
        self.call = installed.uploads.WriteUpload(self._queued())

    async def _queued(self) -> AsyncIterator[upload_pb2.WriteUploadRequest]:
        while (message := await self._messages.get()) is not None:
            yield message

    def send(self, data: bytes) -> None:
        for chunk in chunks(data):
            chunk.offset += self._offset
            self._messages.put_nowait(upload_pb2.WriteUploadRequest(chunk=chunk))
        self._offset += len(data)

    def end(self) -> None:
        self._messages.put_nowait(None)


async def persisted(installed: Installation, upload_id: str, at_least: int) -> int:
    """Wait until so many bytes are safe, and return how many are."""
    async with asyncio.timeout(30):
        while True:
            size = (await state(installed, upload_id)).persisted_size
            if size >= at_least:
                return size
            await asyncio.sleep(0.05)


async def test_an_upload_that_nobody_knows_is_not_found(clean: Installation) -> None:
    unknown = new_id(UploadId)
    for call in (
        state(clean, unknown),
        complete(clean, unknown),
        clean.uploads.WriteUpload(written(unknown, b"x")),
        clean.uploads.DeleteUpload(upload_pb2.DeleteUploadRequest(upload_id=unknown)),
    ):
        assert (await refusal(call)).reason is Reason.RESOURCE_NOT_FOUND


async def test_it_is_another_teams_secret_and_not_for_those_who_only_look(
    clean: Installation,
) -> None:
    upload = await create(clean)
    get = upload_pb2.GetUploadRequest(upload_id=upload.id)
    finish = upload_pb2.CompleteUploadRequest(upload_id=upload.id)
    for call in (
        clean.stranger.GetUpload(get),
        clean.stranger.CompleteUpload(finish),
        clean.stranger.WriteUpload(written(upload.id, jpeg())),
        clean.stranger.DeleteUpload(upload_pb2.DeleteUploadRequest(upload_id=upload.id)),
    ):
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.NOT_FOUND, Reason.RESOURCE_NOT_FOUND)
    for call in (
        clean.viewer.GetUpload(get),
        clean.viewer.CompleteUpload(finish),
        clean.viewer.WriteUpload(written(upload.id, jpeg())),
    ):
        assert (await refusal(call)).reason is Reason.PERMISSION_MISSING


async def test_a_repeated_creation_returns_the_same_upload(clean: Installation) -> None:
    def request(size: int) -> upload_pb2.CreateUploadRequest:
        return upload_pb2.CreateUploadRequest(
            request_id="one",
            upload=upload_pb2.Upload(
                project_id=clean.project_id,
                upload_profile="photos",
                method=MULTIPART,
                size_bytes=size,
            ),
        )

    first, second = await asyncio.gather(*(clean.uploads.CreateUpload(request(10)) for _ in "ab"))
    assert first.id == second.id
    error = await refusal(clean.uploads.CreateUpload(request(11)))
    assert error.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize("offset", [1, 10, 5_000_000])
async def test_a_wrong_offset_is_told_the_right_one(clean: Installation, offset: int) -> None:
    upload = await create(clean, size_bytes=len(DATA))
    await clean.uploads.WriteUpload(written(upload.id, DATA[:10]))
    wrong = offset if offset != 10 else 0
    error = await refusal(clean.uploads.WriteUpload(written(upload.id, DATA[wrong:], offset=wrong)))
    assert error.reason is Reason.UPLOAD_OFFSET_WRONG
    assert error.metadata == {"expected": "10", "received": str(wrong)}
    assert (await state(clean, upload.id)).persisted_size == 10


async def test_a_chunk_out_of_order_ends_the_call_and_keeps_what_came_before(
    clean: Installation,
) -> None:
    upload = await create(clean)

    def messages() -> Iterator[upload_pb2.WriteUploadRequest]:
        yield from written(upload.id, DATA[:MIB])
        chunk = upload_pb2.Chunk(offset=2 * MIB, data=DATA[2 * MIB : 3 * MIB])
        yield upload_pb2.WriteUploadRequest(chunk=chunk)

    assert (await refusal(clean.uploads.WriteUpload(messages()))).reason is (
        Reason.UPLOAD_OFFSET_WRONG
    )
    assert (await state(clean, upload.id)).persisted_size == MIB


async def test_a_chunk_that_was_damaged_is_not_kept(clean: Installation) -> None:
    upload = await create(clean)

    def messages() -> Iterator[upload_pb2.WriteUploadRequest]:
        yield from written(upload.id, DATA[:MIB])
        chunk = upload_pb2.Chunk(offset=MIB, data=b"damaged", crc32c=1)
        yield upload_pb2.WriteUploadRequest(chunk=chunk)

    assert (await refusal(clean.uploads.WriteUpload(messages()))).reason is (
        Reason.UPLOAD_CHECKSUM_WRONG
    )
    assert (await state(clean, upload.id)).persisted_size == MIB
    await clean.uploads.WriteUpload(written(upload.id, DATA[MIB:], offset=MIB))
    assert (await complete(clean, upload.id, sha256=digest(DATA))).sha256 == digest(DATA)


@pytest.mark.parametrize("size", [5_000, len(DATA)], ids=["small", "large"])
@pytest.mark.parametrize("name", ["sha1", "sha256", "md5", "crc32"])
async def test_bytes_without_the_checksum_of_their_call_are_not_kept(
    clean: Installation, name: str, size: int
) -> None:
    data = DATA[:size]
    raw = (
        zlib.crc32(data).to_bytes(4, "big")
        if name == "crc32"
        else hashlib.new(name, data, usedforsecurity=False).digest()
    )
    good = f"{name} {base64.b64encode(raw).decode()}"
    bad = f"{name} {base64.b64encode(bytes(len(raw))).decode()}"
    upload = await create(clean)
    error = await refusal(clean.uploads.WriteUpload(written(upload.id, data, checksum=bad)))
    assert error.reason is Reason.UPLOAD_CHECKSUM_WRONG
    assert (await state(clean, upload.id)).persisted_size == 0
    done = await clean.uploads.WriteUpload(written(upload.id, data, checksum=good))
    assert done.persisted_size == size
    image = await complete(clean, upload.id, sha256=digest(data))
    assert image.size_bytes == size


async def test_more_than_was_announced_is_refused_and_what_fits_can_still_come(
    clean: Installation,
) -> None:
    upload = await create(clean, size_bytes=len(jpeg()))
    error = await refusal(clean.uploads.WriteUpload(written(upload.id, jpeg() + b"x")))
    assert error.reason is Reason.UPLOAD_INCOMPLETE
    at = (await state(clean, upload.id)).persisted_size
    done = await clean.uploads.WriteUpload(
        written(upload.id, jpeg()[at:], offset=at, finish_when_whole=True)
    )
    assert done.image.sha256 == digest(jpeg())


async def test_less_than_was_announced_is_no_picture_yet(clean: Installation) -> None:
    upload = await create(clean, size_bytes=len(jpeg()))
    error = await refusal(clean.uploads.WriteUpload(written(upload.id, jpeg()[:-1], finish="")))
    assert error.reason is Reason.UPLOAD_INCOMPLETE
    assert (await refusal(complete(clean, upload.id))).reason is Reason.UPLOAD_INCOMPLETE
    size = len(jpeg()) - 1
    assert (await state(clean, upload.id)).persisted_size == size
    await clean.uploads.WriteUpload(written(upload.id, jpeg()[-1:], offset=size))
    assert (await complete(clean, upload.id)).sha256 == digest(jpeg())


async def test_a_connection_that_is_cut_at_every_tenth_goes_on_where_it_was_cut(
    clean: Installation,
) -> None:
    upload = await create(clean, size_bytes=len(DATA))
    at = 0
    for tenth in range(1, 10):
        sender = Sender(clean, upload.id, write_offset=at)
        upto = len(DATA) * tenth // 10
        sender.send(DATA[at:upto])
        # A part at most is on its way when the connection goes; the rest is kept when it has.
        await persisted(clean, upload.id, upto - PART_BYTES if upto > PART_BYTES else 0)
        sender.call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender.call
        at = (await state(clean, upload.id)).persisted_size
        assert at <= upto
    done = await clean.other_replica.WriteUpload(
        written(upload.id, DATA[at:], offset=at, finish=digest(DATA))
    )
    assert done.image.sha256 == digest(DATA)


@pytest.mark.parametrize("replica", ["same", "other"])
async def test_the_newest_writer_gets_the_upload_and_the_other_is_told(
    clean: Installation, replica: str
) -> None:
    upload = await create(clean, size_bytes=len(DATA))
    first = Sender(clean, upload.id)
    first.send(DATA[: PART_BYTES + 1_000])
    await persisted(clean, upload.id, PART_BYTES)
    service = clean.uploads if replica == "same" else clean.other_replica

    async def go_on() -> upload_pb2.Upload:
        while True:  # what the first one has received is kept, so the offset may have moved on
            at = (await state(clean, upload.id)).persisted_size
            try:
                return await service.WriteUpload(
                    written(upload.id, DATA[at:], offset=at, finish=digest(DATA))
                )
            except PicstoreError as error:
                if error.reason is not Reason.UPLOAD_OFFSET_WRONG:
                    raise

    done = await go_on()
    assert done.image.sha256 == digest(DATA)
    assert (await refusal(first.call)).reason is Reason.LEASE_LOST


async def test_an_upload_that_expired_says_so_and_is_gone(clean: Installation) -> None:
    upload = await create(clean)
    await clean.uploads.WriteUpload(written(upload.id, DATA[: PART_BYTES + 10]))
    presigned = await create(clean, method=PUT, size_bytes=len(jpeg()))
    assert (await send(presigned.requests[0], jpeg())).is_success
    await clean.let_uploads_expire()
    for _ in range(2):  # before the sweep and after it
        for one in (upload, presigned):
            assert (await state(clean, one.id)).state == State.STATE_EXPIRED
            error = await refusal(complete(clean, one.id))
            assert error.reason is Reason.UPLOAD_EXPIRED
        error = await refusal(
            clean.uploads.WriteUpload(written(upload.id, b"x", offset=PART_BYTES + 10))
        )
        assert error.reason is Reason.UPLOAD_EXPIRED
        await clean.sweep.sweep()
    assert await clean.objects() == []


@pytest.mark.parametrize("method", [State.METHOD_RESUMABLE, PUT, MULTIPART])
async def test_fifty_completions_at_once_make_one_picture(
    clean: Installation, method: upload_pb2.Upload.Method.ValueType
) -> None:
    upload = await create(clean, method=method, size_bytes=len(DATA))
    if method == State.METHOD_RESUMABLE:
        await clean.uploads.WriteUpload(written(upload.id, DATA))
    for request in upload.requests:
        assert (await send(request, DATA)).is_success

    async def finish(number: int) -> str:
        while True:
            try:
                return (await complete(clean, upload.id)).id
            except PicstoreError as error:
                if error.reason is not Reason.UPLOAD_BUSY or not error.retry_after:
                    raise

    images = await asyncio.gather(*map(finish, range(50)))
    assert len(set(images)) == 1
    assert len(await clean.catalog_rows("SELECT id FROM images")) == 1
    error = await refusal(complete(clean, upload.id, sha256=digest(b"other")))
    assert error.reason is Reason.UPLOAD_COMPLETED
    if method == State.METHOD_RESUMABLE:
        error = await refusal(clean.uploads.WriteUpload(written(upload.id, b"x", offset=0)))
        assert error.reason is Reason.UPLOAD_COMPLETED
    done = await state(clean, upload.id)
    assert (done.state, done.image.id) == (State.STATE_COMPLETED, images[0])


async def test_an_upload_can_be_given_up_and_is_gone(clean: Installation) -> None:
    upload = await create(clean)
    await clean.uploads.WriteUpload(written(upload.id, DATA[: PART_BYTES + 10]))
    request = upload_pb2.DeleteUploadRequest(upload_id=upload.id)
    await clean.uploads.DeleteUpload(request)
    assert await clean.objects() == []
    assert (await refusal(state(clean, upload.id))).reason is Reason.RESOURCE_NOT_FOUND
    done = await create(clean)
    await clean.uploads.WriteUpload(written(done.id, jpeg(), finish=""))
    await clean.uploads.DeleteUpload(upload_pb2.DeleteUploadRequest(upload_id=done.id))
    assert len(await clean.catalog_rows("SELECT id FROM images")) == 1


async def test_a_refused_upload_stays_refused_and_leaves_nothing(clean: Installation) -> None:
    upload = await create(clean)
    error = await refusal(
        clean.uploads.WriteUpload(written(upload.id, b"<html>" * 3_000_000, finish=""))
    )
    assert error.reason is Reason.IMAGE_UNRECOGNISED
    there = await state(clean, upload.id)
    assert (there.state, there.failure_reason) == (State.STATE_FAILED, "IMAGE_UNRECOGNISED")
    assert (await refusal(complete(clean, upload.id))).reason is Reason.IMAGE_UNRECOGNISED
    assert await clean.objects() == []


async def test_a_picture_gets_another_original_the_same_way(clean: Installation) -> None:
    first = await create(clean)
    done = await clean.uploads.WriteUpload(written(first.id, jpeg(), finish=""))
    for number, method in enumerate((State.METHOD_RESUMABLE, PUT), start=2):
        data = encoded(60 + number, 40, ".png")
        upload = await create(
            clean,
            image_id=done.image.id,
            upload_profile="",
            filename="",
            method=method,
            size_bytes=len(data),
        )
        if upload.requests:
            assert (await send(upload.requests[0], data)).is_success
        else:
            await clean.uploads.WriteUpload(written(upload.id, data))
        image = await complete(clean, upload.id)
        assert (image.id, image.pending_generation) == (done.image.id, number)
        assert image.state == Image.STATE_CONVERTING


async def test_bad_fields_are_told_at_once(clean: Installation) -> None:
    error = await refusal(
        create(clean, method=PUT, sha256="zz", content_type="a\nb", note="x" * 5_000, partial=True)
    )
    assert error.reason is Reason.FIELD_INVALID
    assert {violation.field for violation in error.violations} == {
        "upload.size_bytes",
        "upload.sha256",
        "upload.content_type",
        "upload.note",
        "upload.method",
    }
    too_large = await refusal(create(clean, size_bytes=10**12))
    assert too_large.reason is Reason.LIMIT_BYTES
