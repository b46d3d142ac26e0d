"""Replacing originals: pages have the old set or the new one, and never anything between."""

from __future__ import annotations

import asyncio

import pytest

from picstore_catalog.model.image import ImageState, Placeholder
from picstore_catalog.model.output import OutputState
from picstore_catalog.usecases import ingest
from picstore_catalog.usecases.jobs import record_placeholder
from picstore_kit.errors import FailedPrecondition, InvalidField, InvalidFields, NotFound, Reason
from picstore_kit.ids import ImageId, new_id
from tests.integration.catalog.images.catalog import (
    DEAR_TOO,
    NOTHING,
    Catalog,
    MakeCommit,
    Team,
    stored_file,
)
from tests.integration.catalog.images.pictures import (
    NEW,
    NEWER,
    UNREADABLE,
    Pictures,
    content_of,
    hash_of,
)


async def test_pages_keep_the_old_set_until_the_new_one_is_whole(pictures: Pictures) -> None:
    before = await pictures.ready()
    shown = await pictures.shown(before.id)

    committed = await pictures.replace(before.id, filename="new.png", width=1000)

    assert committed.state is ImageState.READY
    assert (committed.generation, committed.pending_generation) == (1, 2)
    assert (committed.original, committed.filename) == (before.original, "photo.jpg")
    (job_id,) = (await pictures.catalog.job_ids(before.id, generation=2)).values()
    claim = await pictures.catalog.claim(job_id)
    assert claim.order.original.sha256.hex() == hash_of(NEW)
    assert claim.job.output_key_prefix == f"blog/web/2026/new-{before.id}"
    for wanted in claim.outputs:
        assert await pictures.shown(before.id) == shown
        await pictures.catalog.complete(claim, wanted.id, stored_file(claim, wanted))

    after = await pictures.look(before.id)
    assert after.state is ImageState.READY
    assert (after.generation, after.pending_generation) == (2, 0)
    assert (content_of(after), after.filename) == (hash_of(NEW), "new.png")
    assert after.original is not None
    assert after.original.width == 1000
    assert after.commit_time is not None
    assert before.commit_time is not None
    assert after.commit_time > before.commit_time
    now = await pictures.shown(before.id)
    assert now[0] == hash_of(NEW)
    assert not now[1] & shown[1]
    assert await pictures.events("image.committed") == [1, 2]
    assert await pictures.events("image.ready") == [1, 2]


async def test_a_reader_sees_the_old_set_or_the_new_one_and_never_a_mixture(
    pictures: Pictures,
) -> None:
    image = await pictures.ready()
    seen = [await pictures.shown(image.id)]
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            seen.append(await pictures.shown(image.id))

    async with asyncio.TaskGroup() as readers:
        for _ in range(3):
            readers.create_task(read())
        for generation in range(2, 6):
            await pictures.replace(image.id, b"%d" % generation)
            await pictures.make(image.id, generation)
            seen.append(await pictures.shown(image.id))
        done.set()

    sets: dict[str, list[set[str]]] = {}
    for digest, urls in seen:
        sets.setdefault(digest, []).append(urls)
    assert len(sets) == 5
    assert all(urls == first for first, *others in sets.values() for urls in others)
    firsts = [urls[0] for urls in sets.values()]
    assert {len(urls) for urls in firsts} == {4}
    assert len(set.union(*firsts)) == 20


async def test_a_picture_is_replaced_before_its_first_set_is_whole(pictures: Pictures) -> None:
    image = await pictures.add()
    claim = await pictures.catalog.claim((await pictures.catalog.job_ids(image.id))["fast"])

    replaced = await pictures.replace(image.id)

    assert replaced.state is ImageState.CONVERTING
    assert (replaced.generation, replaced.pending_generation) == (0, 2)
    assert content_of(replaced) == hash_of(NEW)
    late = await pictures.catalog.complete(
        claim, claim.outputs[0].id, stored_file(claim, claim.outputs[0])
    )
    assert late.job_finished
    with pytest.raises(FailedPrecondition) as refused:
        await pictures.catalog.claim(claim.job.id)
    assert refused.value.reason is Reason.JOB_FINISHED
    await pictures.make(image.id, 2)
    assert (await pictures.look(image.id)).generation == 2
    assert await pictures.events("image.ready") == [2]


