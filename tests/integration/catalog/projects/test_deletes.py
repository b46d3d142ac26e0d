"""Deleting: what is used stays and says by what, and nobody begins to use what is going."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from picstore_catalog.repo import conversion_profile as conversion_profiles
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.conversion_profiles import CONVERSION_PROFILES
from picstore_catalog.usecases.projects import delete_project
from picstore_catalog.usecases.upload_profiles import (
    create_upload_profile,
    delete_upload_profile,
)
from picstore_imaging.rules import SizeRule
from picstore_kit.errors import FailedPrecondition, NotFound, Reason
from picstore_kit.ids import ConversionProfileId, new_id
from tests.integration.catalog.projects.teams import Team


async def delete_in(transaction: Transaction, team: Team, what: str) -> None:
    """Delete what the team has of a kind."""
    match what:
        case "project":
            await delete_project(transaction, team.access, team.project_id, etag="")
        case "conversion profile":
            profile_id = team.conversion_profile_id
            await CONVERSION_PROFILES.delete(transaction, team.access, profile_id, etag="")
        case _:
            await delete_upload_profile(transaction, team.access, team.upload_profile_id, etag="")


async def delete(team: Team, what: str) -> None:
    async with team.begin() as transaction:
        await delete_in(transaction, team, what)


async def used_by(team: Team, what: str) -> tuple[str, Sequence[str], int]:
    """Say in words and by ids what keeps it from being deleted."""
    with pytest.raises(FailedPrecondition) as refused:
        await delete(team, what)
    assert refused.value.reason is Reason.RESOURCE_IN_USE
    metadata = refused.value.metadata
    return (
        refused.value.message,
        metadata["used_by"].split(","),
        int(metadata["used_by_count"]),
    )


async def waits_for_a_lock(team: Team) -> None:
    """Return when some transaction waits for another one's lock."""
    while True:
        async with team.work.begin_for_all_teams() as looking:
            cursor = await looking.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if await cursor.fetchone() != (0,):
                return


async def test_a_project_says_everything_that_belongs_to_it(team: Team) -> None:
    conversion_id = await team.add_conversion_profile("own", project_id=team.project_id)
    image_id = await team.commit_picture()

    message, ids, count = await used_by(team, "project")

    assert ids == [team.upload_profile_id, conversion_id, image_id]
    assert count == 3
    for what in ("upload profiles", "conversion profiles", "pictures"):
        assert f"{what} (1)" in message
    assert "storage locations" not in message


async def test_a_project_names_the_storage_locations_that_are_only_for_it(team: Team) -> None:
    async with team.begin() as transaction:
        await transaction.execute(
            "UPDATE storage_locations SET project_id = %s", (team.project_id,)
        )

    _, ids, _ = await used_by(team, "project")

    assert team.location_id in ids


async def test_ten_users_are_named_and_all_are_counted(team: Team) -> None:
    pictures = [await team.commit_picture() for _ in range(12)]

    _, ids, count = await used_by(team, "upload profile")

    assert ids == pictures[:10]
    assert count == 12


async def test_a_conversion_profile_says_what_is_uploaded_by_it(team: Team) -> None:
    message, ids, _ = await used_by(team, "conversion profile")

    assert ids == [team.upload_profile_id]
    assert team.conversion_profile_id in message


async def test_a_conversion_profile_stays_for_the_pictures_that_it_made(team: Team) -> None:
    image_id = await team.commit_picture()
    other = await team.add_conversion_profile("other")
    await team.change_profile(lambda value: replace(value, conversion_profile_id=other))

    _, ids, _ = await used_by(team, "conversion profile")

    assert ids == [image_id]


async def test_pictures_keep_the_revision_that_they_were_converted_by(team: Team) -> None:
    async def change(*widths: int) -> None:
        async with team.begin() as transaction:
            await CONVERSION_PROFILES.update(
                transaction,
                team.access,
                team.conversion_profile_id,
                lambda kept: replace(
                    kept,
                    profile=replace(
                        kept.profile, sizes=tuple(SizeRule(width=width) for width in widths)
                    ),
                ),
                etag="",
            )

    earlier = await team.commit_picture()
    await change(300)
    later = await team.commit_picture()
    await change(200)

    async with team.begin() as transaction:
        cursor = await transaction.execute(
            "SELECT id, conversion_profile_id, conversion_profile_revision FROM images ORDER BY id"
        )
        assert await cursor.fetchall() == [
            (earlier, team.conversion_profile_id, 1),
            (later, team.conversion_profile_id, 2),
        ]


async def test_a_conversion_profile_goes_with_all_of_its_revisions(team: Team) -> None:
    other = await team.add_conversion_profile("other")
    async with team.begin() as transaction:
        await CONVERSION_PROFILES.update(
            transaction,
            team.access,
            other,
            lambda kept: replace(kept, profile=replace(kept.profile, background="#000000")),
            etag="",
        )
        await CONVERSION_PROFILES.delete(transaction, team.access, other, etag="")
        cursor = await transaction.execute(
            "SELECT count(*) FROM conversion_profile_revisions WHERE conversion_profile_id = %s",
            (other,),
        )
        assert await cursor.fetchone() == (0,)


