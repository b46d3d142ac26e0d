"""UploadService: proto in, use-case, proto out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Generic, Self, TypeVar

import grpc.aio

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceServicer
from picstore_kit.errors import InvalidField, PermissionDenied, PicstoreError
from picstore_kit.ids import ImageId, ProjectId, TeamId, parse_id
from picstore_kit.rpc.auth import require_principal
from picstore_upload import mapping
from picstore_upload.model import Chunk, End
from picstore_upload.receive import ReceiveUpload

QuickContext = grpc.aio.ServicerContext[upload_pb2.QuickUploadRequest, Image]
ImageContext = grpc.aio.ServicerContext[upload_pb2.UploadImageRequest, Image]


_LINGER_S: Final = 5.0
"""How long a refused client is still listened to."""

RequestT = TypeVar("RequestT", bound=upload_pb2.QuickUploadRequest | upload_pb2.UploadImageRequest)


class UploadServicer(UploadServiceServicer):
    """Both ways to send the bytes of a picture, on the same engine."""

    def __init__(self, receive: ReceiveUpload) -> None:
        self._receive = receive

    async def QuickUpload(
        self, request_iterator: AsyncIterator[upload_pb2.QuickUploadRequest], context: QuickContext
    ) -> Image:
        """Take in a new picture."""
        async with _heard_out(request_iterator) as incoming:
            header = (await incoming.first()).header
            parse_id(ProjectId, header.project_id, field="header.project_id")
            return await self._receive.run(_team(), mapping.quick_header_from(header), incoming)

    async def UploadImage(
        self, request_iterator: AsyncIterator[upload_pb2.UploadImageRequest], context: ImageContext
    ) -> Image:
        """Take in the bytes of an announced picture."""
        async with _heard_out(request_iterator) as incoming:
            header = (await incoming.first()).header
            parse_id(ImageId, header.image_id, field="header.image_id")
            return await self._receive.run(_team(), mapping.image_header_from(header), incoming)


class _Incoming(Generic[RequestT]):
    """The messages of one upload: the header, and an iterator over what follows it."""

    def __init__(self, requests: AsyncIterator[RequestT]) -> None:
        self._requests = requests
        self._ended = False

    async def first(self) -> RequestT:
        """Return the message that holds the header.

        Raises:
            InvalidField: It holds something else, or there is none.
        """
        request = await anext(self._requests, None)
        if request is None or request.WhichOneof("message") != "header":
            raise InvalidField("header", "must come first")
        return request

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk | End:
        message = mapping.message_from(await anext(self._requests))
        self._ended = isinstance(message, End)
        return message

    async def drop_the_rest(self) -> None:
        """Read on to the end and keep nothing."""
        while not self._ended:
            request = await anext(self._requests, None)
            self._ended = request is None or request.WhichOneof("message") == "end"


@asynccontextmanager
async def _heard_out(requests: AsyncIterator[RequestT]) -> AsyncIterator[_Incoming[RequestT]]:
    """Let a refused client finish, for a while, before it is told.

    Python's asyncio client of gRPC reports INTERNAL instead of the server's status where a call
    ends while it writes (seen in every third refusal of 10 MiB with grpcio 1.85).
    """
    incoming = _Incoming(requests)
    try:
        yield incoming
    except PicstoreError:
        with suppress(TimeoutError, PicstoreError):
            async with asyncio.timeout(_LINGER_S):
                await incoming.drop_the_rest()
        raise


def _team() -> TeamId:
    team = require_principal().team_id
    if team is None:  # a service that acts for nobody
        raise PermissionDenied.missing("image:create")
    return team
