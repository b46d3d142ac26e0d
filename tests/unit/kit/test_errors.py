"""The error that stands for several, and the texts that callers are shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

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
    ungrouped,
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


async def test_what_a_task_group_gathers_comes_out_as_one_error() -> None:
    async def fail() -> None:
        raise STORE

    with pytest.raises(Unavailable) as caught, ungrouped():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    assert caught.value is STORE


def test_the_preferred_reason_comes_out() -> None:
    with pytest.raises(Aborted) as caught, ungrouped(rather=Reason.LEASE_LOST):
        raise group(STORE, group(LEASE))

    assert caught.value is LEASE


def test_a_group_that_holds_an_unexpected_error_stays_whole() -> None:
    with pytest.raises(BaseExceptionGroup) as caught, ungrouped():
        raise group(STORE, ZeroDivisionError())

    assert len(caught.value.exceptions) == 2


def test_an_error_that_is_in_no_group_is_let_through() -> None:
    with pytest.raises(Unavailable) as caught, ungrouped():
        raise STORE

    assert caught.value is STORE


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
