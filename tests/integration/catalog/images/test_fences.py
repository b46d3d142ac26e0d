"""Workers that race, die, come back late and report twice: one result, and never two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from picstore.events.v1.event_pb2 import Event
from picstore_catalog.model.image import Image, ImageState, Placeholder
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import OutputState
from picstore_catalog.model.work import Claim
from picstore_catalog.usecases.jobs import extend_job, record_placeholder
from picstore_imaging.cost import estimate_cpu_ms
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidField,
    NotFound,
    PicstoreError,
    Reason,
)
from picstore_kit.ids import JobId, OutputId, new_id
from tests.integration.catalog.images.catalog import (
    DEAR_TOO,
    Catalog,
    MakeCommit,
    Team,
    stored_file,
)

UNREADABLE = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")
CRASH = Failure(reason=Reason.CHILD_CRASHED, message="the child died of a signal")
LOST_STORE = Failure(reason=Reason.STORAGE_UNAVAILABLE, message="the store does not answer")


@pytest.fixture
async def job_id(catalog: Catalog, committed: Image) -> JobId:
    return (await catalog.job_ids(committed.id))["fast"]


@pytest.fixture
async def claim(catalog: Catalog, job_id: JobId) -> Claim:
    return await catalog.claim(job_id)


async def let_lease_end(catalog: Catalog, job_id: JobId) -> None:
    """Have the worker be silent for longer than its lease."""
    await catalog.execute(
        "UPDATE jobs SET lease_until = clock_timestamp(), sweep_at = clock_timestamp()"
        " WHERE id = %s",
        job_id,
    )


async def end_pause(catalog: Catalog, job_id: JobId) -> None:
    """Let the pause before the next attempt be over."""
    await catalog.execute(
        "UPDATE jobs SET run_at = clock_timestamp(), sweep_at = clock_timestamp() WHERE id = %s",
        job_id,
    )


async def complete_all(catalog: Catalog, claim: Claim) -> list[ImageState]:
    states = []
    for wanted in claim.outputs:
        completion = await catalog.complete(claim, wanted.id, stored_file(claim, wanted))
        states.append(completion.image_state)
    return states


async def events(catalog: Catalog, kind: str) -> list[Any]:
    rows = await catalog.rows(
        "SELECT payload FROM outbox WHERE subject = %s ORDER BY id", f"picstore.event.{kind}"
    )
    field = kind.replace(".", "_")
    return [getattr(Event.FromString(bytes(payload)), field) for (payload,) in rows]


async def test_a_picture_is_ready_with_its_last_output(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    states = await complete_all(catalog, claim)

    assert states == [ImageState.CONVERTING] * 3 + [ImageState.READY]
    image = await catalog.image(team, committed.id)
    assert (image.generation, image.pending_generation) == (1, 0)
    assert image.ready_time is not None
    assert image.commit_time is not None
    assert image.ready_time > image.commit_time
    assert {output.state for output in image.outputs} == {OutputState.READY}
    assert [ready.image_id for ready in await events(catalog, "image.ready")] == [image.id]
    assert len(await events(catalog, "output.ready")) == 4


async def test_a_claim_says_all_that_the_work_needs(
    committed: Image, team: Team, claim: Claim
) -> None:
    assert claim.order.original == committed.original
    assert claim.order.wants_placeholder
    assert claim.job.outputs_location_id == team.location_id
    assert claim.job.output_key_prefix == f"blog/web/2026/photo-{committed.id}"
    # The cheap ones come first.
    costs = [estimate_cpu_ms(wanted.spec) for wanted in claim.outputs]
    assert len(costs) == 4
    assert costs == sorted(costs)


async def test_two_workers_that_claim_at_once_get_the_job_once(
    catalog: Catalog, job_id: JobId
) -> None:
    outcomes = await asyncio.gather(
        *(catalog.claim(job_id, worker=f"converter-{n}") for n in range(5)), return_exceptions=True
    )

    claims = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Aborted)]
    assert len(claims) == 1
    assert [error.reason for error in refused] == [Reason.JOB_BUSY] * 4
    assert all(error.retry_after for error in refused)


async def test_a_redelivered_job_makes_only_what_is_missing(catalog: Catalog, claim: Claim) -> None:
    done = claim.outputs[0]
    await catalog.complete(claim, done.id, stored_file(claim, done))
    await let_lease_end(catalog, claim.job.id)

    again = await catalog.claim(claim.job.id, worker="converter-2")

    assert again.job.attempt == 2
    assert [wanted.id for wanted in again.outputs] == [w.id for w in claim.outputs[1:]]
    assert await complete_all(catalog, again) == [ImageState.CONVERTING] * 2 + [ImageState.READY]


async def test_a_redelivered_job_that_is_done_says_so(catalog: Catalog, claim: Claim) -> None:
    await complete_all(catalog, claim)

    with pytest.raises(FailedPrecondition) as refused:
        await catalog.claim(claim.job.id)

    assert refused.value.reason is Reason.JOB_FINISHED


async def test_a_worker_that_was_overtaken_changes_nothing(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    await let_lease_end(catalog, claim.job.id)
    winner = await catalog.claim(claim.job.id, worker="converter-2")
    wanted = claim.outputs[0]

    placeholder = Placeholder(thumbhash=b"late", dominant_colour="#000000")
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: catalog.complete(claim, wanted.id, stored_file(claim, wanted)),
        lambda: catalog.complete(claim, wanted.id, UNREADABLE),
        lambda: catalog.fail(claim, UNREADABLE, retryable=False),
        lambda: _extend(catalog, claim),
        lambda: _record(catalog, claim, placeholder),
    ]
    for attempt in attempts:
        with pytest.raises(Aborted) as refused:
            await attempt()
        assert refused.value.reason is Reason.LEASE_LOST

    image = await catalog.image(team, committed.id)
    assert {output.state for output in image.outputs} == {OutputState.CONVERTING}
    assert image.placeholder is None
    assert (await complete_all(catalog, winner))[-1] is ImageState.READY


async def test_reporting_an_output_twice_changes_nothing(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    await complete_all(catalog, claim)
    before = await catalog.image(team, committed.id)
    wanted = claim.outputs[0]

    again = await catalog.complete(claim, wanted.id, UNREADABLE)

    assert again.image_state is ImageState.READY
    assert again.job_finished
    assert await catalog.image(team, committed.id) == before
    assert len(await events(catalog, "image.ready")) == 1
    assert len(await events(catalog, "output.ready")) == 4


async def test_the_last_outputs_reported_at_once_flip_the_picture_once(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    completions = await asyncio.gather(
        *(
            catalog.complete(claim, wanted.id, stored_file(claim, wanted))
            for wanted in claim.outputs
        )
    )

    states = [completion.image_state for completion in completions]
    assert states.count(ImageState.READY) == 1
    assert len(await events(catalog, "image.ready")) == 1
    image = await catalog.image(team, committed.id)
    assert (image.state, image.generation) == (ImageState.READY, 1)


async def test_an_output_of_a_stale_generation_is_ignored(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    await catalog.execute(
        "UPDATE images SET generation = 2, pending_generation = 3 WHERE id = %s", committed.id
    )

    completion = await catalog.complete(
        claim, claim.outputs[0].id, stored_file(claim, claim.outputs[0])
    )

    assert completion.job_finished
    assert await catalog.rows("SELECT DISTINCT state, object_key FROM outputs") == [
        ("SKIPPED", None)
    ]
    assert await events(catalog, "output.ready") == []
    with pytest.raises(FailedPrecondition) as refused:
        await catalog.claim(claim.job.id)
    assert refused.value.reason is Reason.JOB_FINISHED


async def test_a_file_outside_the_folder_of_the_job_is_refused(
    catalog: Catalog, claim: Claim
) -> None:
    wanted = claim.outputs[0]
    file = stored_file(claim, wanted)
    elsewhere = replace(file, object_key="blog/other/400x267.jpg")

    with pytest.raises(InvalidField, match="output_key_prefix"):
        await catalog.complete(claim, wanted.id, elsewhere)


async def test_an_output_of_another_job_is_not_found(catalog: Catalog, claim: Claim) -> None:
    with pytest.raises(NotFound):
        await catalog.complete(claim, new_id(OutputId), UNREADABLE)


async def test_a_picture_with_some_failed_outputs_is_ready(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    first, *rest = claim.outputs
    await catalog.complete(claim, first.id, stored_file(claim, first))
    for wanted in rest:
        completion = await catalog.complete(claim, wanted.id, UNREADABLE)

    assert completion.image_state is ImageState.READY
    image = await catalog.image(team, committed.id)
    assert [o.reason for o in image.outputs if o.state is OutputState.FAILED] == [
        "IMAGE_CORRUPT"
    ] * 3


async def test_a_picture_of_which_nothing_can_be_made_is_failed_with_the_reason(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    assert await catalog.fail(claim, UNREADABLE, retryable=False) is None

    image = await catalog.image(team, committed.id)
    assert image.state is ImageState.FAILED
    assert image.failure == UNREADABLE
    assert {(o.state, o.reason) for o in image.outputs} == {(OutputState.FAILED, "IMAGE_CORRUPT")}
    (told,) = await events(catalog, "image.failed")
    assert (told.image_id, told.reason) == (committed.id, "IMAGE_CORRUPT")


async def test_a_failed_attempt_is_followed_by_another_after_a_pause(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    retry_at = await catalog.fail(claim, LOST_STORE)

    assert retry_at is not None
    assert await catalog.fail(claim, LOST_STORE) == retry_at, "repeating it must change nothing"
    image = await catalog.image(team, committed.id)
    assert {output.state for output in image.outputs} == {OutputState.QUEUED}
    with pytest.raises(Aborted) as early:
        await catalog.claim(claim.job.id)
    assert early.value.reason is Reason.JOB_BUSY

    await end_pause(catalog, claim.job.id)
    again = await catalog.claim(claim.job.id)
    assert (await complete_all(catalog, again))[-1] is ImageState.READY


async def test_a_picture_that_kills_two_children_is_failed(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    assert await catalog.fail(claim, CRASH) is not None
    await end_pause(catalog, claim.job.id)
    again = await catalog.claim(claim.job.id)
    assert await catalog.fail(again, CRASH) is None

    image = await catalog.image(team, committed.id)
    assert image.state is ImageState.FAILED
    assert image.failure == CRASH


async def test_what_was_made_before_the_job_failed_stays(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    first = claim.outputs[0]
    await catalog.complete(claim, first.id, stored_file(claim, first))
    await catalog.fail(claim, UNREADABLE, retryable=False)

    image = await catalog.image(team, committed.id)
    assert image.state is ImageState.READY
    assert [o.id for o in image.outputs if o.state is OutputState.READY] == [first.id]


@pytest.fixture
async def two_lanes(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> tuple[Image, Claim, Claim]:
    """A picture with a job on either lane, both claimed."""
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    jobs = await catalog.job_ids(image.id)
    return image, await catalog.claim(jobs["fast"]), await catalog.claim(jobs["slow"])


async def test_outputs_of_the_slow_lane_join_without_another_flip(
    catalog: Catalog, team: Team, two_lanes: tuple[Image, Claim, Claim]
) -> None:
    image, fast, slow = two_lanes
    assert (await complete_all(catalog, fast))[-1] is ImageState.READY
    at_ready = await catalog.image(team, image.id)

    await complete_all(catalog, slow)

    joined = await catalog.image(team, image.id)
    assert {output.state for output in joined.outputs} == {OutputState.READY}
    assert joined.ready_time == at_ready.ready_time
    assert len(await events(catalog, "image.ready")) == 1


async def test_a_slow_output_saves_a_picture_whose_fast_ones_failed(
    catalog: Catalog, team: Team, two_lanes: tuple[Image, Claim, Claim]
) -> None:
    image, fast, slow = two_lanes
    await catalog.fail(fast, UNREADABLE, retryable=False)
    assert (await catalog.image(team, image.id)).state is ImageState.CONVERTING

    wanted = slow.outputs[0]
    completion = await catalog.complete(slow, wanted.id, stored_file(slow, wanted))

    assert completion.image_state is ImageState.READY


async def test_both_lanes_that_fail_at_once_fail_the_picture_once(
    catalog: Catalog, team: Team, two_lanes: tuple[Image, Claim, Claim]
) -> None:
    image, fast, slow = two_lanes

    await asyncio.gather(*(catalog.fail(c, UNREADABLE, retryable=False) for c in (fast, slow)))

    assert (await catalog.image(team, image.id)).state is ImageState.FAILED
    assert len(await events(catalog, "image.failed")) == 1


async def test_a_lease_is_extended_by_the_database_clock(catalog: Catalog, claim: Claim) -> None:
    expiry = await _extend(catalog, claim)

    assert claim.job.lease_until is not None
    assert expiry > claim.job.lease_until


async def test_a_placeholder_is_asked_for_until_it_is_there(
    catalog: Catalog, team: Team, committed: Image, claim: Claim
) -> None:
    placeholder = Placeholder(thumbhash=b"\x01\x02", dominant_colour="#1a2b3c")
    await _record(catalog, claim, placeholder)
    await let_lease_end(catalog, claim.job.id)

    assert (await catalog.image(team, committed.id)).placeholder == placeholder
    assert not (await catalog.claim(claim.job.id)).order.wants_placeholder


@pytest.mark.parametrize("call", ["claim", "extend"])
async def test_a_job_that_is_not_there_is_not_found(
    catalog: Catalog, claim: Claim, call: str
) -> None:
    await catalog.execute("DELETE FROM outputs")
    await catalog.execute("DELETE FROM jobs")

    with pytest.raises(PicstoreError) as refused:
        await (catalog.claim(claim.job.id) if call == "claim" else _extend(catalog, claim))

    assert refused.value.reason is Reason.RESOURCE_NOT_FOUND


async def _extend(catalog: Catalog, claim: Claim) -> Any:
    async with catalog.uow.begin_for_all_teams() as conn:
        return await extend_job(conn, job_id=claim.job.id, attempt=claim.job.attempt)


async def _record(catalog: Catalog, claim: Claim, placeholder: Placeholder) -> None:
    async with catalog.uow.begin_for_all_teams() as conn:
        await record_placeholder(
            conn, job_id=claim.job.id, attempt=claim.job.attempt, placeholder=placeholder
        )
