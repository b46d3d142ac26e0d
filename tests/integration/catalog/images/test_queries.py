"""Showing, listing, looking up and describing pictures."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from picstore_catalog.model.description import Description, DescriptionChange
from picstore_catalog.model.image import Image, ImageState, Placeholder
from picstore_catalog.model.image_list import ImageFilter, ImageOrder, Position, read_order
from picstore_catalog.model.job import Failure
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.picture import PictureOptions, render
from picstore_catalog.model.upload import OnDuplicate
from picstore_catalog.repo import image as images
from picstore_catalog.repo import image_list
from picstore_catalog.usecases import images as cases
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, ProjectId, UploadProfileId, new_id
from picstore_kit.pg.access import Access, Reach
from tests.integration.catalog.images.catalog import (
    CHEAP,
    Catalog,
    MakeCommit,
    Team,
    stored_file,
)

READ = Permission.IMAGE_READ
EVERYTHING = ImageFilter()


@pytest.fixture
async def profile(catalog: Catalog, team: Team) -> UploadProfileId:
    return await catalog.add_profile(team, CHEAP, name="several")


def elsewhere(team: Team, *, sees: bool, permission: Permission = READ) -> Access:
    """Somebody of the team who holds the permission on another project only."""
    return Access(
        team_id=team.id,
        caller="tests",
        permission=permission,
        allowed=Reach(project_ids=(new_id(ProjectId),)),
        visible=Reach(project_ids=(team.project_id,) if sees else ()),
    )


async def make_ready(catalog: Catalog, image: Image) -> None:
    claim = await catalog.claim((await catalog.job_ids(image.id))["fast"])
    for wanted in claim.outputs:
        await catalog.complete(claim, wanted.id, stored_file(claim, wanted))


async def listed(
    catalog: Catalog,
    team: Team,
    *,
    wanted: ImageFilter = EVERYTHING,
    order: str = "",
    access: Access | None = None,
) -> list[ImageId]:
    """The ids of all pages, two pictures on each."""
    ids: list[ImageId] = []
    after: Position | None = None
    sorted_by = read_order(order)
    assert sorted_by is not None
    async with catalog.uow.begin(team.id) as conn:
        while True:
            page = await cases.list_images(
                conn,
                access or team.access(READ),
                team.project_id,
                wanted,
                order=sorted_by,
                after=after,
                limit=2,
            )
            if not page:
                return ids
            ids += [each.stored.value.id for each in page]
            after = Position(value=page[-1].position, id=ids[-1])


async def test_pictures_are_listed_newest_first_from_where_the_last_page_ended(
    catalog: Catalog, team: Team, make_commit: MakeCommit, profile: UploadProfileId
) -> None:
    made = [
        (await catalog.commit(team, make_commit(upload_profile=profile, content=b"%d" % n))).id
        for n in range(5)
    ]

    assert await listed(catalog, team) == made[::-1]


async def test_a_list_can_be_of_one_state(
    catalog: Catalog, team: Team, make_commit: MakeCommit, profile: UploadProfileId
) -> None:
    ready, _ = [
        await catalog.commit(team, make_commit(upload_profile=profile, content=content))
        for content in (b"one", b"two")
    ]
    await make_ready(catalog, ready)

    assert await listed(catalog, team, wanted=ImageFilter(state=ImageState.READY)) == [ready.id]


async def test_a_lookup_finds_the_newest_usable_picture_of_each_hash(
    catalog: Catalog, team: Team, make_commit: MakeCommit, profile: UploadProfileId
) -> None:
    create = OnDuplicate.CREATE
    older, newer, broken = [
        await catalog.commit(team, make_commit(upload_profile=profile, on_duplicate=create))
        for _ in range(3)
    ]
    other = await catalog.commit(team, make_commit(upload_profile=profile, content=b"other"))
    await catalog.execute(
        "UPDATE images SET state = 'FAILED', failure_reason = 'IMAGE_CORRUPT' WHERE id = %s",
        broken.id,
    )
    wanted = [hashlib.sha256(content).digest() for content in (b"a photo", b"other", b"unknown")]
    async with catalog.uow.begin(team.id) as conn:
        found = await cases.look_up_images(conn, team.access(READ), team.project_id, wanted)

    assert older.id < newer.id
    assert [stored.value.id for stored in found] == [newer.id, other.id]


@pytest.mark.parametrize("by", ["id", "short name", "none"])
async def test_a_lookup_can_leave_out_what_came_by_another_profile(
    catalog: Catalog, team: Team, committed: Image, by: str
) -> None:
    assert committed.original is not None
    await catalog.add_profile(team, CHEAP, name="other")
    name = {"id": committed.upload_profile_id, "short name": "cheap", "none": ""}[by]
    for project_id in (team.project_id, None):
        async with catalog.uow.begin(team.id) as conn:
            for upload_profile, known in ((name, [committed.id]), ("other", [])):
                found = await cases.look_up_images(
                    conn,
                    team.access(READ),
                    project_id,
                    [committed.original.sha256],
                    upload_profile=upload_profile,
                )
                assert [stored.value.id for stored in found] == known


async def test_a_hash_that_another_team_knows_is_unknown(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    stranger = await catalog.add_team()
    assert committed.original is not None
    async with catalog.uow.begin(stranger.id) as conn:
        found = await cases.look_up_images(
            conn, stranger.access(READ), stranger.project_id, [committed.original.sha256]
        )
        with pytest.raises(NotFound):
            await cases.look_up_images(
                conn, stranger.access(READ), team.project_id, [committed.original.sha256]
            )

    assert found == []


async def test_a_lookup_of_many_hashes_uses_the_index(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    async with catalog.uow.begin(team.id) as conn:
        await conn.execute("SET LOCAL enable_seqscan = off")  # which suits a table of one row
        await cases.look_up_images(
            conn, team.access(READ), team.project_id, [bytes([n]) * 32 for n in range(250)]
        )
        cursor = await conn.execute(
            "SELECT pg_stat_get_xact_numscans('images_by_sha256'::regclass)"
        )
        assert await cursor.fetchone() == (250,)


@pytest.mark.parametrize("sees", [True, False])
async def test_a_picture_of_a_project_without_the_permission_is_refused_or_out_of_sight(
    catalog: Catalog, team: Team, committed: Image, sees: bool
) -> None:
    access = elsewhere(team, sees=sees)
    async with catalog.uow.begin(team.id) as conn:
        with pytest.raises(PermissionDenied if sees else NotFound):
            await cases.get_image(conn, access, committed.id)
        assert (
            await image_list.find(
                conn,
                access,
                team.project_id,
                EVERYTHING,
                upload_profile_id=None,
                order=ImageOrder(),
                after=None,
                limit=10,
            )
            == []
        )
    with pytest.raises(PermissionDenied if sees else NotFound):
        await listed(catalog, team, access=access)


async def test_a_picture_of_another_team_is_not_found_even_behind_the_first_wall(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    stranger = await catalog.add_team()
    forged = team.access(READ)
    async with catalog.uow.begin(stranger.id) as conn:
        with pytest.raises(NotFound):
            await cases.get_image(conn, stranger.access(READ), committed.id)
        with pytest.raises(NotFound):
            await cases.get_image(conn, forged, committed.id)


async def test_describing_a_picture_changes_its_etag(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    access = team.access(Permission.IMAGE_EDIT)
    change = DescriptionChange(new=Description(alt_text="A lake"), fields={"alt_text"})
    async with catalog.uow.begin(team.id) as conn:
        seen = await images.fetch(conn, access, committed.id)
        described = await cases.describe_image(conn, access, committed.id, change, etag=seen.etag)
        unchanged = await cases.describe_image(
            conn, access, committed.id, change, etag=described.etag
        )

    assert described.value.description.alt_text == "A lake"
    assert len(described.value.outputs) == 4
    assert described.etag != seen.etag
    assert unchanged.etag == described.etag
    with pytest.raises(Aborted) as refused:
        async with catalog.uow.begin(team.id) as conn:
            await cases.describe_image(conn, access, committed.id, change, etag=seen.etag)
    assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_changes_of_two_entries_at_the_same_time_both_stay(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    access = team.access(Permission.IMAGE_EDIT)

    async def describe(change: DescriptionChange) -> None:
        async with catalog.uow.begin(team.id) as conn:
            await cases.describe_image(conn, access, committed.id, change)

    keys = [f"key-{number}" for number in range(8)]
    async with asyncio.TaskGroup() as group:
        for key in keys:
            new = Description(metadata={key: "x"}, alt_texts={"de": "Ein See"})
            group.create_task(describe(DescriptionChange(new=new, metadata_keys={key})))
        group.create_task(describe(DescriptionChange(new=new, locales={"de"})))

    description = (await catalog.image(team, committed.id)).description
    assert description.metadata == dict.fromkeys(keys, "x")
    assert description.alt_texts == {"de": "Ein See"}


async def test_a_ready_picture_has_a_tag_of_its_ready_outputs(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    claim = await catalog.claim((await catalog.job_ids(committed.id))["fast"])
    for wanted in claim.outputs:
        await catalog.complete(claim, wanted.id, stored_file(claim, wanted))
    await catalog.execute(
        "UPDATE images SET alt_text = 'A <lake>', thumbhash = '\\x01', dominant_colour = '#1a2b3c'"
    )
    async with catalog.uow.begin(team.id) as conn:
        image, picture = await cases.get_picture(
            conn, team.access(READ), committed.id, PictureOptions(sizes="50vw")
        )

    assert image.placeholder == Placeholder(thumbhash=b"\x01", dominant_colour="#1a2b3c")
    base = f"https://img.example.com/{claim.job.output_key_prefix}/"
    (webp,) = picture.sources
    assert [candidate.width for candidate in webp.candidates] == [400, 800]
    assert all(candidate.url.startswith(base) for candidate in webp.candidates)
    assert picture.background == "#1a2b3c"
    assert 'alt="A &lt;lake&gt;"' in render(picture)


async def test_a_picture_that_is_not_ready_has_no_tag(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    async with catalog.uow.begin(team.id) as conn:
        with pytest.raises(FailedPrecondition) as refused:
            await cases.get_picture(conn, team.access(READ), committed.id, PictureOptions())

    assert refused.value.reason is Reason.STATE_WRONG
    assert refused.value.metadata == {"state": "CONVERTING"}


async def test_a_location_without_a_public_address_shows_nothing(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    await make_ready(catalog, committed)
    await catalog.execute("UPDATE storage_locations SET public_base_url = ''")
    async with catalog.uow.begin(team.id) as conn:
        with pytest.raises(FailedPrecondition) as refused:
            await cases.get_picture(conn, team.access(READ), committed.id, PictureOptions())
    image = await catalog.image(team, committed.id)

    assert refused.value.reason is Reason.STATE_WRONG
    assert {output.url for output in image.outputs} == {""}
    assert image.state is ImageState.READY


async def test_a_picture_that_failed_says_why(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    """Fault 18 of the predecessor: no failure state, no message, and clients that poll for ever."""
    claim = await catalog.claim((await catalog.job_ids(committed.id))["fast"])
    broken = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture ends too early")
    await catalog.fail(claim, broken, retryable=False)
    async with catalog.uow.begin(team.id) as conn:
        image = (await cases.get_image(conn, team.access(READ), committed.id)).value
        with pytest.raises(FailedPrecondition, match="the picture ends too early"):
            await cases.get_picture(conn, team.access(READ), committed.id, PictureOptions())

    assert image.state is ImageState.FAILED
    assert image.failure == broken
    assert {output.message for output in image.outputs} == {broken.message}


async def test_a_tag_has_only_ready_outputs_of_the_served_generation(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    """Fault 20 of the predecessor: outputs that were replaced stayed among the others."""
    await make_ready(catalog, committed)
    served = await catalog.image(team, committed.id)
    stale, unready, *rest = (output.id for output in served.outputs)
    await catalog.execute("UPDATE outputs SET generation = 0 WHERE id = %s", stale)
    await catalog.execute(
        "UPDATE outputs SET state = 'QUEUED', object_key = NULL, width = NULL, height = NULL,"
        " size_bytes = NULL, sha256 = NULL, encode_cpu_ms = NULL, ready_at = NULL WHERE id = %s",
        unready,
    )
    async with catalog.uow.begin(team.id) as conn:
        _, picture = await cases.get_picture(
            conn, team.access(READ), committed.id, PictureOptions()
        )

    shown = {
        candidate.url
        for source in (*picture.sources, picture.fallback)
        for candidate in source.candidates
    }
    assert shown == {output.url for output in served.outputs if output.id in rest}
