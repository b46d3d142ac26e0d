"""Uploads over gRPC, past the gateway: for programs within the installation.

async with GRPCUploader("upload:8443", api_key) as uploader:
    image = await uploader.upload(Path("photo.jpg"), project_id="prj_…")
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import google_crc32c

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import (
    Chunk,
    CompleteUploadRequest,
    CreateUploadRequest,
    Finish,
    GetUploadRequest,
    Upload,
    WriteUploadHeader,
    WriteUploadRequest,
)
from picstore.upload.v1.upload_pb2_grpc import UploadServiceStub
from picstore_client.meter import Meter, Progress
from picstore_client.plan import OnDuplicate, UploadPlan, media_type_of
from picstore_client.resumable import ResumableUpload
from picstore_client.sources import Content, opened
from picstore_client.uploading import verify
from picstore_kit.errors import PicstoreError
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials

if TYPE_CHECKING:
    # The stub of the asynchronous API exists for the type checker only.
    from picstore.upload.v1.upload_pb2_grpc import UploadServiceAsyncStub


class GRPCUploader:
    """Uploads files to an upload service, resumably; an async context manager."""

    def __init__(self, target: str, api_key: str) -> None:
        """Prepare to call the upload service at `target`, as gRPC writes it, without TLS."""
        self._target = target
        self._channel = open_channel(
            target,
            services=["picstore.upload.v1.UploadService"],
            credentials=BearerCredentials(lambda: api_key),
        )

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._channel.__aexit__(kind, error, traceback)

    async def upload(
        self,
        content: Content,
        *,
        project_id: str,
        image: str = "",
        upload_profile: str = "",
        filename: str = "",
        alt_text: str = "",
        location: str = "",
        content_type: str = "",
        on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING,
        sha256: str = "",
        progress: Progress | None = None,
        state: Path | None = None,
        patience_s: float = 60.0,
    ) -> Image:
        """Upload a file, bytes or a stream, and return the picture that it has become.

        Arguments and errors are those of `PicStoreClient.upload` by the way RESUMABLE; each chunk
        has a checksum of its own.
        """
        async with opened(content) as source:
            name = filename or source.name
            plan = UploadPlan(
                project_id=project_id,
                image_id=image,
                upload_profile=upload_profile,
                filename=name,
                alt_text=alt_text,
                location=location,
                content_type=content_type or media_type_of(name),
                on_duplicate=on_duplicate,
                size=source.size,
                sha256=sha256.lower() or await source.sha256(),
            )
            wire = _GRPCWire(self._target, UploadServiceStub(self._channel))
            work = ResumableUpload(wire, plan, source, Meter(progress), state=state)
            made = await work.run(patience_s)
        verify(plan, made)
        return made


class _GRPCWire:
    """An `UploadWire` over a channel."""

    def __init__(self, target: str, stub: UploadServiceAsyncStub) -> None:
        self._target = target
        self._stub = stub

    @property
    def address(self) -> str:
        return self._target

    async def create(self, request: CreateUploadRequest) -> Upload:
        return await self._stub.CreateUpload(request)

    async def get(self, request: GetUploadRequest) -> Upload:
        return await self._stub.GetUpload(request)

    async def complete(self, request: CompleteUploadRequest) -> Image:
        return await self._stub.CompleteUpload(request)

    async def write(
        self, upload_id: str, blocks: AsyncIterator[bytes], *, offset: int, size: int, sha256: str
    ) -> Upload:
        failures: list[PicstoreError | OSError] = []

        async def messages() -> AsyncIterator[WriteUploadRequest]:
            yield WriteUploadRequest(
                header=WriteUploadHeader(upload_id=upload_id, write_offset=offset)
            )
            at = offset
            try:
                async for data in blocks:
                    chunk = Chunk(offset=at, data=data, crc32c=google_crc32c.value(data))
                    yield WriteUploadRequest(chunk=chunk)
                    at += len(data)
            except (PicstoreError, OSError) as error:
                # gRPC would lose it. Without a finish what has come is kept, and no more.
                failures.append(error)
                return
            yield WriteUploadRequest(finish=Finish(sha256=sha256))

        upload = await self._stub.WriteUpload(messages())
        if failures:
            raise failures[0]
        return upload
