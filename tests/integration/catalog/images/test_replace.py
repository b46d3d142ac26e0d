"""Replacing originals: pages have the old set or the new one, and never anything between."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from picstore.events.v1.event_pb2 import Event
from picstore_catalog.model.image import Image, ImageState, Placeholder
from picstore_catalog.model.job import Failure
from picstore_catalog.model.output import OutputState
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.picture import PictureOptions
from picstore_catalog.model.upload import Commit
from picstore_catalog.usecases import images as cases
from picstore_catalog.usecases import ingest
from picstore_catalog.usecases.jobs import record_placeholder
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidField,
    InvalidFields,
    NotFound,
    Reason,
)
from picstore_kit.ids import ImageId, UploadProfileId, new_id
from tests.integration.catalog.images.conftest import (
    CHEAP,
    DEAR_TOO,
    GRACE,
    NOTHING,
    Catalog,
    MakeCommit,
    Team,
    make_all,
    stored_file,
)

UNREADABLE = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")
NEW = b"another photo"
NEWER = b"a third photo"


class Pictures:
    """Commits pictures of one profile, and replaces them."""

    def __init__(
        self, catalog: Catalog, team: Team, make_commit: MakeCommit, profile: UploadProfileId
    ) -> None:
        self.catalog = catalog
        self.team = team
        self.profile = profile
        self._make_commit = make_commit

    async def add(self) -> Image:
        return await self.catalog.commit(self.team, self._make_commit(upload_profile=self.profile))

    def replacement(self, image_id: ImageId, content: bytes = NEW, **fields: Any) -> Commit:
        return self._make_commit(
            upload_profile=self.profile, image_id=image_id, content=content, **fields
        )

    async def replace(self, image_id: ImageId, content: bytes = NEW, **fields: Any) -> Image:
        return await self.catalog.commit(self.team, self.replacement(image_id, content, **fields))

    async def make(self, image_id: ImageId, generation: int, *, lane: str = "fast") -> None:
        await make_all(self.catalog, image_id, generation=generation, lane=lane)

    async def fail(self, image_id: ImageId, generation: int) -> None:
        (job_id,) = (await self.catalog.job_ids(image_id, generation=generation)).values()
        await self.catalog.fail(await self.catalog.claim(job_id), UNREADABLE, retryable=False)

    async def look(self, image_id: ImageId) -> Image:
        return await self.catalog.image(self.team, image_id)

    async def ready(self) -> Image:
        image = await self.add()
        await self.make(image.id, 1)
        return await self.look(image.id)

    async def shown(self, image_id: ImageId) -> tuple[str, set[str]]:
        """What a page gets: the bytes that are served, and the URLs."""
        async with self.catalog.uow.begin(self.team.id) as conn:
            image, picture = await cases.get_picture(
                conn, self.team.access(Permission.IMAGE_READ), image_id, PictureOptions()
            )
        assert image.original is not None
        sources = (*picture.sources, picture.fallback)
        urls = {candidate.url for source in sources for candidate in source.candidates}
        return image.original.sha256.hex(), urls


@pytest.fixture
async def pictures(catalog: Catalog, team: Team, make_commit: MakeCommit) -> Pictures:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    return Pictures(catalog, team, make_commit, profile)


def content_of(image: Image) -> str:
    assert image.original is not None
    return image.original.sha256.hex()


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def events(catalog: Catalog, kind: str) -> list[int]:
    """The generations that events of a kind tell of."""
    rows = await catalog.rows(
        "SELECT payload FROM outbox WHERE subject = %s ORDER BY id", f"picstore.event.{kind}"
    )
    field = kind.replace(".", "_")
    return [getattr(Event.FromString(bytes(row)), field).generation for (row,) in rows]


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
    assert await events(pictures.catalog, "image.committed") == [1, 2]
    assert await events(pictures.catalog, "image.ready") == [1, 2]


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
    assert await events(pictures.catalog, "image.ready") == [2]


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
    assert await events(pictures.catalog, "image.ready") == [1, 3]


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
    assert await events(pictures.catalog, "image.failed") == [2]

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
