"""`PicstoreError` to `google.rpc.Status` and back, so that an error survives a hop unchanged.

Every status carries one `ErrorInfo` with the domain `picstore`; `BadRequest`, `RetryInfo`,
`ResourceInfo` and `QuotaFailure` join it where the error has something to say in them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    Code,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Resource,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

DOMAIN: Final = "picstore"
DETAILS_KEY: Final = "grpc-status-details-bin"

_LIMITS: Final = frozenset(
    {
        Reason.LIMIT_BYTES,
        Reason.LIMIT_PIXELS,
        Reason.LIMIT_SIDE,
        Reason.LIMIT_FRAMES,
        Reason.LIMIT_METADATA,
        Reason.RATE_LIMITED,
    }
)
"""Reasons by which something is more than it may be."""

# The status travels in a trailer, and peers refuse more than about 8 KiB of those.
_MAX_VIOLATIONS: Final = 16
_MAX_TEXT: Final = 400
_MAX_DESCRIPTION: Final = 100

_CLASSES: Final[dict[int, type[PicstoreError]]] = {
    kind.code: kind
    for kind in (
        Aborted,
        AlreadyExists,
        Cancelled,
        DeadlineExceeded,
        FailedPrecondition,
        Internal,
        InvalidArgument,
        NotFound,
        PermissionDenied,
        ResourceExhausted,
        Unauthenticated,
        Unimplemented,
    )
}


def to_status(error: PicstoreError) -> Status:
    """Return the status that tells a caller of `error`."""
    status = Status(code=error.code, message=_clip(error.message, _MAX_TEXT))
    info = ErrorInfo(
        reason=error.reason,
        domain=DOMAIN,
        metadata={key: _clip(value, _MAX_TEXT) for key, value in error.metadata.items()},
    )
    _attach(status, info)
    if error.violations:
        _attach(
            status,
            BadRequest(
                field_violations=[
                    BadRequest.FieldViolation(
                        field=_clip(violation.field, _MAX_DESCRIPTION),
                        description=_clip(violation.description, _MAX_DESCRIPTION),
                    )
                    for violation in error.violations[:_MAX_VIOLATIONS]
                ]
            ),
        )
    if error.retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_after))
        _attach(status, retry)
    if error.resource is not None:
        _attach(
            status,
            ResourceInfo(
                resource_type=error.resource.type,
                resource_name=_clip(error.resource.name, _MAX_DESCRIPTION),
            ),
        )
    if error.reason in _LIMITS:
        exceeded = QuotaFailure.Violation(subject=error.reason, description=status.message)
        _attach(status, QuotaFailure(violations=[exceeded]))
    return status


def from_status(status: Status) -> PicstoreError | None:
    """Return the error that a Pic Store service meant by `status`; None if it is not from one."""
    info = ErrorInfo()
    if not _detail(status, info) or info.domain != DOMAIN:
        return None
    try:
        reason = Reason(info.reason)
    except ValueError:  # a newer service knows reasons that we do not
        reason = Reason.INTERNAL
    metadata = dict(info.metadata)

    retry, retry_after = RetryInfo(), None
    if _detail(status, retry):
        retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    if status.code == Code.UNAVAILABLE:
        return Unavailable(
            reason, status.message, metadata=metadata, retry_after=retry_after or 1.0
        )

    bad_request, violations = BadRequest(), list[FieldViolation]()
    if _detail(status, bad_request):
        violations = [
            FieldViolation(field=violation.field, description=violation.description)
            for violation in bad_request.field_violations
        ]
    if reason is Reason.FIELD_INVALID and len(violations) == 1:
        return InvalidField(violations[0].field, violations[0].description)
    if reason is Reason.FIELD_INVALID and violations:
        return InvalidFields(violations)

    found, resource = ResourceInfo(), None
    if _detail(status, found):
        resource = Resource(type=found.resource_type, name=found.resource_name)
    return _CLASSES.get(status.code, Internal)(
        reason,
        status.message,
        metadata=metadata,
        violations=violations,
        resource=resource,
        retry_after=retry_after,
    )


def from_rpc_error(error: grpc.aio.AioRpcError, *, service: str) -> PicstoreError:
    """Return the error that a call to `service` ended with.

    What gRPC itself says (addresses, file names of its source) is for the log and not repeated.
    """
    try:
        # The stubs only know calls, but all that it reads the error has, too.
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except (ValueError, DecodeError):
        status = None
    known = from_status(status) if status is not None else None
    return known or _from_code(error, service)


def _from_code(error: grpc.aio.AioRpcError, service: str) -> PicstoreError:
    metadata = {"service": service}
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, f"{service} does not answer", metadata=metadata
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(
                Reason.DEADLINE_EXCEEDED, f"{service} did not answer in time", metadata=metadata
            )
        case grpc.StatusCode.CANCELLED:
            return Cancelled(Reason.CANCELLED, "the call was cancelled")
        case grpc.StatusCode.UNIMPLEMENTED:
            return Unimplemented(
                Reason.METHOD_UNKNOWN, f"{service} has no such method", metadata=metadata
            )
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            # gRPC's own only meaning of this code on either side: a message over the size limit.
            return ResourceExhausted(
                Reason.LIMIT_BYTES, f"a message from or to {service} is too large"
            )
    return Internal(Reason.INTERNAL, f"{service} failed", metadata=metadata)


def _attach(status: Status, detail: Message) -> None:
    packed = Any()
    packed.Pack(detail)
    status.details.append(packed)


def _detail(status: Status, detail: Message) -> bool:
    """Fill `detail` from the first of its type in `status`; return whether there was one."""
    return any(packed.Unpack(detail) for packed in status.details)


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
