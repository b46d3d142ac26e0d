"""Driver errors become errors for the caller; what they say about the database stays in the log.

An error that is not listed here (a wrong statement, a violated CHECK) is a bug of ours and passes
through as it is: the error interceptor hides it behind an incident id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import TooManyRequests

from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    PicstoreError,
    Reason,
    Unavailable,
)


class UniqueViolated(AlreadyExists):
    """A unique key is taken; `constraint` tells a repo which, to say it in the caller's words."""

    def __init__(self, constraint: str) -> None:
        super().__init__(Reason.RESOURCE_EXISTS, "an object with the same unique name exists")
        self.constraint = constraint


class ReferenceViolated(FailedPrecondition):
    """Something still refers to what should go, or what should be referred to is gone."""

    def __init__(self, constraint: str) -> None:
        super().__init__(Reason.RESOURCE_IN_USE, "another object depends on this one")
        self.constraint = constraint


def translate(error: psycopg.Error) -> PicstoreError | None:
    """Return what the caller should see, or None where the error is our own mistake."""
    match error:
        case errors.UniqueViolation():
            return UniqueViolated(error.diag.constraint_name or "")
        case errors.ForeignKeyViolation() | errors.RestrictViolation():
            return ReferenceViolated(error.diag.constraint_name or "")
        case (
            # A cancelled statement mostly waited for a lock. Not Unavailable, which clients repeat
            # by themselves: that would add to what slows the database down.
            errors.QueryCanceled()
            | errors.LockNotAvailable()
            | errors.SerializationFailure()
            | errors.DeadlockDetected()
        ):
            return Aborted(
                Reason.CONFLICT_RETRY,
                "another change was in the way; repeat the call",
                retry_after=0.1,
            )
        case TooManyRequests():
            return Unavailable(Reason.OVERLOADED, "too many calls wait for the database")
        case (
            # Includes a pool that has no connection in time, a full disk and a lost server.
            psycopg.OperationalError()
            # What a fail-over leaves a client with that still speaks to the old primary.
            | errors.ReadOnlySqlTransaction()
        ):
            return Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the database does not answer")
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise `translate`'s errors in place of the driver's.

    `Database` wraps every transaction in this. Within one, it is for a repo that goes on after a
    violation: `with translated(): async with conn.transaction(): …`.
    """
    try:
        yield
    except psycopg.Error as error:
        if (known := translate(error)) is None:
            raise
        raise known from error
