"""The sweeper: what the bus or a worker lost goes back to work, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.job import MAX_ATTEMPTS, Failure
from picstore_catalog.model.output import OutputState
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.errors import Reason
from picstore_kit.ids import JobId
from picstore_kit.pg.database import Database
from picstore_kit.pg.listen import listen
from picstore_kit.pg.outbox import channel
from tests.integration.catalog.images.catalog import GRACE, SERVICE, Catalog, Team

LOST_STORE = Failure(reason=Reason.STORAGE_UNAVAILABLE, message="the store does not answer")
JOB_SUBJECT = "picstore.job.convert.fast"


@pytest.fixture
def sweeper(catalog: Catalog) -> Sweeper:
    return Sweeper(catalog.uow, interval=GRACE)


@pytest.fixture
async def job_id(catalog: Catalog, committed: Image) -> JobId:
    """A queued job whose first message is published already."""
    await catalog.execute("DELETE FROM outbox")
    return (await catalog.job_ids(committed.id))["fast"]


async def age(catalog: Catalog, *, by: timedelta = GRACE) -> None:
    """Let all jobs be older than they are."""
    await catalog.execute(
        "UPDATE jobs SET sweep_at = sweep_at - %s, lease_until = lease_until - %s,"
        " run_at = run_at - %s",
        by,
        by,
        by,
    )


async def test_a_fresh_job_is_left_to_the_bus(
    catalog: Catalog, sweeper: Sweeper, job_id: JobId
) -> None:
    assert await sweeper.sweep_due() == 0
    assert await catalog.outbox() == []


async def test_a_job_whose_message_was_lost_is_announced_again(
    catalog: Catalog, sweeper: Sweeper, job_id: JobId
) -> None:
    await age(catalog)

    assert await sweeper.sweep_due() == 1
    assert await catalog.outbox() == [JOB_SUBJECT]
    assert await sweeper.sweep_due() == 0, "it has its time again"
    assert (await catalog.claim(job_id)).job.attempt == 1


async def test_every_announcement_has_a_message_id_of_its_own(
    catalog: Catalog, sweeper: Sweeper, job_id: JobId
) -> None:
    for _ in range(3):
        await age(catalog, by=timedelta(hours=1))
        await sweeper.sweep_due()

    ((ids,),) = await catalog.rows("SELECT count(DISTINCT msg_id) FROM outbox")
    assert ids == 3


async def test_a_job_whose_worker_lives_is_left_alone(
    catalog: Catalog, sweeper: Sweeper, job_id: JobId
) -> None:
    await age(catalog)
    await catalog.claim(job_id)

    assert await sweeper.sweep_due() == 0


async def test_a_job_whose_worker_died_goes_to_the_next(
    catalog: Catalog, team: Team, committed: Image, sweeper: Sweeper, job_id: JobId
) -> None:
    await catalog.claim(job_id)
    await age(catalog)

    assert await sweeper.sweep_due() == 1
    assert await catalog.outbox() == [JOB_SUBJECT]
    image = await catalog.image(team, committed.id)
    assert {output.state for output in image.outputs} == {OutputState.QUEUED}
    assert (await catalog.claim(job_id, worker="converter-2")).job.attempt == 2


async def test_a_job_whose_worker_died_in_the_last_attempt_is_failed(
    catalog: Catalog, team: Team, committed: Image, sweeper: Sweeper, job_id: JobId
) -> None:
    for _ in range(MAX_ATTEMPTS):
        await catalog.claim(job_id)
        await age(catalog, by=timedelta(hours=1))
        await sweeper.sweep_due()

    image = await catalog.image(team, committed.id)
    assert image.state is ImageState.FAILED
    assert image.failure is not None
    assert image.failure.reason is Reason.ATTEMPTS_EXHAUSTED
    assert (await catalog.outbox())[-1] == "picstore.event.image.failed"
    await age(catalog, by=timedelta(days=1))
    assert await sweeper.sweep_due() == 0


async def test_a_retry_is_announced_when_it_is_due(
    catalog: Catalog, sweeper: Sweeper, job_id: JobId
) -> None:
    await catalog.fail(await catalog.claim(job_id), LOST_STORE)

    assert await sweeper.sweep_due() == 0
    await age(catalog, by=timedelta(seconds=5))
    assert await sweeper.sweep_due() == 1
    assert await catalog.outbox() == [JOB_SUBJECT]


async def test_sweepers_of_several_replicas_announce_each_job_once(
    catalog: Catalog, job_id: JobId
) -> None:
    await age(catalog)
    replicas = [Sweeper(catalog.uow, interval=GRACE) for _ in range(4)]

    swept = await asyncio.gather(*(replica.sweep_due() for replica in replicas))

    assert sum(swept) == 1
    assert await catalog.outbox() == [JOB_SUBJECT]


async def test_a_sweeper_that_sleeps_wakes_for_a_retry_that_is_due_sooner(
    catalog: Catalog, database: Database, job_id: JobId
) -> None:
    sweeper = Sweeper(catalog.uow, interval=timedelta(hours=1))
    claim = await catalog.claim(job_id)
    async with announcements(database) as announced, running(sweeper):
        await announced.wait()  # listening has begun
        announced.clear()
        await catalog.fail(claim, LOST_STORE)
        await catalog.execute(
            "UPDATE jobs SET run_at = clock_timestamp() + interval '300 milliseconds',"
            " sweep_at = clock_timestamp() + interval '300 milliseconds'"
        )
        sweeper.wake()
        await announced.wait()

    assert await catalog.outbox() == [JOB_SUBJECT]


@asynccontextmanager
async def announcements(database: Database) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever something was added to the outbox."""
    added = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        listener = tasks.create_task(listen(database.conninfo, channel(SERVICE), added.set))
        yield added
        listener.cancel()


@asynccontextmanager
async def running(sweeper: Sweeper) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(sweeper.run())
        yield
        task.cancel()
