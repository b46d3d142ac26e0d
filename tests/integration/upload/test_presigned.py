"""Uploads by presigned requests: what the store takes, and what becomes of it."""

from __future__ import annotations

import asyncio

import pytest

from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import Reason
from picstore_kit.ids import UploadId, new_id
from picstore_upload.sessions.model import incoming_prefix
from tests.integration.upload.installation import Installation
from tests.integration.upload.modes import (
    MULTIPART,
    POST,
    PUT,
    complete,
    create,
    digest,
    refusal,
    send,
    state,
)
from tests.integration.upload.pictures import MIB, encoded, jpeg


@pytest.mark.parametrize("method", [PUT, POST, MULTIPART])
async def test_completing_before_the_bytes_are_there_changes_nothing(
    clean: Installation, method: upload_pb2.Upload.Method.ValueType
) -> None:
    upload = await create(clean, method=method, size_bytes=len(jpeg()))
    for _ in range(2):
        error = await refusal(complete(clean, upload.id))
        assert error.reason is Reason.UPLOAD_OBJECT_MISSING
    assert (await send(upload.requests[0], jpeg())).is_success
    assert (await complete(clean, upload.id)).sha256 == digest(jpeg())


@pytest.mark.parametrize("method", [PUT, POST])
async def test_presigned_requests_take_nothing_else(
    clean: Installation, method: upload_pb2.Upload.Method.ValueType
) -> None:
    upload = await create(clean, method=method, size_bytes=len(jpeg()), content_type="image/jpeg")
    (request,) = upload.requests
    other = upload_pb2.PresignedRequest()
    for data in (jpeg()[:-1], jpeg() + b"x", b"x"):
        other.CopyFrom(request)
        if method == PUT:  # the true length: a header that lies never leaves a client
            other.headers["content-length"] = str(len(data))
            other.size_bytes = len(data)
        assert (await send(other, data)).is_client_error
    other.CopyFrom(request)
    if method == PUT:
        other.headers["content-type"] = "text/html"
        assert (await send(other, jpeg())).is_client_error
        other.headers["content-type"] = "image/jpeg"
        other.url = request.url.replace(upload.id, new_id(UploadId))
        assert (await send(other, jpeg())).is_client_error
    else:
        other.fields["Content-Type"] = "text/html"
        assert (await send(other, jpeg())).is_client_error
    assert (await refusal(complete(clean, upload.id))).reason is Reason.UPLOAD_OBJECT_MISSING


@pytest.mark.parametrize("method", [PUT, POST])
async def test_using_a_presigned_request_again_changes_no_picture(
    clean: Installation, method: upload_pb2.Upload.Method.ValueType
) -> None:
    first, second = encoded(100, 80, ".png"), encoded(80, 100, ".png")
    size = max(len(first), len(second))
    first, second = first.ljust(size, b"\0"), second.ljust(size, b"\0")
    upload = await create(clean, method=method, size_bytes=size)
    assert (await send(upload.requests[0], first)).is_success
    image = await complete(clean, upload.id)
    assert (await send(upload.requests[0], second)).is_success
    assert (await complete(clean, upload.id)).id == image.id
    (row,) = await clean.catalog_rows("SELECT object_key FROM originals")
    stored = b"".join([block async for block in clean.store.get_range(row[0])])
    assert stored == first
    # What came late is found when no request can bring any more.
    assert len(await clean.objects()) == 2


async def test_parts_that_are_missing_are_signed_again(clean: Installation) -> None:
    data = jpeg() + bytes(17 * MIB)
    upload = await create(clean, method=MULTIPART, size_bytes=len(data))
    assert [request.part_number for request in upload.requests] == [1, 2, 3]
    assert (await send(upload.requests[1], data)).is_success
    assert (await refusal(complete(clean, upload.id))).reason is Reason.UPLOAD_INCOMPLETE
    missing = (await state(clean, upload.id, sign=True)).requests
    assert [request.part_number for request in missing] == [1, 3]
    for request in missing:
        assert (await send(request, data)).is_success
    assert (await complete(clean, upload.id)).sha256 == digest(data)


async def test_a_file_of_another_length_is_deleted_and_the_right_one_can_still_come(
    clean: Installation,
) -> None:
    upload = await create(clean, method=PUT, size_bytes=len(jpeg()))
    # As by a store that does not hold a request to the length that is signed.
    key = f"{incoming_prefix(UploadId(upload.id))}file"
    for data in (jpeg()[:-1], jpeg() + b"x"):
        await clean.store.put_bytes(key, data, content_type="image/jpeg")
        error = await refusal(complete(clean, upload.id))
        assert error.reason is Reason.UPLOAD_INCOMPLETE
        assert await clean.objects() == []
    assert (await send(upload.requests[0], jpeg())).is_success
    assert (await complete(clean, upload.id)).sha256 == digest(jpeg())


async def test_the_same_creation_twice_at_once_takes_parts_by_either_answer(
    clean: Installation,
) -> None:
    data = jpeg() + bytes(17 * MIB)
    request = upload_pb2.CreateUploadRequest(
        request_id="one",
        upload=upload_pb2.Upload(
            project_id=clean.project_id,
            upload_profile="photos",
            method=MULTIPART,
            size_bytes=len(data),
        ),
    )
    services = (clean.uploads, clean.other_replica) * 4
    made = await asyncio.gather(*(service.CreateUpload(request) for service in services))
    assert len({upload.id for upload in made}) == 1
    for number in range(3):
        assert (await send(made[number * 2].requests[number], data)).is_success
    assert (await complete(clean, made[0].id)).sha256 == digest(data)
