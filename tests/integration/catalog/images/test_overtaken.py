"""Generations that newer ones overtake: they are never shown, and their work ends."""

from __future__ import annotations

import pytest

from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.errors import FailedPrecondition, Reason
from tests.integration.catalog.images.catalog import (
    DEAR_TOO,
    GRACE,
    Catalog,
    MakeCommit,
    Team,
    stored_file,
)
from tests.integration.catalog.images.pictures import NEW, NEWER, Pictures, content_of, hash_of


async def test_the_last_of_two_replacements_wins_and_the_other_is_never_shown(
    pictures: Pictures,
) -> None:
    image = await pictures.ready()
    await pictures.replace(image.id, NEW)
    overtaken = (await pictures.catalog.job_ids(image.id, generation=2))["fast"]

    latest = await pictures.replace(image.id, NEWER)

    assert (latest.generation, latest.pending_generation) == (1, 3)
    assert content_of(latest) == content_of(image)
    with pytest.raises(FailedPrecondition) as refused:
        await pictures.catalog.claim(overtaken)
    assert refused.value.reason is Reason.JOB_FINISHED
    await pictures.make(image.id, 3)
    assert content_of(await pictures.look(image.id)) == hash_of(NEWER)
    assert await pictures.events("image.ready") == [1, 3]


async def test_jobs_of_what_was_overtaken_end_without_work(pictures: Pictures) -> None:
    image = await pictures.add()
    catalog = pictures.catalog
    first = (await catalog.job_ids(image.id))["fast"]
    async with catalog.uow.begin_for_all_teams() as conn:
        # A worker is reporting on it just now, so the commit leaves it to the sweeper.
        await conn.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", (first,))
        await pictures.replace(image.id, NEW)
    assert await catalog.rows("SELECT state FROM jobs WHERE id = %s", first) == [("QUEUED",)]
    await pictures.replace(image.id, NEWER)
    assert await catalog.rows("SELECT state FROM jobs ORDER BY generation") == [
        ("DONE",),
        ("DONE",),
        ("QUEUED",),
    ]
    assert [await pictures.states(image.id, generation) for generation in (1, 2, 3)] == [
        {"SKIPPED"},
        {"SKIPPED"},
        {"QUEUED"},
    ]


async def test_the_sweeper_ends_a_job_that_nobody_needs(pictures: Pictures) -> None:
    image = await pictures.add()
    catalog = pictures.catalog
    first = (await catalog.job_ids(image.id))["fast"]
    async with catalog.uow.begin_for_all_teams() as conn:
        await conn.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", (first,))
        await pictures.replace(image.id, NEW)
    await catalog.execute("DELETE FROM outbox")
    await catalog.execute("UPDATE jobs SET sweep_at = clock_timestamp() WHERE id = %s", first)

    assert await Sweeper(catalog.uow, interval=GRACE).sweep_due() == 1

    assert await catalog.outbox() == []
    assert await catalog.rows("SELECT state FROM jobs WHERE id = %s", first) == [("DONE",)]
    assert await pictures.states(image.id, 1) == {"SKIPPED"}


async def test_slow_outputs_of_a_set_that_was_replaced_are_ignored(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    pictures = Pictures(catalog, team, make_commit, profile)
    image = await pictures.ready()
    slow = await catalog.claim((await catalog.job_ids(image.id))["slow"])
    await pictures.replace(image.id)
    await pictures.make(image.id, 2)
    before = await catalog.rows("SELECT * FROM outputs ORDER BY id")

    late = await catalog.complete(slow, slow.outputs[0].id, stored_file(slow, slow.outputs[0]))

    assert late.job_finished
    assert await catalog.rows("SELECT * FROM outputs ORDER BY id") == before
    states = await catalog.rows("SELECT state FROM jobs WHERE id = %s", slow.job.id)
    assert states == [("DONE",)]


async def test_a_worker_that_reports_late_ends_what_nobody_needs(pictures: Pictures) -> None:
    image = await pictures.add()
    catalog = pictures.catalog
    claim = await catalog.claim((await catalog.job_ids(image.id))["fast"])
    async with catalog.uow.begin_for_all_teams() as conn:
        await conn.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", (claim.job.id,))
        await pictures.replace(image.id, NEW)
    assert await pictures.states(image.id, 1) == {"CONVERTING"}

    wanted = claim.outputs[0]
    late = await catalog.complete(claim, wanted.id, stored_file(claim, wanted))

    assert late.job_finished
    assert await pictures.states(image.id, 1) == {"SKIPPED"}
    assert await pictures.states(image.id, 2) == {"QUEUED"}


async def test_what_was_made_before_it_was_overtaken_stays_and_the_rest_says_why_it_ended(
    pictures: Pictures,
) -> None:
    image = await pictures.add()
    catalog = pictures.catalog
    claim = await catalog.claim((await catalog.job_ids(image.id))["fast"])
    made, *left = claim.outputs
    await catalog.complete(claim, made.id, stored_file(claim, made))

    await pictures.replace(image.id)

    rows = await catalog.rows(
        "SELECT id, state, reason, message FROM outputs WHERE generation = 1 ORDER BY state, id"
    )
    why = (Reason.JOB_FINISHED, "newer outputs have replaced these")
    assert rows == [
        (made.id, "READY", None, ""),
        *sorted((wanted.id, "SKIPPED", *why) for wanted in left),
    ]


async def test_slow_outputs_of_a_set_that_is_not_served_any_more_end_with_it(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    pictures = Pictures(catalog, team, make_commit, profile)
    image = await pictures.ready()
    await pictures.replace(image.id)
    assert await pictures.states(image.id, 1) == {"READY", "QUEUED"}

    await pictures.make(image.id, 2)

    assert await pictures.states(image.id, 1) == {"READY", "SKIPPED"}
    assert await pictures.states(image.id, 2) == {"READY", "QUEUED"}
