"""`GRPCUploader` in front of an upload service that breaks off."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import google_crc32c
import grpc
import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2_grpc
from picstore.upload.v1.upload_pb2 import (
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
    WriteUploadRequest,
)
from picstore_client.grpc_uploads import GRPCUploader
from picstore_kit.errors import PicstoreError, Reason

FILE = random.Random(6).randbytes(900_000)
SHA256 = hashlib.sha256(FILE).hexdigest()


class Uploads(upload_pb2_grpc.UploadServiceServicer):
    """One upload, and what has come of it."""

    def __init__(self) -> None:
        self.upload = Upload()
        self.data = bytearray()
        self.cuts: deque[int] = deque()
        """After how many bytes the next calls break off."""
        self.offsets: list[int] = []
        self.credentials: set[str] = set()

    async def CreateUpload(self, request: CreateUploadRequest, context: Any) -> Upload:
        self.credentials.add(dict(context.invocation_metadata())["authorization"])
        self.upload.CopyFrom(request.upload)
        self.upload.id = "upl_0"
        self.upload.state = Upload.STATE_OPEN
        return self.upload

    async def GetUpload(self, request: GetUploadRequest, context: Any) -> Upload:
        self.upload.persisted_size = len(self.data)
        return self.upload

    async def WriteUpload(
        self, requests: AsyncIterator[WriteUploadRequest], context: Any
    ) -> Upload:
        left = self.cuts.popleft() if self.cuts else len(FILE) + 1
        async for request in requests:
            if request.HasField("header"):
                assert request.header.write_offset == len(self.data)
                self.offsets.append(request.header.write_offset)
            elif request.HasField("chunk"):
                chunk = request.chunk
                assert chunk.offset == len(self.data)
                assert chunk.crc32c == google_crc32c.value(chunk.data)
                self.data += chunk.data[:left]
                left -= len(chunk.data)
                if left <= 0:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            else:
                assert request.finish.sha256 == SHA256
                self.upload.image.CopyFrom(Image(id="img_0", sha256=SHA256))
                self.upload.state = Upload.STATE_COMPLETED
        self.upload.persisted_size = len(self.data)
        return self.upload

    async def CompleteUpload(self, request: CompleteUploadRequest, context: Any) -> Image:
        raise AssertionError("the stream has a finish")

    async def DeleteUpload(self, request: Any, context: Any) -> Any:
        raise AssertionError("nobody gives it up")

    async def QuickUpload(self, requests: Any, context: Any) -> Any:
        raise AssertionError("it could not be resumed")

    async def UploadImage(self, requests: Any, context: Any) -> Any:
        raise AssertionError("it could not be resumed")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[Uploads, str]]:
    uploads = Uploads()
    server = grpc.aio.server()
    upload_pb2_grpc.add_UploadServiceServicer_to_server(uploads, server)
    target = f"unix:{tmp_path / 'upload.sock'}"
    server.add_insecure_port(target)
    await server.start()
    yield uploads, target
    await server.stop(None)


async def test_a_file_arrives_however_often_it_breaks_off(
    service: tuple[Uploads, str], tmp_path: Path
) -> None:
    uploads, target = service
    uploads.cuts.extend([100_000, 300_000, 1])
    path = tmp_path / "dog.jpg"
    path.write_bytes(FILE)
    sent: list[int] = []
    async with GRPCUploader(target, "ps_key") as uploader:
        image = await uploader.upload(path, project_id="prj_1", progress=sent.append)
    assert image.id == "img_0"
    assert bytes(uploads.data) == FILE
    assert uploads.offsets == [0, 100_000, 400_000, 400_001]
    assert sum(sent) == len(FILE)
    assert uploads.credentials == {"Bearer ps_key"}


async def test_a_file_that_is_written_to_meanwhile_becomes_no_picture(
    service: tuple[Uploads, str], tmp_path: Path
) -> None:
    uploads, target = service
    path = tmp_path / "dog.jpg"
    path.write_bytes(FILE)

    def append(count: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    async with GRPCUploader(target, "ps_key") as uploader:
        with pytest.raises(PicstoreError) as caught:
            await uploader.upload(path, project_id="prj_1", progress=append)
    assert caught.value.reason is Reason.UPLOAD_INCOMPLETE
    assert uploads.upload.state == Upload.STATE_OPEN