async def begin_to_use(team: Team, transaction: Transaction) -> None:
    """Make something that needs the team's project and conversion profile."""
    await create_upload_profile(transaction, team.access, team.upload_profile("late"))


async def make_deletable(team: Team, what: str) -> Team:
    """Return the team with a fresh project or conversion profile that nothing uses."""
    if what == "project":
        return replace(team, project_id=await team.add_project("fresh"))
    return replace(team, conversion_profile_id=await team.add_conversion_profile("fresh"))


@pytest.mark.parametrize("what", ["project", "conversion profile"])
async def test_what_is_just_being_deleted_is_not_found_by_who_would_use_it(
    team: Team, what: str
) -> None:
    fresh = await make_deletable(team, what)

    async def create() -> None:
        async with fresh.begin() as creating:
            await begin_to_use(fresh, creating)

    async with asyncio.TaskGroup() as tasks, fresh.begin() as deleting:
        await delete_in(deleting, fresh, what)
        creation = tasks.create_task(_outcome(create))
        await waits_for_a_lock(fresh)
    assert isinstance(creation.result(), NotFound)


@pytest.mark.parametrize("what", ["project", "conversion profile"])
async def test_what_is_just_being_used_is_not_deleted(team: Team, what: str) -> None:
    fresh = await make_deletable(team, what)

    async with asyncio.TaskGroup() as tasks, fresh.begin() as creating:
        await begin_to_use(fresh, creating)
        deletion = tasks.create_task(_outcome(lambda: delete(fresh, what)))
        await waits_for_a_lock(fresh)
    refusal = deletion.result()
    assert isinstance(refusal, FailedPrecondition)
    assert refusal.metadata["used_by_count"] == "1"


async def test_an_upload_profile_by_which_a_picture_just_comes_is_not_deleted(team: Team) -> None:
    async with asyncio.TaskGroup() as tasks, team.begin() as committing:
        await committing.execute(
            "INSERT INTO images (id, team_id, project_id, upload_profile_id, filename,"
            " location, state) VALUES ('img_x', %s, %s, %s, 'a.jpg', '', 'AWAITING_UPLOAD')",
            (team.id, team.project_id, team.upload_profile_id),
        )
        deletion = tasks.create_task(_outcome(lambda: delete(team, "upload profile")))
        await waits_for_a_lock(team)
    refusal = deletion.result()
    assert isinstance(refusal, FailedPrecondition)
    assert refusal.metadata["used_by"] == "img_x"


async def test_a_conversion_profile_is_not_made_in_a_project_that_is_just_being_deleted(
    team: Team,
) -> None:
    fresh = await make_deletable(team, "project")

    async def create() -> None:
        async with fresh.begin() as creating:
            kept = await conversion_profiles.fetch(
                creating, fresh.access, fresh.conversion_profile_id
            )
            wanted = replace(
                kept.value,
                id=new_id(ConversionProfileId),
                project_id=fresh.project_id,
                short_name="late",
            )
            await CONVERSION_PROFILES.create(creating, fresh.access, wanted)

    async with asyncio.TaskGroup() as tasks, fresh.begin() as deleting:
        await delete_in(deleting, fresh, "project")
        creation = tasks.create_task(_outcome(create))
        await waits_for_a_lock(fresh)
    refusal = creation.result()
    assert isinstance(refusal, NotFound)
    assert refusal.metadata["resource_type"] == "Project"


async def test_what_has_just_got_a_new_revision_is_deleted_all_the_same(team: Team) -> None:
    fresh = await make_deletable(team, "conversion profile")
    profile_id = fresh.conversion_profile_id

    async with asyncio.TaskGroup() as tasks, fresh.begin() as updating:
        await CONVERSION_PROFILES.update(
            updating,
            fresh.access,
            profile_id,
            lambda kept: replace(kept, profile=replace(kept.profile, sizes=(SizeRule(width=123),))),
            etag="",
        )
        deletion = tasks.create_task(_outcome(lambda: delete(fresh, "conversion profile")))
        await waits_for_a_lock(fresh)

    assert deletion.result() is None
    async with team.begin() as transaction:
        with pytest.raises(NotFound):
            await conversion_profiles.fetch(transaction, team.access, profile_id)


async def test_two_who_delete_the_same_do_not_both_succeed(team: Team) -> None:
    outcomes = await asyncio.gather(
        *(_outcome(lambda: delete(team, "upload profile")) for _ in range(2))
    )

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [NotFound]
    async with team.begin() as transaction:
        with pytest.raises(NotFound):
            await upload_profiles.fetch(transaction, team.access, team.upload_profile_id)


async def _outcome(work: Callable[[], Awaitable[None]]) -> Exception | None:
    try:
        await work()
    except (NotFound, FailedPrecondition) as error:
        return error
    return None
