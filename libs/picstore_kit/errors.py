"""The errors that leave a process: each has a code, a reason and what a program can read of it.

This module knows neither gRPC nor HTTP, so that pure code and sandboxed children can raise them.
`picstore_kit.rpc.status` turns them into `google.rpc.Status` and back, the gateway into
`application/problem+json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar


class Code(IntEnum):
    """The canonical status codes, numbered as in `google.rpc.Code`."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Reason(StrEnum):
    """`picstore.errors.v1.ErrorReason` without its prefix; a contract test holds them equal."""

    # Who are you, and may you?
    CREDENTIAL_MISSING = "CREDENTIAL_MISSING"
    CREDENTIAL_INVALID = "CREDENTIAL_INVALID"
    CREDENTIAL_EXPIRED = "CREDENTIAL_EXPIRED"
    CREDENTIAL_REVOKED = "CREDENTIAL_REVOKED"
    PERMISSION_MISSING = "PERMISSION_MISSING"
    SERVICE_ONLY = "SERVICE_ONLY"
    # What you asked for.
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    RESOURCE_EXISTS = "RESOURCE_EXISTS"
    RESOURCE_IN_USE = "RESOURCE_IN_USE"
    FIELD_INVALID = "FIELD_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    STATE_WRONG = "STATE_WRONG"
    UPLOAD_PROFILE_REQUIRED = "UPLOAD_PROFILE_REQUIRED"
    PROFILE_YIELDS_NOTHING = "PROFILE_YIELDS_NOTHING"
    # What you sent.
    UPLOAD_EMPTY = "UPLOAD_EMPTY"
    UPLOAD_INCOMPLETE = "UPLOAD_INCOMPLETE"
    UPLOAD_OFFSET_WRONG = "UPLOAD_OFFSET_WRONG"
    UPLOAD_CHECKSUM_WRONG = "UPLOAD_CHECKSUM_WRONG"
    UPLOAD_DIGEST_WRONG = "UPLOAD_DIGEST_WRONG"
    UPLOAD_STALLED = "UPLOAD_STALLED"
    IMAGE_UNRECOGNISED = "IMAGE_UNRECOGNISED"
    IMAGE_FORMAT_UNSUPPORTED = "IMAGE_FORMAT_UNSUPPORTED"
    IMAGE_TYPE_MISMATCH = "IMAGE_TYPE_MISMATCH"
    IMAGE_TRUNCATED = "IMAGE_TRUNCATED"
    IMAGE_CORRUPT = "IMAGE_CORRUPT"
    LIMIT_BYTES = "LIMIT_BYTES"
    LIMIT_PIXELS = "LIMIT_PIXELS"
    LIMIT_SIDE = "LIMIT_SIDE"
    LIMIT_FRAMES = "LIMIT_FRAMES"
    LIMIT_METADATA = "LIMIT_METADATA"
    # What became of the work.
    CONDITION_NOT_MET = "CONDITION_NOT_MET"
    WOULD_ENLARGE = "WOULD_ENLARGE"
    WOULD_REDUCE = "WOULD_REDUCE"
    SAME_AS_ANOTHER = "SAME_AS_ANOTHER"
    SOURCE_MISSING = "SOURCE_MISSING"
    ENCODE_FAILED = "ENCODE_FAILED"
    CHILD_CRASHED = "CHILD_CRASHED"
    CHILD_TIMEOUT = "CHILD_TIMEOUT"
    CHILD_MEMORY = "CHILD_MEMORY"
    LEASE_LOST = "LEASE_LOST"
    JOB_BUSY = "JOB_BUSY"
    JOB_FINISHED = "JOB_FINISHED"
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    # What we depend on.
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    STORAGE_DENIED = "STORAGE_DENIED"
    STORAGE_OBJECT_MISSING = "STORAGE_OBJECT_MISSING"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"
    OVERLOADED = "OVERLOADED"
    CONFLICT_RETRY = "CONFLICT_RETRY"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    INTERNAL = "INTERNAL"
    RATE_LIMITED = "RATE_LIMITED"
    LOGIN_FAILED = "LOGIN_FAILED"
    INVITATION_INVALID = "INVITATION_INVALID"
    CSRF_TOKEN_INVALID = "CSRF_TOKEN_INVALID"
    STORAGE_TEST_FAILED = "STORAGE_TEST_FAILED"
    STORAGE_ENDPOINT_FORBIDDEN = "STORAGE_ENDPOINT_FORBIDDEN"
    OPERATOR_MANAGED = "OPERATOR_MANAGED"
    LAST_ADMIN = "LAST_ADMIN"
    UPLOAD_EXPIRED = "UPLOAD_EXPIRED"
    UPLOAD_BUSY = "UPLOAD_BUSY"
    UPLOAD_COMPLETED = "UPLOAD_COMPLETED"
    UPLOAD_OBJECT_MISSING = "UPLOAD_OBJECT_MISSING"
    IMAGE_DUPLICATE = "IMAGE_DUPLICATE"
    PRESIGN_UNSUPPORTED = "PRESIGN_UNSUPPORTED"
    REMOTE_FORBIDDEN = "REMOTE_FORBIDDEN"
    REMOTE_UNKNOWN_HOST = "REMOTE_UNKNOWN_HOST"
    REMOTE_UNREACHABLE = "REMOTE_UNREACHABLE"
    REMOTE_TIMEOUT = "REMOTE_TIMEOUT"
    REMOTE_CERTIFICATE_INVALID = "REMOTE_CERTIFICATE_INVALID"
    REMOTE_REDIRECTS = "REMOTE_REDIRECTS"
    REMOTE_STATUS = "REMOTE_STATUS"
    LARGER_THAN_BETTER = "LARGER_THAN_BETTER"
    WOULD_FREEZE = "WOULD_FREEZE"
    FONT_UNKNOWN = "FONT_UNKNOWN"
    TEXT_OVERFLOWS = "TEXT_OVERFLOWS"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """One field of the request that is wrong, and how it would be right."""

    field: str
    """Path in the request message, such as `profile.sizes[2].width`."""
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The object that an error is about."""

    type: str
    """Such as `Image` or `Project`."""
    name: str
    """Its id, as the caller wrote it."""


class PicstoreError(Exception):
    """An error meant for the caller: `message` is safe to show, `metadata` repeats its values."""

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        resource: Resource | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.violations = tuple(violations)
        self.resource = resource
        self.retry_after = retry_after
        """Seconds after which the same call may succeed; None where repeating it is pointless."""


class InvalidArgument(PicstoreError):
    """The request can never succeed as it is."""

    code = Code.INVALID_ARGUMENT


class InvalidFields(InvalidArgument):
    """Some fields of the request are wrong; all of them are named at once."""

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        text = "; ".join(f"{v.field} {v.description}" for v in violations)
        super().__init__(
            Reason.FIELD_INVALID,
            text,
            metadata={"fields": ",".join(v.field for v in violations)},
            violations=violations,
        )


class InvalidField(InvalidFields):
    """One field of the request is wrong; `description` continues the sentence it begins."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__([FieldViolation(field=field, description=description)])


