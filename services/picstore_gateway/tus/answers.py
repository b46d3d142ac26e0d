"""What an upload and its errors are in the headers and statuses of tus."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from starlette.responses import Response

from picstore.upload.v1 import upload_pb2
from picstore_gateway.problems import problem, status_of
from picstore_gateway.tus.headers import concatenation_text, date_text, is_metadata
from picstore_kit.errors import Code, FailedPrecondition, PicstoreError, Reason

GONE: Final = 410
FORBIDDEN: Final = 403
LOCKED: Final = 423

_STATUSES: Final = {
    Reason.UPLOAD_BUSY: LOCKED,
    Reason.UPLOAD_CHECKSUM_WRONG: 460,
    Reason.UPLOAD_EXPIRED: GONE,
    # What has come is kept: a client that hears of it in time goes on.
    Reason.UPLOAD_STALLED: 409,
}
_FINAL: Final = frozenset({Code.FAILED_PRECONDITION, Code.ALREADY_EXISTS})
_UNPROCESSABLE: Final = 422
_TOO_MANY: Final = 429
_OURS: Final = 500


class Refusal(Exception):
    """An error with a status of its own."""

    def __init__(self, error: PicstoreError, status: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status


def refusal_of(error: PicstoreError) -> Response:
    """Return the answer that tells of an error.

    To clients of tus a 409 says to ask how far the upload is and to go on, again and again; so what
    stays as it is however often they ask is a 422.
    """
    status = _STATUSES.get(error.reason)
    if status is None:
        status = _UNPROCESSABLE if error.code in _FINAL else status_of(error)
    return problem(error, status=status)


def is_passing(error: PicstoreError) -> bool:
    """Say whether an error has nothing to do with the upload, and may be over soon.

    Clients of tus who ask how far an upload is take whatever they hear but 423 for its end, and
    begin anew.
    """
    status = status_of(error)
    return status == _TOO_MANY or status >= _OURS


def offset_of(upload: upload_pb2.Upload) -> int:
    """Return up to where the bytes of an upload have come."""
    if upload.state == upload_pb2.Upload.STATE_COMPLETED:
        return length_of(upload) or upload.persisted_size
    return upload.persisted_size


def length_of(upload: upload_pb2.Upload) -> int | None:
    """Return how many bytes an upload has in all, if that is known."""
    if upload.HasField("size_bytes"):
        return upload.size_bytes
    if upload.state == upload_pb2.Upload.STATE_COMPLETED:
        return upload.image.size_bytes or upload.persisted_size
    return None


def is_whole(upload: upload_pb2.Upload) -> bool:
    """Say whether all bytes of an upload are there, but no picture has been made of them yet."""
    return (
        upload.state == upload_pb2.Upload.STATE_OPEN
        and not upload.partial
        and (bool(upload.concat_upload_ids) or offset_of(upload) == length_of(upload))
    )


def headers_of(upload: upload_pb2.Upload) -> dict[str, str]:
    """Return the headers that tell how far an upload is."""
    headers = {"upload-offset": str(offset_of(upload))}
    if upload.state == upload_pb2.Upload.STATE_OPEN and upload.HasField("expire_time"):
        headers["upload-expires"] = date_text(upload.expire_time.ToDatetime(tzinfo=UTC))
    if upload.HasField("image"):
        headers["picstore-image"] = upload.image.id
        if upload.image.has_gps:
            headers["picstore-has-gps"] = "true"
    return headers


def description_of(upload: upload_pb2.Upload) -> dict[str, str]:
    """Return the headers that tell all there is to tell of an upload."""
    headers = headers_of(upload)
    length = length_of(upload)
    if length is not None:
        headers["upload-length"] = str(length)
    else:
        headers["upload-defer-length"] = "1"
    # A note may come from a caller who has never heard of tus.
    if is_metadata(upload.note):
        headers["upload-metadata"] = upload.note
    concatenation = concatenation_text(partial=upload.partial, upload_ids=upload.concat_upload_ids)
    if concatenation:
        headers["upload-concat"] = concatenation
    return headers


def check_there(upload: upload_pb2.Upload) -> None:
    """See that an upload has not ended without a picture.

    Raises:
        Refusal: It has.
    """
    if upload.state == upload_pb2.Upload.STATE_EXPIRED:
        error = FailedPrecondition(
            Reason.UPLOAD_EXPIRED,
            "the time of the upload is over",
            metadata={
                "upload": upload.id,
                "expire_time": upload.expire_time.ToJsonString(),
            },
        )
        raise Refusal(error, GONE)
    if upload.state == upload_pb2.Upload.STATE_FAILED:
        known = upload.failure_reason in set(Reason)
        reason = Reason(upload.failure_reason) if known else Reason.STATE_WRONG
        raise Refusal(FailedPrecondition(reason, upload.failure_message), GONE)
