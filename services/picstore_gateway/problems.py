"""Errors as `application/problem+json` (RFC 9457), with the reason and metadata of the contract."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from picstore_kit.errors import (
    Code,
    InvalidArgument,
    NotFound,
    PicstoreError,
    Reason,
    Unimplemented,
)
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
# Not IANA's: tus's, and nginx's.
_TITLES_OF_OTHERS: Final = {460: "Checksum Mismatch", 499: "Client Closed Request"}
# Where HTTP has a closer word than the code's.
_STATUS_OF_REASON: Final = {
    Reason.ETAG_MISMATCH: 412,
    Reason.LIMIT_BYTES: 413,
    Reason.IMAGE_FORMAT_UNSUPPORTED: 415,
    Reason.IMAGE_UNRECOGNISED: 415,
    Reason.IMAGE_TYPE_MISMATCH: 415,
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
    return status_for(error.reason, error.code)


def status_for(reason: Reason, code: Code) -> int:
    """Return the HTTP status of errors with a reason and a code."""
    return _STATUS_OF_REASON.get(reason, _STATUS_OF_CODE[code])


def refusal(status: int, detail: str, *, verb: str, path: str) -> PicstoreError:
    """Return the error for what HTTP itself refuses, with a status of its own."""
    match status:
        case 404:
            return NotFound(
                Reason.METHOD_UNKNOWN, f"there is nothing at {path}", metadata={"path": path}
            )
        case 405:
            return Unimplemented(
                Reason.METHOD_UNKNOWN,
                f"{path} does not know {verb}",
                metadata={"path": path, "verb": verb},
            )
        case _:
            return InvalidArgument(Reason.FIELD_INVALID, detail)


def problem(
    error: PicstoreError, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer that tells of `error`; its status is that of the error unless given."""
    if status is None:
        status = status_of(error)
    answer_headers = dict(headers or {})
    if error.retry_after is not None:
        answer_headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        answer_headers["www-authenticate"] = _challenge(error)
    return Response(
        json.dumps(problem_body(error, status), ensure_ascii=False),
        status_code=status,
        headers=answer_headers,
        media_type=MEDIA_TYPE,
    )


def problem_body(error: PicstoreError, status: int) -> dict[str, Any]:
    """Return the problem document; with it, a client can raise the same error again."""
    body: dict[str, Any] = {
        "type": f"urn:picstore:error:{error.reason.value}",
        "title": _title(status),
        "status": status,
        "detail": error.message,
        "code": error.code.name,
        "reason": error.reason.value,
        "metadata": dict(error.metadata),
    }
    if error.violations:
        body["violations"] = [
            {"field": violation.field, "description": violation.description}
            for violation in error.violations
        ]
    if error.resource is not None:
        body["resource"] = {"type": error.resource.type, "name": error.resource.name}
    if (request_id := current_request_id()) is not None:
        body["request_id"] = request_id
    return body


def _challenge(error: PicstoreError) -> str:
    """Say how to authenticate, as RFC 6750 does: nothing is wrong with what was not sent."""
    challenge = 'Bearer realm="picstore"'
    if error.reason is not Reason.CREDENTIAL_MISSING:
        challenge += ', error="invalid_token"'
    return challenge


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return _TITLES_OF_OTHERS[status]
