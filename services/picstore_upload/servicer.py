"""UploadService: proto in, use-case, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

import grpc.aio

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceServicer
from picstore_kit.errors import InvalidField, PermissionDenied
from picstore_kit.ids import ImageId, ProjectId, TeamId, parse_id
from picstore_kit.rpc.auth import require_principal
from picstore_upload import mapping
from picstore_upload.model import Chunk, End
from picstore_upload.receive import ReceiveUpload

QuickContext = grpc.aio.ServicerContext[upload_pb2.QuickUploadRequest, Image]
ImageContext = grpc.aio.ServicerContext[upload_pb2.UploadImageRequest, Image]


RequestT = TypeVar("RequestT", bound=upload_pb2.QuickUploadRequest | upload_pb2.UploadImageRequest)


class UploadServicer(UploadServiceServicer):
    """Both ways to send the bytes of a picture, on the same engine."""

    def __init__(self, receive: ReceiveUpload) -> None:
        self._receive = receive

    async def QuickUpload(
        self, request_iterator: AsyncIterator[upload_pb2.QuickUploadRequest], context: QuickContext
    ) -> Image:
        """Take in a new picture."""
        header = (await _first(request_iterator)).header
        parse_id(ProjectId, header.project_id, field="header.project_id")
        return await self._receive.run(
            _team(), mapping.quick_header_from(header), _rest(request_iterator)
        )

    async def UploadImage(
        self, request_iterator: AsyncIterator[upload_pb2.UploadImageRequest], context: ImageContext
    ) -> Image:
        """Take in the bytes of an announced picture."""
        header = (await _first(request_iterator)).header
        parse_id(ImageId, header.image_id, field="header.image_id")
        return await self._receive.run(
            _team(), mapping.image_header_from(header), _rest(request_iterator)
        )


async def _first(requests: AsyncIterator[RequestT]) -> RequestT:
    request = await anext(requests, None)
    if request is None or request.WhichOneof("message") != "header":
        raise InvalidField("header", "must come first")
    return request


async def _rest(requests: AsyncIterator[RequestT]) -> AsyncIterator[Chunk | End]:
    async for request in requests:
        yield mapping.message_from(request)


def _team() -> TeamId:
    team = require_principal().team_id
    if team is None:  # a service that acts for nobody
        raise PermissionDenied.missing("image:create")
    return team
