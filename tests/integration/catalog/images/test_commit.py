"""Committing uploads: everything or nothing, once, and only for those who may."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.job import LEASE
from picstore_catalog.model.output import OutputState
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.upload import UploadRequest
from picstore_catalog.usecases import ingest
from picstore_catalog.usecases.commit_image import commit_image
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, ProjectId, UploadProfileId, new_id
from picstore_kit.pg import rls
from picstore_kit.pg.access import Access, Reach
from tests.integration.catalog.images.catalog import (
    CHEAP,
    DEAR_TOO,
    NOTHING,
    Catalog,
    MakeCommit,
    Team,
)


def a_request(
    team: Team,
    *,
    upload_profile: str = "cheap",
    filename: str = "photo.jpg",
    location: str = "",
) -> UploadRequest:
    return UploadRequest(
        project_id=team.project_id,
        upload_profile=upload_profile,
        filename=filename,
        location=location,
    )


async def test_every_table_of_a_team_is_walled_off(catalog: Catalog) -> None:
    async with catalog.uow.begin_for_all_teams() as conn:
        assert await rls.unprotected_tables(conn) == []


async def test_a_commit_makes_the_picture_its_outputs_its_job_and_its_messages(
    catalog: Catalog, team: Team, committed: Image
) -> None:
    image = await catalog.image(team, committed.id)

    assert image.state is ImageState.CONVERTING
    assert (image.generation, image.pending_generation) == (0, 1)
    assert image.commit_time is not None
    assert image.original is not None
    assert image.original.has_gps
    assert [(o.spec.format.value, o.spec.width, o.state) for o in image.outputs] == [
        ("webp", 400, OutputState.QUEUED),
        ("jpeg", 400, OutputState.QUEUED),
        ("webp", 800, OutputState.QUEUED),
        ("jpeg", 800, OutputState.QUEUED),
    ]
    assert list(await catalog.job_ids(image.id)) == ["fast"]
    assert await catalog.outbox() == [
        "picstore.job.convert.fast",
        "picstore.event.image.committed",
    ]


async def test_dear_outputs_have_a_job_on_the_slow_lane(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    image = await catalog.commit(team, make_commit(upload_profile=profile))

    jobs = await catalog.job_ids(image.id)
    slow = await catalog.claim(jobs["slow"])
    assert {wanted.spec.format.value for wanted in slow.outputs} == {"avif"}
    assert (await catalog.outbox())[:2] == [
        "picstore.job.convert.fast",
        "picstore.job.convert.slow",
    ]


async def test_the_same_upload_again_changes_nothing(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    commit = make_commit(upload_profile=profile, alt_text="A lake")

    once = await catalog.commit(team, commit)
    again = await asyncio.gather(*(catalog.commit(team, commit) for _ in range(5)))

    assert again == [once] * 5
    assert await catalog.rows("SELECT count(*) FROM outputs") == [(4,)]
    assert await catalog.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert len(await catalog.outbox()) == 2


async def test_the_same_upload_under_another_id_returns_the_picture_that_it_became(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    commit = make_commit(upload_profile=profile)
    image = await catalog.commit(team, commit)

    assert await catalog.commit(team, replace(commit, image_id=new_id(ImageId))) == image
    assert await catalog.rows("SELECT count(*) FROM images") == [(1,)]


async def test_a_profile_that_makes_nothing_of_the_picture_leaves_no_trace(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, NOTHING, name="nothing")

    with pytest.raises(FailedPrecondition) as refused:
        await catalog.commit(team, make_commit(upload_profile=profile))

    assert refused.value.reason is Reason.PROFILE_YIELDS_NOTHING
    assert await catalog.rows("SELECT count(*) FROM images") == [(0,)]
    assert await catalog.outbox() == []


async def test_an_announced_picture_is_committed_under_its_id(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    async with catalog.uow.begin(team.id) as conn:
        announced = await ingest.announce_image(
            conn,
            team.access(),
            a_request(team, filename="C:\\Photos\\A Lake.JPG"),
            Description(alt_text="Lake"),
        )
    image = announced.value
    async with catalog.uow.begin(team.id) as conn:
        resolution = await ingest.resolve_existing(conn, team.access(), image.id)

    assert image.state is ImageState.AWAITING_UPLOAD
    assert resolution.filename == "A-Lake.JPG"
    assert re.fullmatch(
        rf"blog/originals/{image.id}/1-[a-z2-7]{{8}}/A-Lake\.JPG", resolution.object_key
    )

    commit = make_commit(upload_profile=profile, image_id=image.id)
    committed = await catalog.commit(team, commit)
    assert committed.state is ImageState.CONVERTING
    assert committed.description.alt_text == "Lake"


async def test_an_announced_picture_keeps_its_profile(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    await catalog.add_profile(team, CHEAP, name="cheap")
    other = await catalog.add_profile(team, CHEAP, name="other")
    async with catalog.uow.begin(team.id) as conn:
        announced = await ingest.announce_image(conn, team.access(), a_request(team), Description())

    with pytest.raises(InvalidField, match="upload_profile_id"):
        await catalog.commit(team, make_commit(upload_profile=other, image_id=announced.value.id))


async def test_an_upload_resolves_to_a_fresh_place(catalog: Catalog, team: Team) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    request = a_request(team, location="/Blog Posts/../2026/")
    async with catalog.uow.begin(team.id) as conn:
        resolutions = [await ingest.resolve_upload(conn, team.access(), request) for _ in range(2)]

    one, two = resolutions
    assert one.image_id != two.image_id
    assert one.generation == 1
    assert one.target.upload_profile_id == profile
    assert one.originals_location.value.id == team.location_id
    assert one.location == "Blog-Posts/2026"
    assert re.fullmatch(
        rf"blog/originals/{one.image_id}/1-[a-z2-7]{{8}}/photo\.jpg", one.object_key
    )


async def test_an_upload_takes_the_default_profile_where_it_names_none(
    catalog: Catalog, team: Team
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    request = a_request(team, upload_profile="")
    async with catalog.uow.begin(team.id) as conn:
        resolution = await ingest.resolve_upload(
            conn, team.access(), replace(request, default_upload_profile_id=profile)
        )
        assert resolution.target.upload_profile_id == profile

        for elsewhere in (None, new_id(UploadProfileId)):
            with pytest.raises(FailedPrecondition) as refused:
                await ingest.resolve_upload(
                    conn, team.access(), replace(request, default_upload_profile_id=elsewhere)
                )
            assert refused.value.reason is Reason.UPLOAD_PROFILE_REQUIRED

        with pytest.raises(NotFound, match="UploadProfile no-such"):
            await ingest.resolve_upload(
                conn, team.access(), replace(request, upload_profile="no-such")
            )


async def test_an_upload_into_a_project_that_is_out_of_sight_finds_nothing(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    stranger = await catalog.add_team()
    profile = await catalog.add_profile(team, CHEAP, name="cheap")

    with pytest.raises(NotFound, match=team.project_id):
        await catalog.commit(stranger, make_commit(upload_profile=profile))
    assert await catalog.rows("SELECT count(*) FROM images") == [(0,)]


async def test_an_upload_without_the_permission_is_refused_and_leaves_no_trace(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    reader = Access(
        team_id=team.id,
        caller="tests",
        permission=Permission.IMAGE_CREATE,
        allowed=Reach(project_ids=(new_id(ProjectId),)),
        visible=Reach(project_ids=(team.project_id,)),
    )

    with pytest.raises(PermissionDenied, match="image:create"):
        async with catalog.uow.begin(team.id) as conn:
            await commit_image(conn, reader, make_commit(upload_profile=profile), grace=LEASE)
    assert await catalog.rows("SELECT count(*) FROM images") == [(0,)]


@pytest.mark.parametrize("field", ["filename", "location"])
async def test_a_text_that_cannot_be_stored_is_refused(
    catalog: Catalog, team: Team, field: str
) -> None:
    with pytest.raises(InvalidFields, match=field):
        async with catalog.uow.begin(team.id) as conn:
            await ingest.resolve_upload(conn, team.access(), a_request(team, **{field: "a\0b"}))
