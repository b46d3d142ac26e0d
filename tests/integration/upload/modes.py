"""Every way in which bytes reach the upload service over gRPC, behind one call."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import PicstoreError
from tests.integration.upload.installation import Installation
from tests.integration.upload.pictures import MIB, chunks, quick

Mode = Callable[..., Awaitable[Image]]
"""Sends bytes: `(installed, data, sha256="", content_type="", on_duplicate=0)`."""

RESUMABLE = upload_pb2.Upload.METHOD_RESUMABLE
PUT = upload_pb2.Upload.METHOD_PUT
POST = upload_pb2.Upload.METHOD_POST
MULTIPART = upload_pb2.Upload.METHOD_MULTIPART


async def create(installed: Installation, **fields: Any) -> upload_pb2.Upload:
    """Make an upload of the project's profile."""
    upload = upload_pb2.Upload(
        project_id=installed.project_id,
        **{"upload_profile": "photos", "filename": "photo.jpg", **fields},
    )
    return await installed.uploads.CreateUpload(upload_pb2.CreateUploadRequest(upload=upload))


def written(
    upload_id: str,
    data: bytes,
    *,
    offset: int = 0,
    finish: str | None = None,
    chunk_bytes: int = MIB,
    **header: Any,
) -> Iterator[upload_pb2.WriteUploadRequest]:
    """The messages that write `data` at `offset`; `finish` is the digest to end with."""
    yield upload_pb2.WriteUploadRequest(
        header=upload_pb2.WriteUploadHeader(upload_id=upload_id, write_offset=offset, **header)
    )
    for chunk in chunks(data, chunk_bytes):
        chunk.offset += offset
        yield upload_pb2.WriteUploadRequest(chunk=chunk)
    if finish is not None:
        yield upload_pb2.WriteUploadRequest(finish=upload_pb2.Finish(sha256=finish))


async def state(
    installed: Installation, upload_id: str, *, sign: bool = False
) -> upload_pb2.Upload:
    """Ask how an upload stands."""
    return await installed.uploads.GetUpload(
        upload_pb2.GetUploadRequest(upload_id=upload_id, sign=sign)
    )


async def complete(installed: Installation, upload_id: str, *, sha256: str = "") -> Image:
    """Have an upload completed."""
    return await installed.uploads.CompleteUpload(
        upload_pb2.CompleteUploadRequest(upload_id=upload_id, sha256=sha256)
    )


async def refusal(call: Awaitable[Any]) -> PicstoreError:
    """Await what must be refused, and return why."""
    with pytest.raises(PicstoreError) as caught:
        await call
    return caught.value


async def send(request: upload_pb2.PresignedRequest, data: bytes) -> httpx.Response:
    """Do what a presigned request says, as a browser would."""
    async with httpx.AsyncClient(timeout=60) as http:
        if request.method == "POST":
            return await http.post(request.url, data=dict(request.fields), files={"file": data})
        piece = data[request.offset : request.offset + (request.size_bytes or len(data))]
        return await http.put(request.url, content=piece, headers=dict(request.headers))


async def quick_upload(
    installed: Installation, data: bytes, *, sha256: str = "", **header: Any
) -> Image:
    return await installed.uploads.QuickUpload(
        quick(data, project_id=installed.project_id, sha256=sha256, **header)
    )


async def announced(
    installed: Installation, data: bytes, *, sha256: str = "", **header: Any
) -> Image:
    image_id = await installed.announce()

    def messages() -> Iterator[upload_pb2.UploadImageRequest]:
        yield upload_pb2.UploadImageRequest(
            header=upload_pb2.UploadImageHeader(image_id=image_id, **header)
        )
        for chunk in chunks(data):
            yield upload_pb2.UploadImageRequest(chunk=chunk)
        yield upload_pb2.UploadImageRequest(end=upload_pb2.End(sha256=sha256))

    return await installed.uploads.UploadImage(messages())


async def in_one_call(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    upload = await create(installed, **fields)
    done = await installed.uploads.WriteUpload(written(upload.id, data, finish=sha256))
    assert done.state == upload_pb2.Upload.STATE_COMPLETED
    return done.image


async def in_pieces(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    """Three calls, to two replicas in turn, and a completion of its own."""
    upload = await create(installed, size_bytes=len(data) or None, **fields)
    third = len(data) // 3 + 1
    for number, start in enumerate(range(0, len(data), third)):
        replica = installed.other_replica if number % 2 else installed.uploads
        piece = data[start : start + third]
        there = await replica.WriteUpload(written(upload.id, piece, offset=start))
        assert there.persisted_size == start + len(piece)
    return await complete(installed, upload.id, sha256=sha256)


async def until_whole(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    """As tus does it: the call that brings the last byte makes the picture."""
    upload = await create(installed, size_bytes=len(data) or None, sha256=sha256, **fields)
    half = len(data) // 2
    await installed.uploads.WriteUpload(written(upload.id, data[:half], finish_when_whole=True))
    done = await installed.uploads.WriteUpload(
        written(upload.id, data[half:], offset=half, finish_when_whole=True)
    )
    return done.image


async def joined(installed: Installation, data: bytes, *, sha256: str = "", **fields: Any) -> Image:
    """Two partial uploads at once, and one that consists of both."""
    half = len(data) // 2

    async def part(piece: bytes) -> str:
        upload = await create(installed, partial=True, size_bytes=len(piece) or None)
        done = await installed.uploads.WriteUpload(written(upload.id, piece))
        assert done.state == upload_pb2.Upload.STATE_COMPLETED
        return upload.id

    parts = await asyncio.gather(part(data[:half]), part(data[half:]))
    whole = await create(installed, concat_upload_ids=parts, sha256=sha256, **fields)
    return await complete(installed, whole.id)


async def _presigned(
    installed: Installation,
    data: bytes,
    method: upload_pb2.Upload.Method.ValueType,
    *,
    sha256: str,
    **fields: Any,
) -> Image:
    upload = await create(installed, method=method, size_bytes=len(data) or None, **fields)
    for request in upload.requests:
        answer = await send(request, data)
        assert answer.is_success, answer.text
    return await complete(installed, upload.id, sha256=sha256)


async def presigned_put(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    return await _presigned(installed, data, PUT, sha256=sha256, **fields)


async def presigned_post(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    return await _presigned(installed, data, POST, sha256=sha256, **fields)


async def presigned_parts(
    installed: Installation, data: bytes, *, sha256: str = "", **fields: Any
) -> Image:
    return await _presigned(installed, data, MULTIPART, sha256=sha256, **fields)


MODES: dict[str, Mode] = {
    "quick": quick_upload,
    "announced": announced,
    "in one call": in_one_call,
    "in pieces": in_pieces,
    "until whole": until_whole,
    "joined": joined,
    "presigned PUT": presigned_put,
    "presigned form": presigned_post,
    "presigned parts": presigned_parts,
}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
