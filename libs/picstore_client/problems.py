"""Problem documents back into the errors that the service raised."""

from __future__ import annotations

from typing import Any

import httpx

from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

_CLASSES: dict[int, type[PicstoreError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    409: FailedPrecondition,
    412: Aborted,
    429: ResourceExhausted,
    500: Internal,
}
_CLASSES_BY_REASON: dict[Reason, type[PicstoreError]] = {
    Reason.RESOURCE_EXISTS: AlreadyExists,
    Reason.CONFLICT_RETRY: Aborted,
    Reason.LEASE_LOST: Aborted,
}


def error_of(response: httpx.Response) -> PicstoreError:
    """Return the error that a response tells of, whatever has answered."""
    try:
        body: dict[str, Any] = response.json()
        reason = Reason(body["reason"])
    except (ValueError, KeyError, TypeError):
        return _foreign(response)
    if response.status_code in (502, 503, 504):
        return Unavailable(
            reason,
            body["detail"],
            metadata=body.get("metadata"),
            retry_after=float(response.headers.get("retry-after", 1)),
        )
    kind = _CLASSES_BY_REASON.get(reason) or _CLASSES.get(response.status_code, InvalidArgument)
    error = kind.__new__(kind)
    PicstoreError.__init__(
        error,
        reason,
        str(body["detail"]),
        metadata=body.get("metadata"),
        violations=[FieldViolation(**violation) for violation in body.get("violations", [])],
        retry_after=_retry_after(response),
    )
    return error


def unreachable(url: str, error: httpx.TransportError) -> PicstoreError:
    """Return the error for a server that does not answer."""
    return Unavailable(
        Reason.DEPENDENCY_UNAVAILABLE,
        f"{url} does not answer ({type(error).__name__}); is Pic Store running there?",
        metadata={"dependency": url},
    )


def _foreign(response: httpx.Response) -> PicstoreError:
    """Return the error for an answer that is not Pic Store's, a proxy's say."""
    return Unavailable(
        Reason.DEPENDENCY_UNAVAILABLE,
        f"{response.url.host} answered {response.status_code}, but not as Pic Store does",
        metadata={"status": str(response.status_code)},
    )


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after")
    return float(text) if text is not None and text.isdecimal() else None
