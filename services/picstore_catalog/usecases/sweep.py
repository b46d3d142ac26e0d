"""The sweeper: whatever the bus or a worker lost goes back to work, from the ledger alone.

It looks at jobs whose `sweep_at` has come: retries that are due, leases that ran out, and jobs
that nobody took although they were announced. So the bus's store may be deleted at any time. A job
whose outputs are of no use any more ends here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from picstore_catalog.model.job import Job, JobState, sweep
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo.messages import announce_job
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.settle import end_replaced, give_up
from picstore_kit.errors import PicstoreError

log = structlog.get_logger(__name__)

_MIN_PAUSE: Final = timedelta(milliseconds=200)
"""Between two looks at jobs that are due but that others have locked."""


class Sweeper:
    """Sweeps every `interval`, and in between at the moment that the next job asks for."""

    def __init__(self, uow: UnitOfWork, *, interval: timedelta) -> None:
        self._uow = uow
        self.interval: Final = interval
        """The longest sleep; also the time that the bus gets to bring a job to a worker."""
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at once how long to sleep: a job may be due sooner than was known."""
        self._woken.set()

    async def run(self) -> None:
        """Sweep for ever. A database that is away is waited for."""
        while True:
            self._woken.clear()
            pause = self.interval
            try:
                await self.sweep_due()
                pause = await self._pause()
            except PicstoreError as error:
                log.warning("sweep.database_failed", error=error.message)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._woken.wait()

    async def sweep_due(self) -> int:
        """Sweep what is due now, each job in a transaction of its own; return how many."""
        swept = 0
        while await self._sweep_one():
            swept += 1
        return swept

    async def _sweep_one(self) -> bool:
        async with self._uow.begin_for_all_teams() as transaction:
            job = await jobs.lock_next_to_sweep(transaction)
            if job is None:
                return False
            if await jobs.is_stale(transaction, job):
                after = await end_replaced(transaction, job)
            else:
                after = sweep(job, now=await jobs.clock(transaction), grace=self.interval)
                await _carry_out(transaction, job, after)
        log.info(
            "job.swept",
            job=after.id,
            was=job.state.value,
            state=after.state.value,
            attempt=after.attempt,
        )
        return True

    async def _pause(self) -> timedelta:
        async with self._uow.begin_for_all_teams() as transaction:
            pause = await jobs.time_to_next_sweep(transaction)
        return self.interval if pause is None else min(max(pause, _MIN_PAUSE), self.interval)


async def _carry_out(transaction: Transaction, before: Job, after: Job) -> None:
    await jobs.save(transaction, after)
    if after.state is JobState.FAILED:
        await give_up(transaction, after)
        return
    if before.state is JobState.RUNNING:
        await outputs.requeue(transaction, after.id)
    await announce_job(transaction, after)