async def test_replacements_at_once_all_succeed_and_one_of_them_is_what_pages_get(
    pictures: Pictures,
) -> None:
    image = await pictures.ready()
    contents = [b"%d" % n for n in range(8)]

    committed = await asyncio.gather(*(pictures.replace(image.id, c) for c in contents))

    assert sorted(found.pending_generation for found in committed) == list(range(2, 10))
    assert (await pictures.look(image.id)).pending_generation == 9
    await pictures.make(image.id, 9)
    final = await pictures.look(image.id)
    last = next(n for n, found in enumerate(committed) if found.pending_generation == 9)
    assert content_of(final) == hash_of(contents[last])


async def test_a_picture_of_whose_new_original_nothing_comes_keeps_the_old_one(
    pictures: Pictures,
) -> None:
    before = await pictures.ready()
    shown = await pictures.shown(before.id)
    await pictures.replace(before.id, filename="broken.jpg")

    await pictures.fail(before.id, 2)

    after = await pictures.look(before.id)
    assert after.state is ImageState.READY
    assert after.failure == UNREADABLE
    assert (after.generation, after.pending_generation) == (1, 0)
    assert (after.original, after.filename) == (before.original, before.filename)
    assert after.ready_time == before.ready_time
    assert await pictures.shown(before.id) == shown
    assert await pictures.events("image.failed") == [2]

    again = await pictures.replace(before.id)  # the same bytes: what failed may be tried again

    assert (again.generation, again.pending_generation) == (1, 3)
    assert again.failure is None
    await pictures.make(before.id, 3)
    assert content_of(await pictures.look(before.id)) == hash_of(NEW)


async def test_a_failed_picture_is_replaced(pictures: Pictures) -> None:
    image = await pictures.add()
    await pictures.fail(image.id, 1)
    assert (await pictures.look(image.id)).state is ImageState.FAILED

    replaced = await pictures.replace(image.id)

    assert replaced.state is ImageState.CONVERTING
    assert replaced.failure is None
    assert (replaced.generation, replaced.pending_generation) == (0, 2)
    assert content_of(replaced) == hash_of(NEW)
    await pictures.fail(image.id, 2)
    failed = await pictures.look(image.id)
    assert (failed.state, failed.failure) == (ImageState.FAILED, UNREADABLE)
    assert (failed.generation, failed.pending_generation) == (2, 0)
    await pictures.replace(image.id, NEWER)
    await pictures.make(image.id, 3)
    assert (await pictures.look(image.id)).state is ImageState.READY


