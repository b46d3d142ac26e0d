"""Two callers at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from psycopg import errors

from picstore_catalog.model.bootstrap import Document, Outcome
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import upload_profile as upload_profiles
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.bootstrap import apply_bootstrap
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_catalog.usecases.projects import update_project
from picstore_kit.changes import Action
from picstore_kit.errors import Aborted, Reason
from picstore_kit.ids import TeamId
from tests.integration.catalog.projects.objects import access_to, document, project


async def test_of_two_changes_of_the_same_version_one_is_told_to_repeat(
    work: UnitOfWork, team_id: TeamId
) -> None:
    access = access_to(team_id)
    async with work.begin(team_id) as transaction:
        made = await projects.insert(transaction, access, project())

    async def change_slowly() -> None:
        async with work.begin(team_id) as slow:
            seen = await projects.fetch(slow, access, made.value.id)
            async with work.begin(team_id) as fast:
                await update_project(
                    fast,
                    access,
                    made.value.id,
                    lambda value: replace(value, max_bytes=1),
                    etag=made.etag,
                )
            await projects.update(slow, access, seen, replace(seen.value, max_bytes=2))

    with pytest.raises(Aborted) as refused:
        await change_slowly()

    assert refused.value.reason is Reason.CONFLICT_RETRY
    assert refused.value.retry_after is not None
    async with work.begin(team_id) as transaction:
        assert (await projects.fetch(transaction, access, made.value.id)).value.max_bytes == 1


async def test_two_operators_at_once_make_everything_once(
    work: UnitOfWork, secrets: LocationSecrets, team_id: TeamId
) -> None:
    async def apply(wanted: Document) -> Outcome:
        async with work.begin(team_id) as transaction:
            return await apply_bootstrap(transaction, access_to(team_id), wanted, secrets)

    outcomes = await asyncio.gather(apply(document()), apply(document()))

    actions = [{change.action for change in outcome.changes} for outcome in outcomes]
    assert sorted(actions, key=lambda found: Action.CREATED in found) == [
        {Action.UNCHANGED},
        {Action.CREATED},
    ]
    assert outcomes[0].project_ids == outcomes[1].project_ids


async def test_what_a_new_upload_profile_refers_to_cannot_be_taken_away_meanwhile(
    work: UnitOfWork, secrets: LocationSecrets, team_id: TeamId
) -> None:
    access = access_to(team_id)
    async with work.begin(team_id) as transaction:
        outcome = await apply_bootstrap(transaction, access, document(), secrets)
        profile_id = outcome.upload_profile_ids["blog/photos"]
        stored = await upload_profiles.fetch(transaction, access, profile_id)

    async def take_away() -> None:
        async with work.begin(team_id) as taking:
            await taking.execute("SET LOCAL lock_timeout = '50ms'")
            await taking.execute("UPDATE storage_locations SET project_id = NULL")

    async with work.begin(team_id) as checking:
        assert await upload_profiles.find_unusable(checking, access, stored.value) == []
        with pytest.raises(Aborted) as refused:
            await take_away()

    assert isinstance(refused.value.__cause__, errors.LockNotAvailable)
