"""Single lookups that come at the same time."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from picstore_catalog.model.image import Image
from picstore_catalog.model.permission import Permission
from picstore_catalog.usecases.gathered_lookups import GatheredLookups
from picstore_kit.errors import NotFound
from picstore_kit.ids import ProjectId, new_id
from tests.integration.catalog.images.catalog import CHEAP, Catalog, MakeCommit, Team

READ = Permission.IMAGE_READ


@pytest.fixture
def lookups(catalog: Catalog) -> GatheredLookups:
    return GatheredLookups(catalog.uow)


@pytest.fixture
async def pictures(catalog: Catalog, team: Team, make_commit: MakeCommit) -> dict[bytes, Image]:
    """Three pictures by their hash."""
    profile = await catalog.add_profile(team, CHEAP, name="cheap")
    contents = (b"one", b"two", b"three")
    return {
        hashlib.sha256(content).digest(): await catalog.commit(
            team, make_commit(upload_profile=profile, content=content)
        )
        for content in contents
    }


async def test_each_caller_gets_the_picture_of_its_own_hash(
    lookups: GatheredLookups, team: Team, pictures: dict[bytes, Image]
) -> None:
    wanted = list(pictures) * 10
    found = await asyncio.gather(
        *(lookups.look_up(team.access(READ), team.project_id, digest) for digest in wanted)
    )

    assert [each.value.id for each in found] == [pictures[digest].id for digest in wanted]


async def test_an_unknown_hash_is_unknown_to_its_caller_only(
    lookups: GatheredLookups, team: Team, pictures: dict[bytes, Image]
) -> None:
    known, *_ = pictures
    answers = await asyncio.gather(
        *(lookups.look_up(team.access(READ), None, digest) for digest in (known, b"?" * 32, known)),
        return_exceptions=True,
    )

    assert [isinstance(answer, NotFound) for answer in answers] == [False, True, False]


async def test_callers_with_other_rights_are_not_answered_together(
    lookups: GatheredLookups, catalog: Catalog, team: Team, pictures: dict[bytes, Image]
) -> None:
    stranger = await catalog.add_team()
    known, *_ = pictures
    own, foreign = await asyncio.gather(
        lookups.look_up(team.access(READ), None, known),
        lookups.look_up(stranger.access(READ), None, known),
        return_exceptions=True,
    )

    assert not isinstance(own, BaseException)
    assert own.value.id == pictures[known].id
    assert isinstance(foreign, NotFound)


async def test_all_are_told_what_is_wrong(
    lookups: GatheredLookups, team: Team, pictures: dict[bytes, Image]
) -> None:
    missing = new_id(ProjectId)
    answers = await asyncio.gather(
        *(lookups.look_up(team.access(READ), missing, digest) for digest in pictures),
        return_exceptions=True,
    )

    assert [str(answer) for answer in answers] == [f"there is no Project {missing}"] * 3


async def test_those_who_wait_are_answered_although_the_one_who_asks_goes_away(
    lookups: GatheredLookups, team: Team, pictures: dict[bytes, Image]
) -> None:
    first, second, third = pictures
    alone, leader, follower = (
        asyncio.create_task(lookups.look_up(team.access(READ), team.project_id, digest))
        for digest in (first, second, third)
    )
    await alone  # its statement is done, the leader's begins
    leader.cancel()

    assert (await follower).value.id == pictures[third].id
    with pytest.raises(asyncio.CancelledError):
        await leader
