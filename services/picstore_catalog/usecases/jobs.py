"""A worker's dealings with the ledger: claim, extend, record the placeholder, fail.

Jobs belong to no caller: workers are services, and reach a job by its id alone in a transaction
over all teams. What fences them is the number of the attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from picstore_catalog.model.child_death import ChildDeath, CrashReport
from picstore_catalog.model.found_quality import start_quality
from picstore_catalog.model.image import Placeholder
from picstore_catalog.model.job import (
    CHILD_DEATHS,
    FINISHED,
    REPLACED,
    Failure,
    Job,
    JobKind,
    JobState,
    check_attempt,
)
from picstore_catalog.model.job import claim as claimed
from picstore_catalog.model.job import extend as extended
from picstore_catalog.model.job import fail as failed
from picstore_catalog.model.work import Claim, WantedOutput
from picstore_catalog.repo import found_quality as found_qualities
from picstore_catalog.repo import image as images
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import locked_image, work
from picstore_catalog.repo import original as originals
from picstore_catalog.repo import output as outputs
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.settle import give_up
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import JobId


async def claim_job(transaction: Transaction, *, job_id: JobId, worker: str) -> Claim:
    """Take a job for a worker and begin a new attempt.

    Raises:
        NotFound: There is no such job.
        FailedPrecondition: Nothing is left to do (JOB_FINISHED).
        Aborted: Another worker has it, or it is not due yet (JOB_BUSY, with `retry_after`).
    """
    job = await jobs.lock(transaction, job_id)
    job = claimed(job, worker=worker, now=await jobs.clock(transaction))
    await jobs.save(transaction, job)
    drawing = None
    if job.kind is JobKind.RENDER:
        order, drawing = await work.begin_drawing(transaction, job)
    else:
        order = await work.fetch(transaction, job.id)
    if order.is_stale:
        raise FailedPrecondition(Reason.JOB_FINISHED, REPLACED)
    wanted = () if drawing else tuple(await outputs.begin(transaction, job.id))
    outputs_wanted = await _with_starts(transaction, job, wanted)
    return Claim(job=job, order=order, outputs=outputs_wanted, drawing=drawing)


async def _with_starts(
    transaction: Transaction, job: Job, wanted: Sequence[WantedOutput]
) -> tuple[WantedOutput, ...]:
    """Say where each search for a quality begins."""
    if all(output.spec.auto_quality is None for output in wanted):
        return tuple(wanted)
    of_picture = await found_qualities.of_picture(transaction, job.image_id)
    of_profile = await found_qualities.of_profile(transaction, job.id)
    return tuple(
        replace(
            output,
            start_quality=start_quality(output.spec, of_picture=of_picture, of_profile=of_profile),
        )
        for output in wanted
    )


async def extend_job(transaction: Transaction, *, job_id: JobId, attempt: int) -> datetime:
    """Keep a lease alive; return when it ends now.

    Raises:
        NotFound: There is no such job.
        Aborted: The attempt has lost it (LEASE_LOST).
    """
    job = await jobs.lock(transaction, job_id)
    now = await jobs.clock(transaction)
    job = extended(job, attempt=attempt, now=now)
    await jobs.save(transaction, job)
    return job.lease_until or now


async def record_placeholder(
    transaction: Transaction, *, job_id: JobId, attempt: int, placeholder: Placeholder
) -> None:
    """Record what to show until the picture is there; a stale generation's is ignored.

    That of an original that is to replace another is shown once it does.

    Raises:
        NotFound: There is no such job.
        Aborted: Another attempt has begun (LEASE_LOST).
    """
    job = await jobs.lock(transaction, job_id)
    check_attempt(job, attempt)
    image = await locked_image.lock(transaction, job.image_id)
    if image.is_stale(job.generation):
        return
    await originals.set_placeholder(transaction, image.id, job.generation, placeholder)
    if job.generation == image.shown_generation:
        await images.set_placeholder(transaction, image.id, placeholder)


async def fail_job(
    transaction: Transaction,
    *,
    job_id: JobId,
    attempt: int,
    failure: Failure,
    retryable: bool,
    jitter: float,
    crash: CrashReport | None = None,
) -> datetime | None:
    """End an attempt that could not finish; return when the next begins, None if there is none.

    `crash` is what is known of a child that died of it, and kept with the job.
    Repeating the call changes nothing.

    Raises:
        NotFound: There is no such job.
        Aborted: Another attempt has begun (LEASE_LOST).
    """
    job = await jobs.lock(transaction, job_id)
    check_attempt(job, attempt)
    if job.state in FINISHED:
        return None
    if job.state is JobState.RUNNING:
        now = await jobs.clock(transaction)
        job = failed(
            job,
            failure,
            retryable=retryable,
            now=now,
            jitter=jitter,
            other_deaths=await jobs.count_other_deaths(transaction, job),
        )
        await jobs.save(transaction, job)
        if crash is not None and failure.reason in CHILD_DEATHS:
            death = ChildDeath(
                attempt=attempt,
                time=now,
                worker=job.worker,
                reason=failure.reason,
                message=failure.message,
                report=crash,
            )
            await jobs.add_death(transaction, job.id, death)
        if job.state is JobState.FAILED:
            await give_up(transaction, job)
            return None
        await outputs.requeue(transaction, job.id)
    return job.run_at
