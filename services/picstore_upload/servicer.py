"""UploadService: proto in, use-case, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceServicer
from picstore_kit.errors import InvalidField, PermissionDenied
from picstore_kit.ids import ImageId, ProjectId, TeamId, UploadId, derived_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.idempotency import RequestKey
from picstore_kit.rpc.auth import Principal, require_principal
from picstore_kit.rpc.call import Context
from picstore_upload import mapping
from picstore_upload.permission import IMAGE_CREATE
from picstore_upload.receive import ReceiveUpload
from picstore_upload.sessions import mapping as session_mapping
from picstore_upload.sessions.create import CreateUpload
from picstore_upload.sessions.delete import DeleteUpload
from picstore_upload.sessions.finish import FinishUpload
from picstore_upload.sessions.repo import Sessions
from picstore_upload.sessions.signing import SignRequests
from picstore_upload.sessions.write import WriteUpload

QuickContext = grpc.aio.ServicerContext[upload_pb2.QuickUploadRequest, Image]
ImageContext = grpc.aio.ServicerContext[upload_pb2.UploadImageRequest, Image]
WriteContext = grpc.aio.ServicerContext[upload_pb2.WriteUploadRequest, upload_pb2.Upload]

RequestT = TypeVar(
    "RequestT",
    bound=upload_pb2.QuickUploadRequest
    | upload_pb2.UploadImageRequest
    | upload_pb2.WriteUploadRequest,
)
MessageT = TypeVar("MessageT")


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What the service can do."""

    receive: ReceiveUpload
    create: CreateUpload
    write: WriteUpload
    finish: FinishUpload
    delete: DeleteUpload
    sign: SignRequests
    sessions: Sessions


class UploadServicer(UploadServiceServicer):
    """All ways to send the bytes of a picture, on the same checks and the same commit."""

    def __init__(self, cases: UseCases) -> None:
        self._cases = cases

    async def QuickUpload(
        self, request_iterator: AsyncIterator[upload_pb2.QuickUploadRequest], context: QuickContext
    ) -> Image:
        """Take in a new picture."""
        header = (await _first(request_iterator)).header
        parse_id(ProjectId, header.project_id, field="header.project_id")
        upload_id = _named_upload(require_principal(), header.request_id)
        committed = await self._cases.receive.run(
            _team(),
            mapping.quick_header_from(header, upload_id=upload_id),
            _rest(request_iterator, mapping.message_from),
        )
        return committed.image

    async def UploadImage(
        self, request_iterator: AsyncIterator[upload_pb2.UploadImageRequest], context: ImageContext
    ) -> Image:
        """Take in the bytes of an announced picture, or others for one that has some."""
        header = (await _first(request_iterator)).header
        parse_id(ImageId, header.image_id, field="header.image_id")
        committed = await self._cases.receive.run(
            _team(),
            mapping.image_header_from(header),
            _rest(request_iterator, mapping.message_from),
        )
        return committed.image

    async def CreateUpload(
        self, request: upload_pb2.CreateUploadRequest, context: Context
    ) -> upload_pb2.Upload:
        """Make an upload whose bytes come later."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        session = await self._cases.create.run(
            access,
            session_mapping.new_upload_from(request.upload),
            request_id=request.request_id,
            request=request.SerializeToString(deterministic=True),
        )
        return session_mapping.upload_message(session, requests=await self._cases.sign.run(session))

    async def GetUpload(
        self, request: upload_pb2.GetUploadRequest, context: Context
    ) -> upload_pb2.Upload:
        """Say how an upload stands."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        upload_id = parse_id(UploadId, request.upload_id, field="upload_id")
        session = await self._cases.sessions.fetch(access, upload_id)
        requests = await self._cases.sign.run(session) if request.sign else ()
        return session_mapping.upload_message(session, requests=requests)

    async def WriteUpload(
        self, request_iterator: AsyncIterator[upload_pb2.WriteUploadRequest], context: WriteContext
    ) -> upload_pb2.Upload:
        """Write bytes of an upload from where it was left."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        writing = session_mapping.writing_from((await _first(request_iterator)).header)
        written = await self._cases.write.run(
            access, writing, _rest(request_iterator, session_mapping.written_from)
        )
        return session_mapping.upload_message(written.session, image=written.image)

    async def CompleteUpload(
        self, request: upload_pb2.CompleteUploadRequest, context: Context
    ) -> Image:
        """Make the picture of what has come."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        upload_id = parse_id(UploadId, request.upload_id, field="upload_id")
        sha256 = session_mapping.sha256_from(request.sha256, field="sha256")
        return await self._cases.finish.run(access, upload_id, sha256=sha256)

    async def DeleteUpload(
        self, request: upload_pb2.DeleteUploadRequest, context: Context
    ) -> Empty:
        """Give an upload up."""
        access = Access.of(require_principal(), IMAGE_CREATE)
        upload_id = parse_id(UploadId, request.upload_id, field="upload_id")
        await self._cases.delete.run(access, upload_id)
        return Empty()


async def _first(requests: AsyncIterator[RequestT]) -> RequestT:
    request = await anext(requests, None)
    if request is None or request.WhichOneof("message") != "header":
        raise InvalidField("header", "must come first")
    return request


async def _rest(
    requests: AsyncIterator[RequestT], read: Callable[[RequestT], MessageT]
) -> AsyncIterator[MessageT]:
    async for request in requests:
        yield read(request)


def _team() -> TeamId:
    team = require_principal().team_id
    if team is None:  # a service that acts for nobody
        raise PermissionDenied.missing(IMAGE_CREATE)
    return team


def _named_upload(principal: Principal, request_id: str) -> UploadId | None:
    """Return the id of the upload that a request id of a caller stands for; None without one.

    It is the same in every replica, and another for every caller.
    """
    caller = principal.user_id or principal.service or ""
    key = RequestKey(principal=caller, method="QuickUpload", request_id=request_id)
    if not key.request_id:
        return None
    return derived_id(UploadId, principal.team_id or "", caller, key.request_id)
