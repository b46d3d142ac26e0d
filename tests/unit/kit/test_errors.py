"""The error that stands for several, and the texts that callers are shown."""

from __future__ import annotations

from typing import Any

from picstore_kit.errors import (
    Aborted,
    FieldViolation,
    Internal,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unavailable,
    first_error,
)

STORE = Unavailable(Reason.STORAGE_UNAVAILABLE, "the store is away")
LEASE = Aborted(Reason.LEASE_LOST, "somebody else has it")
BUSY = Unavailable(Reason.OVERLOADED, "too much to do")


def group(*errors: Any) -> BaseExceptionGroup[PicstoreError]:
    return BaseExceptionGroup("several", errors)


def test_the_first_error_stands_for_all() -> None:
    assert first_error(group(STORE, LEASE)) is STORE


def test_groups_are_looked_through_in_their_order() -> None:
    assert first_error(group(group(group(BUSY), STORE), LEASE)) is BUSY


def test_a_preferred_reason_stands_for_all_wherever_it_is() -> None:
    assert first_error(group(STORE, group(BUSY, LEASE)), rather=Reason.LEASE_LOST) is LEASE
    assert first_error(group(STORE, BUSY), rather=Reason.LEASE_LOST) is STORE


def test_all_wrong_fields_are_named_at_once() -> None:
    error = InvalidFields(
        [
            FieldViolation(field="name", description="must not be empty"),
            FieldViolation(field="sizes[1].width", description="must be positive"),
        ]
    )
    assert error.message == "name must not be empty; sizes[1].width must be positive"
    assert error.metadata["fields"] == "name,sizes[1].width"
    assert InvalidField("name", "must not be empty").reason is Reason.FIELD_INVALID


def test_errors_name_what_they_are_about() -> None:
    missing = NotFound.of("Image", "img_1")
    assert missing.resource is not None
    assert (missing.resource.type, missing.resource.name) == ("Image", "img_1")
    denied = PermissionDenied.missing("image:create")
    assert denied.metadata["permission"] == "image:create"


def test_an_internal_error_says_nothing_but_its_incident() -> None:
    error = Internal.incident("abc123")
    assert error.metadata == {"incident_id": "abc123"}
    assert "abc123" in error.message


def test_only_what_may_pass_says_when_to_come_back() -> None:
    assert STORE.retry_after == 1.0
    assert LEASE.retry_after is None
