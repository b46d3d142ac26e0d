"""Errors as `application/problem+json` (RFC 9457), with the reason and metadata of the contract."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from picstore_kit.errors import Code, PicstoreError, Reason
from picstore_kit.log import current_request_id

MEDIA_TYPE: Final = "application/problem+json"

# google.rpc.Code's own mapping to HTTP.
_STATUS_OF_CODE: Final = {
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 409,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
# Where HTTP has a closer word than the code's.
_STATUS_OF_REASON: Final = {
    Reason.ETAG_MISMATCH: 412,
    Reason.LIMIT_BYTES: 413,
    Reason.IMAGE_FORMAT_UNSUPPORTED: 415,
    Reason.IMAGE_UNRECOGNISED: 415,
    Reason.IMAGE_TYPE_MISMATCH: 415,
    Reason.IMAGE_ANIMATED: 415,
    Reason.IMAGE_CORRUPT: 422,
    Reason.IMAGE_TRUNCATED: 422,
    Reason.LIMIT_FRAMES: 422,
    Reason.LIMIT_METADATA: 422,
    Reason.LIMIT_PIXELS: 422,
    Reason.LIMIT_SIDE: 422,
    Reason.UPLOAD_STALLED: 408,
}


def status_of(error: PicstoreError) -> int:
    """Return the HTTP status of an error."""
    return _STATUS_OF_REASON.get(error.reason, _STATUS_OF_CODE[error.code])


def problem(error: PicstoreError) -> Response:
    """Return the answer that tells of `error`."""
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:picstore:error:{error.reason.value}",
        "title": _title(status),
        "status": status,
        "detail": error.message,
        "reason": error.reason.value,
        "metadata": dict(error.metadata),
    }
    if error.violations:
        body["violations"] = [
            {"field": violation.field, "description": violation.description}
            for violation in error.violations
        ]
    if (request_id := current_request_id()) is not None:
        body["request_id"] = request_id
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="picstore"'
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 499 is nginx's, not IANA's
        return "Client Closed Request"
