"""Bytes that are there already, uploads that are repeated, and all of that at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.job import Failure
from picstore_catalog.model.upload import Commit, Committed, OnDuplicate, UploadRequest
from picstore_catalog.repo import original as originals
from picstore_catalog.usecases import ingest
from picstore_kit.errors import AlreadyExists, InvalidField, NotFound, Reason
from picstore_kit.ids import ImageId, ProjectId, UploadProfileId, new_id
from tests.integration.catalog.images.catalog import (
    CHEAP,
    Catalog,
    MakeCommit,
    Team,
    make_all,
)

UNREADABLE = Failure(reason=Reason.IMAGE_CORRUPT, message="the picture cannot be read")


@pytest.fixture
async def profile(catalog: Catalog, team: Team) -> UploadProfileId:
    return await catalog.add_profile(team, CHEAP, name="cheap")


async def announce(catalog: Catalog, team: Team) -> ImageId:
    request = UploadRequest(
        project_id=team.project_id, upload_profile="cheap", filename="lake.jpg", location=""
    )
    async with catalog.uow.begin(team.id) as conn:
        announced = await ingest.announce_image(
            conn, team.access(), request, Description(alt_text="A lake", tags=("lake",))
        )
    return announced.value.id


async def count(catalog: Catalog) -> int:
    ((pictures,),) = await catalog.rows("SELECT count(*) FROM images")
    return int(pictures)


async def test_bytes_that_are_there_return_their_picture(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    before = await catalog.outbox()

    again = await catalog.try_commit(team, make_commit(upload_profile=profile, alt_text="New"))

    assert again.image.value == image
    assert again.duplicate
    assert not again.original_kept
    assert await count(catalog) == 1
    assert await catalog.outbox() == before


async def test_commits_of_the_same_bytes_at_once_make_one_picture(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    for content in range(20):
        commits = [make_commit(upload_profile=profile, content=b"%d" % content) for _ in range(4)]

        committed = await asyncio.gather(*(catalog.try_commit(team, c) for c in commits))

        assert len({one.image.value.id for one in committed}) == 1
        assert sorted(one.duplicate for one in committed) == [False, True, True, True]
        assert all(one.duplicate is not one.original_kept for one in committed)
    assert await count(catalog) == 20


async def test_another_picture_of_the_same_bytes_is_made_if_that_is_wanted(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))

    another = await catalog.try_commit(
        team, make_commit(upload_profile=profile, on_duplicate=OnDuplicate.CREATE)
    )

    assert another.image.value.id != image.id
    assert another.original_kept
    assert not another.duplicate
    newest = await catalog.commit(team, make_commit(upload_profile=profile))
    assert newest.id == another.image.value.id


async def test_bytes_that_are_there_are_refused_if_that_is_wanted(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    announced = await announce(catalog, team)

    for image_id in (None, announced, image.id):
        with pytest.raises(AlreadyExists) as refused:
            await catalog.commit(
                team,
                make_commit(
                    upload_profile=profile, image_id=image_id, on_duplicate=OnDuplicate.REFUSE
                ),
            )
        assert refused.value.reason is Reason.IMAGE_DUPLICATE
        assert refused.value.metadata["image"] == image.id
    assert (await catalog.image(team, announced)).state is ImageState.AWAITING_UPLOAD


async def test_a_picture_that_was_announced_for_known_bytes_is_gone(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    announced = await announce(catalog, team)
    commit = make_commit(upload_profile=profile, image_id=announced)

    for _ in range(2):  # and so again, if the first answer was lost
        answered = await catalog.try_commit(team, commit)
        assert answered.image.value == image
        assert (answered.duplicate, answered.original_kept) == (True, False)
    with pytest.raises(NotFound):
        await catalog.image(team, announced)
    assert await catalog.rows("SELECT count(*) FROM image_tags") == [(0,)]


async def test_uploads_for_one_announced_picture_commit_once_if_they_are_the_same_bytes(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    announced = await announce(catalog, team)
    commits = [make_commit(upload_profile=profile, image_id=announced) for _ in range(5)]

    committed = await asyncio.gather(*(catalog.try_commit(team, c) for c in commits))

    assert {one.image.value.id for one in committed} == {announced}
    assert sum(one.original_kept for one in committed) == 1
    assert await catalog.rows("SELECT count(*) FROM jobs") == [(1,)]


async def test_what_failed_counts_for_nothing(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    claim = await catalog.claim((await catalog.job_ids(image.id))["fast"])
    await catalog.fail(claim, UNREADABLE, retryable=False)

    again = await catalog.try_commit(team, make_commit(upload_profile=profile))

    assert again.image.value.id != image.id
    assert not again.duplicate


async def test_served_and_pending_originals_are_known_and_replaced_ones_are_not(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    async def known(content: bytes) -> bool:
        async with catalog.uow.begin_trial(team.id) as conn:
            commit = make_commit(upload_profile=profile, content=content)
            return (
                await originals.find_duplicate(conn, team.id, profile, commit.original.sha256)
                == image.id
            )

    image = await catalog.commit(team, make_commit(upload_profile=profile, content=b"old"))
    await make_all(catalog, image.id, generation=1)
    await catalog.commit(
        team, make_commit(upload_profile=profile, content=b"new", image_id=image.id)
    )
    assert [await known(content) for content in (b"old", b"new")] == [True, True]
    await make_all(catalog, image.id, generation=2)
    assert [await known(content) for content in (b"old", b"new")] == [False, True]


async def test_the_same_bytes_replace_nothing_unless_that_is_wanted(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    other = await catalog.commit(team, make_commit(upload_profile=profile, content=b"other"))

    def replacement(image: Image, on_duplicate: OnDuplicate) -> Commit:
        return make_commit(upload_profile=profile, image_id=image.id, on_duplicate=on_duplicate)

    same = await catalog.try_commit(team, replacement(image, OnDuplicate.RETURN_EXISTING))
    assert same.image.value == image
    assert (same.duplicate, same.original_kept) == (True, False)
    anew = await catalog.try_commit(team, replacement(image, OnDuplicate.CREATE))
    assert anew.image.value.pending_generation == 2
    # Another picture has these bytes, but that does not matter here.
    made = await catalog.try_commit(team, replacement(other, OnDuplicate.REFUSE))
    assert (made.image.value.id, made.image.value.pending_generation) == (other.id, 2)


async def test_other_profiles_projects_and_teams_are_not_looked_at(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    other_profile = await catalog.add_profile(team, CHEAP, name="other")
    other_project = replace(team, project_id=new_id(ProjectId))
    async with catalog.uow.begin(team.id) as conn:
        await conn.execute(
            "INSERT INTO projects (team_id, id, short_name, base_path)"
            " VALUES (%s, %s, 'shop', 'shop')",
            (team.id, other_project.project_id),
        )
    stranger = await catalog.add_team()
    commits: list[tuple[Team, Commit]] = [(team, make_commit(upload_profile=other_profile))]
    for elsewhere in (other_project, stranger):
        there = await catalog.add_profile(elsewhere, CHEAP, name="there")
        commit = make_commit(upload_profile=there, on_duplicate=OnDuplicate.REFUSE)
        upload = replace(commit.upload, project_id=elsewhere.project_id)
        original = replace(commit.original, location_id=elsewhere.location_id)
        commits.append((elsewhere, replace(commit, upload=upload, original=original)))

    for owner, commit in commits:
        committed = await catalog.try_commit(owner, commit)
        assert committed.image.value.id != image.id
        assert not committed.duplicate


async def test_another_attempt_at_an_upload_is_told_that_its_object_is_not_needed(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    commit = make_commit(upload_profile=profile)
    second = make_commit(upload_profile=profile, upload_id=commit.upload_id)
    first = await catalog.try_commit(team, commit)

    repeated = await catalog.try_commit(team, commit)
    other_attempt = await catalog.try_commit(team, second)

    assert first == repeated == Committed(image=first.image, original_kept=True)
    assert other_attempt == Committed(image=first.image, original_kept=False)


async def test_an_upload_id_is_not_for_other_bytes(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    commit = make_commit(upload_profile=profile)
    await catalog.commit(team, commit)

    with pytest.raises(AlreadyExists) as refused:
        await catalog.commit(
            team,
            make_commit(upload_profile=profile, upload_id=commit.upload_id, content=b"other"),
        )

    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_attempts_at_one_upload_that_race_make_one_picture(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    for on_duplicate in OnDuplicate:
        first = make_commit(
            upload_profile=profile, content=on_duplicate.name.encode(), on_duplicate=on_duplicate
        )
        attempts = [
            make_commit(
                upload_profile=profile,
                content=on_duplicate.name.encode(),
                on_duplicate=on_duplicate,
                upload_id=first.upload_id,
            )
            for _ in range(7)
        ]

        committed = await asyncio.gather(*(catalog.try_commit(team, c) for c in (first, *attempts)))

        assert len({one.image.value.id for one in committed}) == 1
        assert sum(one.original_kept for one in committed) == 1
        assert not any(one.duplicate for one in committed)
    assert await count(catalog) == len(OnDuplicate)


async def test_an_object_elsewhere_is_no_original_of_the_picture(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    commit = make_commit(upload_profile=profile)
    original = replace(commit.original, object_key=f"blog/{new_id(ImageId)}/1-a/photo.jpg")

    with pytest.raises(InvalidField, match="object_key"):
        await catalog.commit(team, replace(commit, original=original))


async def test_an_object_is_the_original_of_one_generation_only(
    catalog: Catalog, team: Team, profile: UploadProfileId, make_commit: MakeCommit
) -> None:
    commit = make_commit(upload_profile=profile)
    image = await catalog.commit(team, commit)
    again = make_commit(upload_profile=profile, image_id=image.id, on_duplicate=OnDuplicate.CREATE)

    with pytest.raises(AlreadyExists):
        await catalog.commit(team, replace(again, original=commit.original))

    assert (await catalog.image(team, image.id)).pending_generation == 1
