"""Errors to statuses and back."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, QuotaFailure
from google.rpc.status_pb2 import Status

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
from picstore_kit.rpc.status import from_rpc_error, from_status, to_status

ERRORS: list[PicstoreError] = [
    InvalidArgument(Reason.UPLOAD_EMPTY, "the upload is empty"),
    InvalidField("size.width", "must be positive"),
    InvalidFields(
        [
            FieldViolation(field="a", description="is required"),
            FieldViolation(field="b[1].c", description="is too long"),
        ]
    ),
    Unauthenticated(Reason.CREDENTIAL_EXPIRED, "expired", metadata={"expire_time": "2026-11-01"}),
    PermissionDenied.missing("image:edit", resource=Resource(type="Image", name="img_1")),
    NotFound.of("Image", "img_1"),
    AlreadyExists(Reason.RESOURCE_EXISTS, "there is a project blog"),
    FailedPrecondition(Reason.STATE_WRONG, "not ready"),
    Aborted(Reason.CONFLICT_RETRY, "repeat the call", retry_after=0.1),
    ResourceExhausted(Reason.OVERLOADED, "busy", retry_after=1.5),
    Unavailable(Reason.STORAGE_UNAVAILABLE, "no store", retry_after=30),
    DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "too slow"),
    Cancelled(Reason.CANCELLED, "gone"),
    Unimplemented(Reason.METHOD_UNKNOWN, "no such method"),
    Internal.incident("abc123"),
]


def quota_failures(error: PicstoreError) -> list[tuple[str, str]]:
    found = QuotaFailure()
    for detail in to_status(error).details:
        detail.Unpack(found)
    return [(violation.subject, violation.description) for violation in found.violations]


def test_what_exceeds_a_limit_carries_a_quota_failure() -> None:
    error = InvalidArgument(Reason.LIMIT_PIXELS, "too many pixels", metadata={"limit": "100"})
    assert quota_failures(error) == [("LIMIT_PIXELS", "too many pixels")]
    limited = ResourceExhausted(Reason.RATE_LIMITED, "too many attempts", retry_after=60)
    assert quota_failures(limited) == [("RATE_LIMITED", "too many attempts")]


def test_a_busy_service_is_no_quota_failure() -> None:
    assert quota_failures(ResourceExhausted(Reason.OVERLOADED, "busy", retry_after=1)) == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_error_survives_the_round_trip(error: PicstoreError) -> None:
    back = from_status(Status.FromString(to_status(error).SerializeToString()))
    assert back is not None
    assert type(back) is type(error)
    assert back.code == error.code
    assert back.reason is error.reason
    assert back.message == error.message
    assert back.metadata == error.metadata
    assert back.violations == error.violations
    assert back.resource == error.resource
    assert back.retry_after == error.retry_after


def test_every_code_has_its_class() -> None:
    unused = {Code.UNKNOWN, Code.OUT_OF_RANGE, Code.DATA_LOSS}
    assert {error.code for error in ERRORS} == set(Code) - unused


def test_each_detail_occurs_once() -> None:
    types = [detail.type_url for detail in to_status(PermissionDenied.missing("a:b")).details]
    assert types == ["type.googleapis.com/google.rpc.ErrorInfo"]
    types = [detail.type_url for detail in to_status(ERRORS[2]).details]
    assert len(types) == len(set(types)) == 2


def test_status_fits_into_a_trailer_however_much_is_wrong() -> None:
    error = InvalidFields(
        [FieldViolation(field=f"f[{n}]" * 50, description="is wrong " * 50) for n in range(500)]
    )
    status = to_status(error)
    # The trailer is sent in base64, and the message once more beside it.
    assert len(status.SerializeToString()) * 4 / 3 + len(status.message) < 8 * 1024
    bad_request = BadRequest()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    assert len(bad_request.field_violations) == 16


def test_reason_of_a_newer_service_is_internal_but_keeps_its_class() -> None:
    status = to_status(NotFound.of("Image", "img_1"))
    status.details[0].value = status.details[0].value.replace(b"RESOURCE_NOT_FOUND", b"X" * 18)
    back = from_status(status)
    assert isinstance(back, NotFound)
    assert back.reason is Reason.INTERNAL


def test_status_of_somebody_else_is_not_ours() -> None:
    assert from_status(Status(code=5, message="not found")) is None
    foreign = to_status(NotFound.of("Image", "img_1"))
    foreign.details[0].value = foreign.details[0].value.replace(b"picstore", b"example0")
    assert from_status(foreign) is None


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable, Reason.DEPENDENCY_UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded, Reason.DEADLINE_EXCEEDED),
        (grpc.StatusCode.CANCELLED, Cancelled, Reason.CANCELLED),
        (grpc.StatusCode.UNIMPLEMENTED, Unimplemented, Reason.METHOD_UNKNOWN),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted, Reason.LIMIT_BYTES),
        (grpc.StatusCode.UNKNOWN, Internal, Reason.INTERNAL),
        (grpc.StatusCode.NOT_FOUND, Internal, Reason.INTERNAL),
    ],
)
def test_what_grpc_itself_says_is_not_repeated(
    code: grpc.StatusCode, kind: type[PicstoreError], reason: Reason
) -> None:
    details = "failed to connect to all addresses; last error: ipv4:10.0.0.7:50051"
    error = grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(), details, "debug_error_string"
    )
    ours = from_rpc_error(error, service="picstore.auth.v1.TokenService")
    assert type(ours) is kind
    assert ours.reason is reason
    assert "10.0.0.7" not in ours.message


def test_garbled_details_are_taken_for_none() -> None:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff"))
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), trailers, "x", ""
    )
    assert isinstance(from_rpc_error(error, service="s"), Unavailable)
