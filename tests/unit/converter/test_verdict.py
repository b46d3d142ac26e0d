"""Which attempts are worth repeating, and what becomes of the message."""

from __future__ import annotations

from typing import cast

import pytest

from picstore.jobs.v1 import job_pb2
from picstore_converter.convert import ConvertImage
from picstore_converter.handler import JobHandler
from picstore_converter.messages import ChildMisbehaved
from picstore_converter.model import SourceMissing, verdict_of
from picstore_kit.blobs.base import BlobNotFound, BlobStoreDenied, BlobStoreUnavailable
from picstore_kit.bus.delivery import Ack, Delivery, Outcome, Retry, Terminate
from picstore_kit.bus.lanes import Lane
from picstore_kit.errors import (
    Aborted,
    Cancelled,
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    NotFound,
    PicstoreError,
    Reason,
    Unauthenticated,
    Unavailable,
)
from picstore_kit.ids import JobId
from picstore_kit.sandbox.errors import (
    ChildCrashed,
    ChildMemory,
    ChildRefused,
    ChildTimeout,
    ChildUnavailable,
)
from picstore_kit.scratch import ScratchUnavailable


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ChildRefused(Reason.IMAGE_CORRUPT, "", {}), False),
        (ChildRefused(Reason.LIMIT_PIXELS, "", {}), False),
        (SourceMissing(), False),
        (NotFound.of("StorageLocation", "loc_1"), False),
        (ChildRefused(Reason.CHILD_MEMORY, "", {}), True),
        (ChildCrashed("died"), True),
        (ChildMemory(1), True),
        (ChildTimeout("1 s"), True),
        (ChildMisbehaved(), True),
        (ChildUnavailable("why"), True),
        (BlobStoreUnavailable(), True),
        (BlobStoreDenied("AccessDenied"), True),
        (BlobNotFound("an output that was just stored"), True),
        (ScratchUnavailable(), True),
        (Cancelled(Reason.CANCELLED, "stopped"), True),
        (Unauthenticated(Reason.CREDENTIAL_INVALID, "a service's secret"), True),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, PicstoreError) else None,
)
def test_only_the_picture_itself_makes_a_failure_final(
    error: PicstoreError, retryable: bool
) -> None:
    verdict = verdict_of(error)
    assert (verdict.reason, verdict.retryable) == (error.reason, retryable)


class Attempt:
    """Stands in for the conversion: ends as it is told."""

    def __init__(self, error: PicstoreError | None) -> None:
        self._error = error
        self.jobs: list[JobId] = []

    async def run(self, job_id: JobId) -> None:
        self.jobs.append(job_id)
        if self._error is not None:
            raise self._error


async def handle(payload: bytes, error: PicstoreError | None) -> tuple[Outcome, list[JobId]]:
    async def heartbeat() -> None:
        return

    attempt = Attempt(error)
    delivery = Delivery(
        payload=payload,
        headers={},
        subject=Lane.FAST.subject,
        lane=Lane.FAST,
        num_delivered=1,
        heartbeat=heartbeat,
    )
    outcome = await JobHandler(cast(ConvertImage, attempt))(delivery)
    return outcome, attempt.jobs


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Ack()),
        (FailedPrecondition(Reason.JOB_FINISHED, "done"), Ack()),
        (NotFound.of("Job", "job_1"), Ack()),
        (Aborted(Reason.LEASE_LOST, "newer"), Ack()),
        (Aborted(Reason.JOB_BUSY, "busy", retry_after=12.0), Retry(12.0)),
        (Aborted(Reason.JOB_BUSY, "busy"), Retry(5.0)),
        (Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "down", retry_after=3.0), Retry(3.0)),
        (Unauthenticated(Reason.CREDENTIAL_INVALID, "who?"), Retry(2.0)),
        (InvalidField("job_id", "must be an id"), Terminate("job_id must be an id")),
    ],
)
async def test_the_message_lives_only_as_long_as_the_ledger_does_not_know(
    error: PicstoreError | None, outcome: Outcome
) -> None:
    payload = job_pb2.ConvertJob(job_id="job_1").SerializeToString()
    assert await handle(payload, error) == (outcome, ["job_1"])


async def test_what_is_no_job_is_buried() -> None:
    outcome, jobs = await handle(b"\xff\xff\xff", None)
    assert isinstance(outcome, Terminate)
    assert jobs == []


def test_an_invalid_argument_is_the_pictures_fault_whoever_says_so() -> None:
    assert not verdict_of(InvalidArgument(Reason.IMAGE_TRUNCATED, "")).retryable
