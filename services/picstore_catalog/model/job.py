"""The life of a job: pure transitions over the ledger's row, the database's time and what happened.

    QUEUED ──claim──► RUNNING ──finish──► DONE
      ▲                  │
      └──fail, sweep─────┴──fail, sweep──► FAILED

The number of the attempt is the fence: every claim raises it, and a report counts only while it
carries the newest. Times are the database's, never a worker's. `sweep_at` is the one column that
the sweeper looks at: until then somebody else (the bus, or a worker with a lease) answers for the
job; afterwards it is taken to be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from picstore_kit.errors import Aborted, FailedPrecondition, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, TeamId

LEASE: Final = timedelta(seconds=30)
"""How long a worker may be silent before its attempt is given up."""

MAX_ATTEMPTS: Final = 5
MAX_CHILD_DEATHS: Final = 2
"""A picture that has killed so many sandboxed children is not tried again."""

BACKOFF: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
)
"""The pause after each failed attempt that is not the last."""

JITTER: Final = 0.2
"""Pauses vary by this part, so that what failed together does not come back together."""

MAX_SWEEP_PAUSE: Final = timedelta(minutes=10)
"""A job that waits in a long queue is announced again ever more rarely, up to this pause."""

REPLACED: Final = "newer outputs have replaced these"
"""Said of what is of no use any more: its generation is neither served nor pending."""

CHILD_DEATHS: Final = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})


class Lane(StrEnum):
    """Which converters a job is for; the last part of its subject on the bus."""

    INTERACTIVE = "interactive"
    FAST = "fast"
    SLOW = "slow"
    BULK = "bulk"


class JobKind(StrEnum):
    """What a job does."""

    CONVERT = "convert"
    """It makes the outputs that name it."""
    RENDER = "render"
    """It draws the original of a derived picture."""


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    """Each of its outputs is READY or FAILED for good, or of no use any more; or what it drew is
    an original."""
    FAILED = "FAILED"
    """Given up; its outputs that were left are FAILED."""


FINISHED: Final = frozenset({JobState.DONE, JobState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt, a job or an output failed."""

    reason: Reason
    message: str
    """Fit for the picture's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger: a work order for the outputs that name it, or for an original."""

    id: JobId
    team_id: TeamId
    image_id: ImageId
    generation: int
    lane: Lane
    kind: JobKind
    outputs_location_id: LocationId
    """Where what it makes goes."""
    output_key_prefix: str
    """Empty where it draws: its original has a key for each attempt."""
    state: JobState
    attempt: int
    """Number of the newest attempt; 0 before the first."""
    child_deaths: int
    worker: str
    """Who has it, or had it last."""
    run_at: datetime
    """No attempt begins before."""
    lease_until: datetime | None
    """While RUNNING: when the attempt is given up unless it is extended."""
    sweep_at: datetime | None
    """When the sweeper looks at it; None once it is finished."""
    sweeps: int
    """How often it was announced again since its last attempt."""
    failure: Failure | None
    """Of the last attempt that failed."""


def claim(job: Job, *, worker: str, now: datetime) -> Job:
    """Begin a new attempt.

    Raises:
        FailedPrecondition: Nothing is left to do (JOB_FINISHED), or no attempt is left and the
            sweeper will say so.
        Aborted: Another worker's lease lives, or the pause after a failure is not over (JOB_BUSY).
    """
    if job.state in FINISHED:
        raise _finished()
    if job.state is JobState.RUNNING and job.lease_until is not None:
        if job.lease_until > now:
            raise _busy(job, job.lease_until - now)
        if job.attempt >= MAX_ATTEMPTS:
            raise _finished()
    if job.run_at > now:
        raise _busy(job, job.run_at - now)
    return replace(
        job,
        state=JobState.RUNNING,
        attempt=job.attempt + 1,
        worker=worker,
        lease_until=now + LEASE,
        sweep_at=now + LEASE,
        sweeps=0,
    )


