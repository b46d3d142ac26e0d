"""The operations of tus, each on the RPCs that it comes down to."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from picstore.catalog.v1 import image_pb2
from picstore.upload.v1 import upload_pb2
from picstore_gateway.api import media_type
from picstore_gateway.backends import Backends
from picstore_gateway.headers import IDEMPOTENCY_KEY
from picstore_gateway.routes import route_to
from picstore_gateway.streams import Body
from picstore_gateway.tus.answers import (
    FORBIDDEN,
    LOCKED,
    Refusal,
    check_there,
    description_of,
    headers_of,
    is_passing,
    is_whole,
    length_of,
    offset_of,
)
from picstore_gateway.tus.creation import bounded, upload_of
from picstore_gateway.tus.headers import (
    CONTENT_TYPE,
    DIGEST_BYTES,
    EXTENSIONS,
    VERSION,
    checksum_of,
    number_of,
    place_of,
)
from picstore_gateway.writing import write
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidField,
    PicstoreError,
    Reason,
)

_SERVICE: Final = "picstore.upload.v1.UploadService"
_CREATE: Final = route_to(f"{_SERVICE}.CreateUpload")
_GET: Final = route_to(f"{_SERVICE}.GetUpload")
_WRITE: Final = route_to(f"{_SERVICE}.WriteUpload")
_COMPLETE: Final = route_to(f"{_SERVICE}.CompleteUpload")
_DELETE: Final = route_to(f"{_SERVICE}.DeleteUpload")


class TusOperations:
    """What is done for each verb."""

    def __init__(self, backends: Backends, *, max_bytes: int) -> None:
        """`max_bytes` is what clients are told that a file may have."""
        self._backends = backends
        self._max_bytes = max_bytes

    async def tell(self, request: Request) -> Response:
        """Say what is spoken here (OPTIONS)."""
        headers = {
            "tus-version": VERSION,
            "tus-extension": ",".join(EXTENSIONS),
            "tus-max-size": str(self._max_bytes),
            "tus-checksum-algorithm": ",".join(DIGEST_BYTES),
        }
        return Response(status_code=204, headers=headers)

    async def create(self, request: Request) -> Response:
        """Make an upload, of whose bytes some or all may come at once (POST)."""
        wanted = upload_of(request, max_bytes=self._max_bytes)
        has_body = _has_body(request)
        if has_body:
            _require_type(request)
            if wanted.concat_upload_ids:
                raise InvalidField("body", "must be empty: the bytes are those of the parts")
        checksum = _checksum(request)
        upload = await self._backends.call(
            _CREATE,
            upload_pb2.CreateUploadRequest(
                upload=wanted, request_id=request.headers.get(IDEMPOTENCY_KEY, "")
            ),
        )
        assert isinstance(upload, upload_pb2.Upload)  # by its route
        headers = {"location": place_of(upload.id)}
        if wanted.concat_upload_ids:
            upload = await self._completed(upload)
        elif has_body:
            header = upload_pb2.WriteUploadHeader(
                upload_id=upload.id,
                write_offset=upload.persisted_size,
                checksum=checksum,
                finish_when_whole=not wanted.partial,
            )
            upload = await write(self._backends, _WRITE, header, Body(request))
        return Response(status_code=201, headers={**headers, **headers_of(upload)})

    async def look(self, request: Request) -> Response:
        """Say how far an upload is (HEAD).

        To clients an upload whose bytes are all there is done. If what would have made the picture
        of them has died, then this is the last that is heard of them: so it is made now.
        """
        try:
            upload = await self._upload(request)
            check_there(upload)
            if is_whole(upload):
                upload = await self._completed(upload)
        except PicstoreError as error:
            if is_passing(error):
                raise Refusal(error, LOCKED) from error
            raise
        headers = {"cache-control": "no-store", **description_of(upload)}
        return Response(status_code=200, headers=headers)

    async def write(self, request: Request) -> Response:
        """Take in bytes of an upload (PATCH)."""
        _require_type(request)
        checksum = _checksum(request)
        offset = number_of("upload-offset", request.headers.get("upload-offset", ""))
        upload = await self._upload(request)
        self._check_writable(upload, offset)
        header = upload_pb2.WriteUploadHeader(
            upload_id=upload.id,
            write_offset=offset,
            checksum=checksum,
            finish_when_whole=not upload.partial,
        )
        length = self._length(request, upload)
        if length is not None:
            header.size_bytes = length
        if upload.state == upload_pb2.Upload.STATE_OPEN or _has_body(request):
            upload = await write(self._backends, _WRITE, header, Body(request))
        return Response(status_code=204, headers=headers_of(upload))

    async def terminate(self, request: Request) -> Response:
        """Give an upload up (DELETE)."""
        upload_id = request.path_params["upload_id"]
        await self._backends.call(_DELETE, upload_pb2.DeleteUploadRequest(upload_id=upload_id))
        return Response(status_code=204)

    async def _upload(self, request: Request) -> upload_pb2.Upload:
        upload_id = request.path_params["upload_id"]
        upload = await self._backends.call(_GET, upload_pb2.GetUploadRequest(upload_id=upload_id))
        assert isinstance(upload, upload_pb2.Upload)  # by its route
        return upload

    async def _completed(self, upload: upload_pb2.Upload) -> upload_pb2.Upload:
        image = await self._backends.call(
            _COMPLETE, upload_pb2.CompleteUploadRequest(upload_id=upload.id)
        )
        assert isinstance(image, image_pb2.Image)  # by its route
        done = upload_pb2.Upload()
        done.CopyFrom(upload)
        done.state = upload_pb2.Upload.STATE_COMPLETED
        done.image.CopyFrom(image)
        return done

    def _check_writable(self, upload: upload_pb2.Upload, offset: int) -> None:
        check_there(upload)
        if upload.concat_upload_ids:
            error = FailedPrecondition(
                Reason.UPLOAD_COMPLETED,
                "the bytes of the upload are those of its parts",
                metadata={"upload": upload.id, "image": upload.image.id},
            )
            raise Refusal(error, FORBIDDEN)
        expected = offset_of(upload)
        if offset != expected:
            raise Aborted(
                Reason.UPLOAD_OFFSET_WRONG,
                f"the upload goes on at {expected}, not at {offset}",
                metadata={"expected": str(expected), "received": str(offset)},
            )

    def _length(self, request: Request, upload: upload_pb2.Upload) -> int | None:
        """Return the length of an upload that was made without, if it is said now."""
        text = request.headers.get("upload-length")
        if text is None:
            return None
        length = bounded(number_of("upload-length", text), self._max_bytes)
        known = length_of(upload)
        if known is None:
            return length
        if known != length:
            raise InvalidField("upload-length", f"must be {known} as it was said before")
        return None


def _has_body(request: Request) -> bool:
    headers = request.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _require_type(request: Request) -> None:
    if media_type(request.headers.get("content-type", "")) != CONTENT_TYPE:
        raise HTTPException(415, f"the body must be {CONTENT_TYPE}")


def _checksum(request: Request) -> str:
    text = request.headers.get("upload-checksum")
    return "" if text is None else checksum_of(text)
