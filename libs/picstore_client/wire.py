"""How uploads are spoken of with Pic Store: over HTTP, or gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol
from urllib.parse import quote

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import (
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
)
from picstore_client.connection import Connection
from picstore_client.methods import COMPLETE_UPLOAD, CREATE_UPLOAD, GET_UPLOAD

UNKNOWN_TYPE: Final = "application/octet-stream"


class UploadWire(Protocol):
    """Calls the upload service; raises the `PicstoreError` that it answers with."""

    @property
    def address(self) -> str:
        """Where Pic Store is."""

    async def create(self, request: CreateUploadRequest) -> Upload:
        """Call CreateUpload; it is repeated with the same `request_id` if need be."""

    async def get(self, request: GetUploadRequest) -> Upload:
        """Call GetUpload."""

    async def complete(self, request: CompleteUploadRequest) -> Image:
        """Call CompleteUpload."""

    async def write(
        self, upload_id: str, blocks: AsyncIterator[bytes], *, offset: int, size: int, sha256: str
    ) -> Upload:
        """Write the bytes from `offset` to the end of a file of `size`, and finish the upload."""


class HTTPWire:
    """Through the gateway."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def address(self) -> str:
        """The gateway's URL."""
        return self._connection.url

    async def create(self, request: CreateUploadRequest) -> Upload:
        """Call CreateUpload."""
        return await self._connection.call(CREATE_UPLOAD, request)

    async def get(self, request: GetUploadRequest) -> Upload:
        """Call GetUpload."""
        return await self._connection.call(GET_UPLOAD, request)

    async def complete(self, request: CompleteUploadRequest) -> Image:
        """Call CompleteUpload."""
        return await self._connection.call(COMPLETE_UPLOAD, request)

    async def write(
        self, upload_id: str, blocks: AsyncIterator[bytes], *, offset: int, size: int, sha256: str
    ) -> Upload:
        """Send the bytes as the body of a PATCH; the upload knows the hash since it was made."""
        return await self._connection.send(
            Upload,
            "PATCH",
            f"/api/v1/uploads/{quote(upload_id, safe='')}",
            params={"write_offset": str(offset), "finish_when_whole": "true"},
            headers={"content-type": UNKNOWN_TYPE, "content-length": str(size - offset)},
            content=blocks,
        )