def check_attempt(job: Job, attempt: int) -> None:
    """Refuse a report of an attempt that is not the newest.

    Raises:
        Aborted: Another attempt has begun (LEASE_LOST).
    """
    if attempt != job.attempt:
        raise _lease_lost(job, attempt)


def extend(job: Job, *, attempt: int, now: datetime) -> Job:
    """Let the lease of a running attempt begin anew.

    Raises:
        Aborted: The job is not in that attempt's hands any more (LEASE_LOST).
    """
    if attempt != job.attempt or job.state is not JobState.RUNNING:
        raise _lease_lost(job, attempt)
    return replace(job, lease_until=now + LEASE, sweep_at=now + LEASE)


def check_running(job: Job) -> None:
    """Refuse a report that only an attempt that is not over may make.

    Raises:
        Aborted: It has failed, or the job is closed (LEASE_LOST).
    """
    if job.state is not JobState.RUNNING:
        raise _lease_lost(job, job.attempt)


def finish(job: Job) -> Job:
    """Close a job that has done everything, or that is of no use any more."""
    return replace(job, state=JobState.DONE, lease_until=None, sweep_at=None)


def fail(
    job: Job,
    failure: Failure,
    *,
    retryable: bool,
    now: datetime,
    jitter: float = 0.5,
    other_deaths: int = 0,
) -> Job:
    """End a running attempt: QUEUED for another one after a pause, or FAILED.

    `other_deaths` are those of children at other jobs of the same original: a picture that kills
    two is not tried again, whichever jobs they were at. `jitter`, from 0 to 1, places the
    pause between 20 % shorter and 20 % longer.
    """
    deaths = job.child_deaths + (failure.reason in CHILD_DEATHS)
    ended = replace(job, child_deaths=deaths, lease_until=None, failure=failure)
    killed = failure.reason in CHILD_DEATHS and deaths + other_deaths >= MAX_CHILD_DEATHS
    if not retryable or job.attempt >= MAX_ATTEMPTS or killed:
        return replace(ended, state=JobState.FAILED, sweep_at=None)
    pause = BACKOFF[job.attempt - 1] * (1 + JITTER * (2 * jitter - 1))
    if failure.reason is Reason.CANCELLED:  # a converter was told to stop; nothing is wrong
        pause = timedelta()
    run_at = now + pause
    return replace(ended, state=JobState.QUEUED, run_at=run_at, sweep_at=run_at)


def sweep(job: Job, *, now: datetime, grace: timedelta) -> Job:
    """Judge a job whose `sweep_at` has come.

    A lease that ran out makes it QUEUED, or FAILED (ATTEMPTS_EXHAUSTED) after the last attempt. A
    job that is QUEUED is to be announced again: its message, or the bus's whole store, may be lost.
    `grace` is how long the bus gets to bring a job to a worker before it is swept again.
    """
    if job.state is JobState.RUNNING and job.attempt >= MAX_ATTEMPTS:
        failure = Failure(
            reason=Reason.ATTEMPTS_EXHAUSTED,
            message=f"the converter was lost in each of {job.attempt} attempts",
        )
        return replace(job, state=JobState.FAILED, lease_until=None, sweep_at=None, failure=failure)
    if job.state is JobState.RUNNING:
        job = replace(job, state=JobState.QUEUED, run_at=now, lease_until=None)
    pause = min(grace * 2**job.sweeps, MAX_SWEEP_PAUSE)
    return replace(job, sweeps=job.sweeps + 1, sweep_at=now + pause)


def _finished() -> FailedPrecondition:
    return FailedPrecondition(Reason.JOB_FINISHED, "nothing of this job is left to do")


def _busy(job: Job, pause: timedelta) -> Aborted:
    return Aborted(
        Reason.JOB_BUSY,
        "another worker has this job, or it is not due yet",
        metadata={"worker": job.worker},
        retry_after=pause.total_seconds(),
    )


def _lease_lost(job: Job, attempt: int) -> Aborted:
    return Aborted(
        Reason.LEASE_LOST,
        f"attempt {attempt} is not the one that counts",
        metadata={"attempt": str(attempt), "current": str(job.attempt)},
    )
