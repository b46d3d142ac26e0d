"""The life of a job: every transition by itself, then any order of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from picstore_catalog.model import job as life
from picstore_catalog.model.job import (
    BACKOFF,
    FINISHED,
    LEASE,
    MAX_ATTEMPTS,
    MAX_SWEEP_PAUSE,
    Failure,
    Job,
    JobKind,
    JobState,
    Lane,
)
from picstore_kit.errors import Aborted, FailedPrecondition, Reason
from picstore_kit.ids import ImageId, JobId, LocationId, TeamId

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GRACE = timedelta(seconds=30)
LOST_STORE = Failure(reason=Reason.STORAGE_UNAVAILABLE, message="the store does not answer")
CRASH = Failure(reason=Reason.CHILD_CRASHED, message="the child died of a signal")

QUEUED = Job(
    id=JobId("job_1"),
    team_id=TeamId("tem_1"),
    image_id=ImageId("img_1"),
    generation=1,
    lane=Lane.FAST,
    kind=JobKind.CONVERT,
    outputs_location_id=LocationId("loc_1"),
    output_key_prefix="blog/web",
    state=JobState.QUEUED,
    attempt=0,
    child_deaths=0,
    worker="",
    run_at=NOW,
    lease_until=None,
    sweep_at=NOW + GRACE,
    sweeps=0,
    failure=None,
)
RUNNING = life.claim(QUEUED, worker="one", now=NOW)


def attempt(number: int) -> Job:
    """The job in its `number`th attempt."""
    return replace(RUNNING, attempt=number)


def test_deaths_at_other_jobs_of_the_same_original_count() -> None:
    failed = life.fail(RUNNING, CRASH, retryable=True, now=NOW, other_deaths=1)
    assert (failed.state, failed.child_deaths) == (JobState.FAILED, 1)
    # What is no death is tried again, whatever others died of.
    kept = life.fail(RUNNING, LOST_STORE, retryable=True, now=NOW, other_deaths=5)
    assert kept.state is JobState.QUEUED


def test_claim_begins_an_attempt_with_a_lease() -> None:
    assert RUNNING.state is JobState.RUNNING
    assert RUNNING.attempt == 1
    assert RUNNING.worker == "one"
    assert RUNNING.lease_until == RUNNING.sweep_at == NOW + LEASE


def test_claim_of_a_leased_job_says_when_to_come_back() -> None:
    with pytest.raises(Aborted) as refused:
        life.claim(RUNNING, worker="two", now=NOW + timedelta(seconds=10))

    assert refused.value.reason is Reason.JOB_BUSY
    assert refused.value.metadata == {"worker": "one"}
    assert refused.value.retry_after == 20


def test_claim_takes_over_when_the_lease_has_ended() -> None:
    taken = life.claim(RUNNING, worker="two", now=NOW + LEASE)

    assert (taken.attempt, taken.worker) == (2, "two")


def test_claim_before_the_pause_is_over_is_refused() -> None:
    waiting = life.fail(RUNNING, LOST_STORE, retryable=True, now=NOW)

    with pytest.raises(Aborted) as refused:
        life.claim(waiting, worker="two", now=NOW)

    assert refused.value.reason is Reason.JOB_BUSY
    assert refused.value.retry_after == BACKOFF[0].total_seconds()


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(life.finish(RUNNING), id="done"),
        pytest.param(life.fail(RUNNING, CRASH, retryable=False, now=NOW), id="failed"),
        pytest.param(replace(attempt(MAX_ATTEMPTS), lease_until=NOW), id="no attempt left"),
    ],
)
def test_claim_of_a_job_with_nothing_to_do_says_so(job: Job) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        life.claim(job, worker="two", now=NOW + LEASE)

    assert refused.value.reason is Reason.JOB_FINISHED


def test_extend_renews_the_lease_from_now() -> None:
    later = NOW + timedelta(seconds=20)

    extended = life.extend(RUNNING, attempt=1, now=later)

    assert extended.lease_until == extended.sweep_at == later + LEASE


@pytest.mark.parametrize(
    "job", [attempt(2), life.finish(RUNNING), replace(QUEUED, attempt=1)], ids=lambda job: job.state
)
def test_extend_of_a_job_in_other_hands_says_that_the_lease_is_lost(job: Job) -> None:
    with pytest.raises(Aborted) as refused:
        life.extend(job, attempt=1, now=NOW)

    assert refused.value.reason is Reason.LEASE_LOST


def test_report_of_an_older_attempt_is_refused() -> None:
    with pytest.raises(Aborted) as refused:
        life.check_attempt(attempt(2), 1)

    assert refused.value.reason is Reason.LEASE_LOST
    assert refused.value.metadata == {"attempt": "1", "current": "2"}


def test_retries_wait_ever_longer() -> None:
    waits = [
        life.fail(attempt(number), LOST_STORE, retryable=True, now=NOW).run_at - NOW
        for number in range(1, MAX_ATTEMPTS)
    ]

    assert waits == list(BACKOFF)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_a_pause_varies_by_a_fifth(jitter: float, seconds: float) -> None:
    failed = life.fail(RUNNING, LOST_STORE, retryable=True, now=NOW, jitter=jitter)

    assert failed.run_at - NOW == timedelta(seconds=seconds)
    assert failed.sweep_at == failed.run_at


def test_a_converter_that_was_told_to_stop_costs_no_pause() -> None:
    stopped = Failure(reason=Reason.CANCELLED, message="")

    failed = life.fail(RUNNING, stopped, retryable=True, now=NOW)

    assert (failed.state, failed.run_at, failed.sweep_at) == (JobState.QUEUED, NOW, NOW)


def test_the_last_attempt_fails_the_job_for_good() -> None:
    failed = life.fail(attempt(MAX_ATTEMPTS), LOST_STORE, retryable=True, now=NOW)

    assert failed.state is JobState.FAILED
    assert failed.failure == LOST_STORE
    assert failed.sweep_at is None


def test_what_cannot_go_better_is_not_tried_again() -> None:
    failed = life.fail(RUNNING, LOST_STORE, retryable=False, now=NOW)

    assert failed.state is JobState.FAILED


@pytest.mark.parametrize(
    "reason", [Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY]
)
def test_a_picture_that_kills_two_children_is_failed(reason: Reason) -> None:
    first = life.fail(RUNNING, CRASH, retryable=True, now=NOW)
    second = life.claim(first, worker="two", now=first.run_at)
    failed = life.fail(second, Failure(reason=reason, message=""), retryable=True, now=first.run_at)

    assert first.state is JobState.QUEUED
    assert failed.state is JobState.FAILED
    assert failed.failure == Failure(reason=reason, message="")


def test_sweep_gives_a_lost_lease_to_the_next_worker_at_once() -> None:
    swept = life.sweep(RUNNING, now=NOW + LEASE, grace=GRACE)

    assert swept.state is JobState.QUEUED
    assert swept.run_at == NOW + LEASE
    assert life.claim(swept, worker="two", now=NOW + LEASE).attempt == 2


def test_sweep_fails_a_job_whose_last_lease_is_lost() -> None:
    swept = life.sweep(attempt(MAX_ATTEMPTS), now=NOW + LEASE, grace=GRACE)

    assert swept.state is JobState.FAILED
    assert swept.failure is not None
    assert swept.failure.reason is Reason.ATTEMPTS_EXHAUSTED


def test_a_job_that_waits_in_a_long_queue_is_announced_ever_more_rarely() -> None:
    job, pauses = QUEUED, []
    for _ in range(8):
        job = life.sweep(job, now=NOW, grace=GRACE)
        assert job.sweep_at is not None
        pauses.append(job.sweep_at - NOW)

    assert pauses[:3] == [GRACE, 2 * GRACE, 4 * GRACE]
    assert pauses[-1] == MAX_SWEEP_PAUSE


class JobLife(RuleBasedStateMachine):
    """Workers that claim, die, come back late and report; a sweeper; and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.job = QUEUED
        self.now = NOW

    @rule(seconds=st.integers(0, 700))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def somebody_claims(self) -> None:
        before = self.job
        free = before.run_at <= self.now and (
            before.state is JobState.QUEUED
            or (before.lease_until is not None and before.lease_until <= self.now)
        )
        if before.state in FINISHED or not free or before.attempt == MAX_ATTEMPTS:
            with pytest.raises((Aborted, FailedPrecondition)):
                life.claim(before, worker="any", now=self.now)
        else:
            self.job = life.claim(before, worker="any", now=self.now)
            assert self.job.attempt == before.attempt + 1

    @rule(behind=st.integers(0, 3))
    def a_worker_extends(self, behind: int) -> None:
        number = self.job.attempt - behind
        try:
            self.job = life.extend(self.job, attempt=number, now=self.now)
        except Aborted:
            assert behind or self.job.state is not JobState.RUNNING
        else:
            assert not behind

    @precondition(lambda self: self.job.state is JobState.RUNNING)
    @rule(
        failure=st.sampled_from([LOST_STORE, CRASH]),
        retryable=st.booleans(),
        jitter=st.floats(0, 1),
    )
    def an_attempt_fails(self, failure: Failure, retryable: bool, jitter: float) -> None:
        self.job = life.fail(self.job, failure, retryable=retryable, now=self.now, jitter=jitter)
        assert self.job.state in (JobState.QUEUED, JobState.FAILED)
        assert self.job.state is JobState.FAILED or retryable

    @precondition(lambda self: self.job.state is JobState.RUNNING)
    @rule()
    def the_work_is_done(self) -> None:
        self.job = life.finish(self.job)

    @precondition(lambda self: self.job.sweep_at is not None and self.job.sweep_at <= self.now)
    @rule()
    def the_sweeper_comes(self) -> None:
        self.job = life.sweep(self.job, now=self.now, grace=GRACE)

    @invariant()
    def attempts_are_limited(self) -> None:
        assert self.job.attempt <= MAX_ATTEMPTS
        assert self.job.child_deaths <= life.MAX_CHILD_DEATHS

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """What is not finished has a time at which the sweeper looks after it."""
        assert (self.job.sweep_at is None) == (self.job.state in FINISHED)

    @invariant()
    def exactly_a_running_job_has_a_lease(self) -> None:
        assert (self.job.lease_until is None) == (self.job.state is not JobState.RUNNING)

    @invariant()
    def a_failed_job_says_why(self) -> None:
        assert self.job.state is not JobState.FAILED or self.job.failure is not None


TestJobLife = JobLife.TestCase