class Unauthenticated(PicstoreError):
    """No credential, or one that is not good."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(PicstoreError):
    """The caller sees the object but lacks the permission, which the message names."""

    code = Code.PERMISSION_DENIED

    @classmethod
    def missing(cls, permission: str, *, resource: Resource | None = None) -> PermissionDenied:
        """Say which permission (such as `image:edit`) would have allowed the call."""
        return cls(
            Reason.PERMISSION_MISSING,
            f"this needs the permission {permission}",
            metadata={"permission": permission},
            resource=resource,
        )


class NotFound(PicstoreError):
    """The object does not exist, or is another team's: the caller cannot tell which."""

    code = Code.NOT_FOUND

    @classmethod
    def of(cls, kind: str, name: str) -> NotFound:
        """Say that there is no `kind` (such as `Image`) called `name`."""
        return cls(
            Reason.RESOURCE_NOT_FOUND,
            f"there is no {kind} {name}",
            metadata={"resource_type": kind, "resource_name": name},
            resource=Resource(type=kind, name=name),
        )


class AlreadyExists(PicstoreError):
    """An object with the same unique name exists."""

    code = Code.ALREADY_EXISTS


class FailedPrecondition(PicstoreError):
    """The object's state does not allow this; repeating the call unchanged will not help."""

    code = Code.FAILED_PRECONDITION


class Aborted(PicstoreError):
    """Somebody else was faster (etag, lease, attempt): read again, then decide."""

    code = Code.ABORTED


class ResourceExhausted(PicstoreError):
    """A quota or a capacity is used up."""

    code = Code.RESOURCE_EXHAUSTED


class Unavailable(PicstoreError):
    """Something we depend on does not answer; the same call may succeed later."""

    code = Code.UNAVAILABLE

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(reason, message, metadata=metadata, retry_after=retry_after)


class DeadlineExceeded(PicstoreError):
    """The caller's time was up before the work was."""

    code = Code.DEADLINE_EXCEEDED


class Cancelled(PicstoreError):
    """The caller went away."""

    code = Code.CANCELLED


class Unimplemented(PicstoreError):
    """There is no such method."""

    code = Code.UNIMPLEMENTED


class Internal(PicstoreError):
    """Our fault; the incident id finds it in the log."""

    code = Code.INTERNAL

    @classmethod
    def incident(cls, incident_id: str) -> Internal:
        """Hide everything but the id under which the log has the whole story."""
        return cls(
            Reason.INTERNAL,
            f"internal error; the operator finds it in the log as incident {incident_id}",
            metadata={"incident_id": incident_id},
        )


def first_error(
    group: BaseExceptionGroup[PicstoreError], *, rather: Reason | None = None
) -> PicstoreError:
    """Return the error that stands for what went wrong in several tasks at once.

    It is the first of them, or the first with the reason `rather` if there is one.
    """
    errors: list[PicstoreError] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop()
        if isinstance(error, BaseExceptionGroup):
            pending.extend(reversed(error.exceptions))
        elif isinstance(error, PicstoreError):
            errors.append(error)
    return next((error for error in errors if error.reason is rather), errors[0])


@contextmanager
def ungrouped(*, rather: Reason | None = None) -> Iterator[None]:
    """Let the errors of a task group out as the one that `first_error` chooses.

    A group that holds anything but our own errors comes out as it is. Not an `except*` that raises:
    before Python 3.11.4 what such a block raises comes out in a group again.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        errors, others = group.split(PicstoreError)
        if errors is None or others is not None:
            raise
        raise first_error(errors, rather=rather) from None