async def test_slow_outputs_of_the_served_set_join_it_during_a_replacement(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    pictures = Pictures(catalog, team, make_commit, profile)
    image = await pictures.ready()
    await pictures.replace(image.id)

    slow = await catalog.claim((await catalog.job_ids(image.id))["slow"])
    assert slow.order.original == image.original
    for wanted in slow.outputs:
        await catalog.complete(slow, wanted.id, stored_file(slow, wanted))

    joined = await pictures.look(image.id)
    assert (joined.generation, joined.pending_generation) == (1, 2)
    assert {output.state for output in joined.outputs} == {OutputState.READY}
    await pictures.make(image.id, 2)
    assert (await pictures.look(image.id)).generation == 2


async def test_the_placeholder_changes_with_the_set(pictures: Pictures) -> None:
    old = Placeholder(thumbhash=b"old", dominant_colour="#000000")
    new = Placeholder(thumbhash=b"new", dominant_colour="#ffffff")
    image = await pictures.add()
    catalog = pictures.catalog

    async def report(generation: int, placeholder: Placeholder) -> None:
        (job_id,) = (await catalog.job_ids(image.id, generation=generation)).values()
        claim = await catalog.claim(job_id)
        assert claim.order.wants_placeholder
        async with catalog.uow.begin_for_all_teams() as conn:
            await record_placeholder(
                conn, job_id=job_id, attempt=claim.job.attempt, placeholder=placeholder
            )
        seen.append((await pictures.look(image.id)).placeholder)
        for wanted in claim.outputs:
            await catalog.complete(claim, wanted.id, stored_file(claim, wanted))
        seen.append((await pictures.look(image.id)).placeholder)

    seen: list[Placeholder | None] = []
    await report(1, old)
    await pictures.replace(image.id)
    await report(2, new)

    assert seen == [old, old, old, new]


async def test_a_placeholder_is_not_that_of_an_original_before(pictures: Pictures) -> None:
    image = await pictures.add()
    claim = await pictures.catalog.claim((await pictures.catalog.job_ids(image.id))["fast"])
    async with pictures.catalog.uow.begin_for_all_teams() as conn:
        await record_placeholder(
            conn,
            job_id=claim.job.id,
            attempt=1,
            placeholder=Placeholder(thumbhash=b"old", dominant_colour="#000000"),
        )

    await pictures.replace(image.id)

    assert (await pictures.look(image.id)).placeholder is None


async def test_the_alt_text_that_comes_with_an_original_counts_at_once_unless_empty(
    pictures: Pictures,
) -> None:
    image = await pictures.ready()
    assert (await pictures.replace(image.id, alt_text="A hill")).description.alt_text == "A hill"
    kept = await pictures.replace(image.id, NEWER, alt_text="")
    assert kept.description.alt_text == "A hill"


async def test_a_replacement_is_made_by_the_current_revision(pictures: Pictures) -> None:
    image = await pictures.ready()
    catalog = pictures.catalog
    await catalog.execute(
        """
        WITH revised AS (UPDATE conversion_profiles SET revision = 2 RETURNING team_id, id)
        INSERT INTO conversion_profile_revisions
            (team_id, conversion_profile_id, revision, formats, sizes, background)
        SELECT r.team_id, r.conversion_profile_id, 2, r.formats, '[]'::jsonb || (r.sizes -> 0),
               r.background
        FROM conversion_profile_revisions r JOIN revised ON revised.id = r.conversion_profile_id
        """
    )

    committed = await pictures.replace(image.id)

    assert committed.conversion_profile_revision == 1
    await pictures.make(image.id, 2)
    after = await pictures.look(image.id)
    assert after.conversion_profile_revision == 2
    assert len(after.outputs) == 2


async def test_a_replacement_of_which_nothing_would_come_changes_nothing(
    pictures: Pictures,
) -> None:
    image = await pictures.ready()
    nothing = await pictures.catalog.add_profile(pictures.team, NOTHING, name="nothing")
    await pictures.catalog.execute(
        "UPDATE upload_profiles u SET conversion_profile_id = n.conversion_profile_id"
        " FROM upload_profiles n WHERE u.id = %s AND n.id = %s",
        pictures.profile,
        nothing,
    )

    with pytest.raises(FailedPrecondition) as refused:
        await pictures.replace(image.id)

    assert refused.value.reason is Reason.PROFILE_YIELDS_NOTHING
    assert await pictures.look(image.id) == image


async def test_a_replacement_resolves_to_an_object_of_its_own(pictures: Pictures) -> None:
    image = await pictures.ready()
    access = pictures.team.access()
    async with pictures.catalog.uow.begin(pictures.team.id) as conn:
        same_name = await ingest.resolve_existing(conn, access, image.id)
        other_name = await ingest.resolve_existing(conn, access, image.id, filename="a b.png")
        with pytest.raises(InvalidFields, match="filename"):
            await ingest.resolve_existing(conn, access, image.id, filename="\0")
        with pytest.raises(NotFound):
            await ingest.resolve_existing(conn, access, new_id(ImageId))

    assert (same_name.generation, same_name.filename) == (2, "photo.jpg")
    assert (other_name.generation, other_name.filename) == (2, "a-b.png")
    assert same_name.object_key.rpartition("/")[0] != other_name.object_key.rpartition("/")[0]
    await pictures.replace(image.id)
    await pictures.fail(image.id, 2)
    async with pictures.catalog.uow.begin(pictures.team.id) as conn:
        assert (await ingest.resolve_existing(conn, access, image.id)).generation == 3


@pytest.mark.parametrize("generation", [0, 3])
async def test_a_generation_that_was_never_resolved_is_refused(
    pictures: Pictures, generation: int
) -> None:
    image = await pictures.ready()
    with pytest.raises(InvalidField, match="generation"):
        await pictures.replace(image.id, generation=generation)


async def test_a_replacement_of_a_picture_that_is_gone_makes_none(pictures: Pictures) -> None:
    with pytest.raises(NotFound):
        await pictures.replace(new_id(ImageId), generation=2)
    assert await pictures.catalog.rows("SELECT count(*) FROM images") == [(0,)]
