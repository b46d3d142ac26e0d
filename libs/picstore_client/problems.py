"""Problem documents back into the errors that the service raised."""

from __future__ import annotations

from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

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

_CLASSES: Final[dict[str, type[PicstoreError]]] = {
    kind.code.name: kind
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
_PASSING: Final = frozenset({429, 502, 503, 504})
"""Statuses by which a proxy says that the same request may succeed later."""


class _Violation(BaseModel):
    field: str
    description: str


class _Resource(BaseModel):
    type: str
    name: str


class _Problem(BaseModel):
    """What the gateway writes; newer ones may write more."""

    model_config = ConfigDict(extra="ignore")

    detail: str
    code: str
    reason: str
    metadata: dict[str, str] = {}
    violations: list[_Violation] = []
    resource: _Resource | None = None


def error_of(response: httpx.Response) -> PicstoreError:
    """Return the error that a response tells of, whatever has answered."""
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        return foreign(response)
    return _error(problem, _retry_after(response))


def error_told(content: bytes) -> PicstoreError:
    """Return the error that a problem document tells of within a stream."""
    try:
        return _error(_Problem.model_validate_json(content), None)
    except ValidationError:
        return Internal(Reason.INTERNAL, "the stream ended with an error that is not Pic Store's")


def _error(problem: _Problem, retry_after: float | None) -> PicstoreError:
    reason = reason_of(problem.reason)
    if problem.code == Code.UNAVAILABLE.name:
        return Unavailable(
            reason, problem.detail, metadata=problem.metadata, retry_after=retry_after or 1.0
        )
    violations = [
        FieldViolation(field=v.field, description=v.description) for v in problem.violations
    ]
    if reason is Reason.FIELD_INVALID and len(violations) == 1:
        return InvalidField(violations[0].field, violations[0].description)
    if reason is Reason.FIELD_INVALID and violations:
        return InvalidFields(violations)
    resource: Resource | None = None
    if problem.resource is not None:
        resource = Resource(type=problem.resource.type, name=problem.resource.name)
    return _CLASSES.get(problem.code, Internal)(
        reason,
        problem.detail,
        metadata=problem.metadata,
        violations=violations,
        resource=resource,
        retry_after=retry_after,
    )


def reason_of(text: str) -> Reason:
    """Return the reason; newer services know some that we do not."""
    try:
        return Reason(text)
    except ValueError:
        return Reason.INTERNAL


def unreachable(url: str, error: httpx.TransportError) -> PicstoreError:
    """Return the error for a server that does not answer."""
    return Unavailable(
        Reason.DEPENDENCY_UNAVAILABLE,
        f"{url} does not answer ({type(error).__name__}); is Pic Store running there?",
        metadata={"dependency": url},
        retry_after=0.0,
    )


def foreign(response: httpx.Response) -> PicstoreError:
    """Return the error for an answer that is not Pic Store's, a proxy's say."""
    message = f"{response.url.host} answered {response.status_code}, but not as Pic Store does"
    metadata = {"status": str(response.status_code)}
    if response.status_code in _PASSING:
        return Unavailable(
            Reason.DEPENDENCY_UNAVAILABLE,
            message,
            metadata=metadata,
            retry_after=_retry_after(response) or 1.0,
        )
    return FailedPrecondition(Reason.DEPENDENCY_UNAVAILABLE, message, metadata=metadata)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of the header; its other form, a date, Pic Store does not write."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() else None
