"""What callers see of a driver's errors."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from picstore_kit.errors import Code, Reason
from picstore_kit.pg.errors import UniqueViolated, translate, translated


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.UniqueViolation(), Code.ALREADY_EXISTS, Reason.RESOURCE_EXISTS),
        (errors.ForeignKeyViolation(), Code.FAILED_PRECONDITION, Reason.RESOURCE_IN_USE),
        (errors.QueryCanceled(), Code.ABORTED, Reason.CONFLICT_RETRY),
        (errors.LockNotAvailable(), Code.ABORTED, Reason.CONFLICT_RETRY),
        (errors.SerializationFailure(), Code.ABORTED, Reason.CONFLICT_RETRY),
        (errors.DeadlockDetected(), Code.ABORTED, Reason.CONFLICT_RETRY),
        (TooManyRequests(), Code.UNAVAILABLE, Reason.OVERLOADED),
        (PoolTimeout(), Code.UNAVAILABLE, Reason.DEPENDENCY_UNAVAILABLE),
        (errors.AdminShutdown(), Code.UNAVAILABLE, Reason.DEPENDENCY_UNAVAILABLE),
        (errors.DiskFull(), Code.UNAVAILABLE, Reason.DEPENDENCY_UNAVAILABLE),
        (psycopg.OperationalError(), Code.UNAVAILABLE, Reason.DEPENDENCY_UNAVAILABLE),
    ],
)
def test_an_expected_failure_has_a_reason(error: psycopg.Error, code: Code, reason: Reason) -> None:
    seen = translate(error)
    assert seen is not None
    assert (seen.code, seen.reason) == (code, reason)


@pytest.mark.parametrize(
    "error", [errors.SyntaxError(), errors.CheckViolation(), errors.InsufficientPrivilege()]
)
def test_a_mistake_of_ours_stays_what_it_is(error: psycopg.Error) -> None:
    with pytest.raises(type(error)), translated():
        raise error


def test_the_text_of_the_driver_does_not_leave_the_process() -> None:
    with pytest.raises(UniqueViolated) as caught, translated():
        raise errors.UniqueViolation("Key (email)=(a@example.org) already exists.")
    assert "example.org" not in caught.value.message
    assert isinstance(caught.value.__cause__, errors.UniqueViolation)
