"""Workers that race, crash, stall and repeat themselves in any order: the end is the same."""

from __future__ import annotations

import asyncio
import random

import pytest

from picstore_catalog.model.image import ImageState
from picstore_catalog.model.job import MAX_ATTEMPTS, Failure
from picstore_catalog.model.output import TERMINAL, OutputState
from picstore_catalog.model.work import Claim
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import JobId
from tests.integration.catalog.images.catalog import (
    DEAR_TOO,
    GRACE,
    Catalog,
    MakeCommit,
    Team,
    stored_file,
)

LOST_STORE = Failure(reason=Reason.STORAGE_UNAVAILABLE, message="the store does not answer")
CORRUPT = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")
EXPECTED = {Reason.JOB_BUSY, Reason.JOB_FINISHED, Reason.LEASE_LOST}


class Worker:
    """Does something likely or unlikely with the claim that it has, or had once."""

    def __init__(self, name: str, catalog: Catalog, chance: random.Random) -> None:
        self._name = name
        self._catalog = catalog
        self._chance = chance
        self._claim: Claim | None = None

    async def act(self, jobs: list[JobId]) -> None:
        try:
            await self._act(jobs)
        except PicstoreError as refused:
            if refused.reason not in EXPECTED:
                raise

    async def _act(self, jobs: list[JobId]) -> None:
        chance = self._chance.random()
        if self._claim is None or chance < 0.2:
            self._claim = await self._catalog.claim(self._chance.choice(jobs), worker=self._name)
        elif chance < 0.75:
            wanted = self._chance.choice(self._claim.outputs)
            result = stored_file(self._claim, wanted) if chance < 0.65 else CORRUPT
            await self._catalog.complete(self._claim, wanted.id, result)
        elif chance < 0.85:
            await self._catalog.fail(self._claim, LOST_STORE)
        elif chance < 0.9:
            self._claim = None  # it crashed


@pytest.mark.parametrize("seed", range(4))
async def test_every_picture_ends_ready_or_failed_and_says_so_once(
    catalog: Catalog, team: Team, make_commit: MakeCommit, seed: int
) -> None:
    chance = random.Random(seed)
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    committed = await catalog.commit(team, make_commit(upload_profile=profile))
    jobs = sorted((await catalog.job_ids(committed.id)).values())
    workers = [Worker(f"converter-{n}", catalog, chance) for n in range(3)]
    sweepers = [Sweeper(catalog.uow, interval=GRACE) for _ in range(2)]

    for _ in range(100):
        await asyncio.gather(*(worker.act(jobs) for worker in workers))
        if chance.random() < 0.4:
            await catalog.execute(
                "UPDATE jobs SET run_at = run_at - interval '1 day',"
                " lease_until = lease_until - interval '1 day',"
                " sweep_at = sweep_at - interval '1 day'"
            )
            await asyncio.gather(*(sweeper.sweep_due() for sweeper in sweepers))
        states = await catalog.rows("SELECT state FROM jobs")
        if all(state in ("DONE", "FAILED") for (state,) in states):
            break

    image = await catalog.image(team, committed.id)
    ready = [output for output in image.outputs if output.state is OutputState.READY]
    assert {output.state for output in image.outputs} <= {OutputState.READY, OutputState.FAILED}
    assert image.state is (ImageState.READY if ready else ImageState.FAILED)
    assert (image.generation, image.pending_generation) == (1, 0)
    subjects = await catalog.outbox()
    outcomes = {f"picstore.event.image.{outcome}" for outcome in ("ready", "failed")}
    settled = [subject for subject in subjects if subject in outcomes]
    assert settled == [f"picstore.event.image.{image.state.value.lower()}"]
    assert subjects.count("picstore.event.output.ready") == len(ready)
    ((attempts,),) = await catalog.rows("SELECT max(attempt) FROM jobs")
    assert attempts <= MAX_ATTEMPTS


@pytest.mark.parametrize("seed", range(4))
async def test_a_picture_that_is_replaced_all_the_while_ends_with_its_last_usable_original(
    catalog: Catalog, team: Team, make_commit: MakeCommit, seed: int
) -> None:
    chance = random.Random(seed)
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    image_id = (await catalog.commit(team, make_commit(upload_profile=profile))).id
    workers = [Worker(f"converter-{n}", catalog, chance) for n in range(3)]
    sweeper = Sweeper(catalog.uow, interval=GRACE)
    replacements = 0

    async def replace() -> None:
        commit = make_commit(
            upload_profile=profile, image_id=image_id, content=b"%d" % replacements
        )
        await catalog.commit(team, commit)

    for turn in range(150):
        jobs = sorted(JobId(id) for (id,) in await catalog.rows("SELECT id FROM jobs"))
        acts = [worker.act(jobs) for worker in workers]
        if turn < 60 and chance.random() < 0.1:
            replacements += 1
            acts.append(replace())
        await asyncio.gather(*acts)
        if chance.random() < 0.4:
            await catalog.execute(
                "UPDATE jobs SET run_at = run_at - interval '1 day',"
                " lease_until = lease_until - interval '1 day',"
                " sweep_at = sweep_at - interval '1 day'"
            )
            await sweeper.sweep_due()
        states = await catalog.rows("SELECT state FROM jobs")
        if turn >= 60 and all(state in ("DONE", "FAILED") for (state,) in states):
            break

    image = await catalog.image(team, image_id)
    assert replacements
    assert image.pending_generation == 0
    assert image.original is not None
    served = await catalog.rows(
        "SELECT sha256 FROM originals WHERE image_id = %s AND generation = %s",
        image_id,
        image.generation,
    )
    assert served == [(image.original.sha256,)]
    states = await catalog.rows("SELECT DISTINCT state FROM jobs")
    assert {state for (state,) in states} <= {"DONE", "FAILED"}
    states = await catalog.rows("SELECT DISTINCT state FROM outputs")
    assert {state for (state,) in states} <= TERMINAL
    ready = [output for output in image.outputs if output.state is OutputState.READY]
    assert image.state is (ImageState.READY if ready else ImageState.FAILED)
