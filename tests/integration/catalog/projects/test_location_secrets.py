"""Secrets of storage locations at rest."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pytest
from pydantic import SecretStr

from picstore_catalog.model.storage_location import GivenBucket, S3Bucket, StorageLocation
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.bootstrap import apply_bootstrap
from picstore_catalog.usecases.locations import LocationSecrets, reencrypt_secrets
from picstore_kit.changes import Action
from picstore_kit.errors import FailedPrecondition
from picstore_kit.ids import LocationId, TeamId, new_id
from picstore_kit.sealing import Sealer, SealError, key_id_of
from picstore_kit.settings import SealingSettings
from tests.integration.catalog.projects.objects import access_to, document


def secrets_under(current: str, *key_ids: str) -> LocationSecrets:
    keys = {
        key_id: SecretStr(base64.b64encode(key_id.encode().ljust(32)).decode())
        for key_id in (current, *key_ids)
    }
    return LocationSecrets(Sealer(SealingSettings(keys=keys, current=current)))


async def stored_location(work: UnitOfWork, team_id: TeamId) -> StorageLocation:
    async with work.begin(team_id) as transaction:
        access = access_to(team_id)
        [stored] = await locations.find_by_short_names(transaction, access, ["store"])
    return stored.value


async def apply(
    work: UnitOfWork, team_id: TeamId, secrets: LocationSecrets, *, secret: str = "secret"
) -> Action:
    """Apply the document with this secret, and return what became of the location."""
    wanted = document()
    [entry] = wanted.storage_locations
    assert isinstance(entry.provider, GivenBucket)
    provider = replace(entry.provider, secret_access_key=secret)
    wanted = replace(wanted, storage_locations=(replace(entry, provider=provider),))
    async with work.begin(team_id) as transaction:
        outcome = await apply_bootstrap(transaction, access_to(team_id), wanted, secrets)
    return next(change.action for change in outcome.changes if change.name == "store")


def key_of(location: StorageLocation) -> str:
    assert isinstance(location.provider, S3Bucket)
    assert location.provider.sealed_secret is not None
    return key_id_of(location.provider.sealed_secret)


async def test_a_service_can_open_what_the_operator_gave(
    work: UnitOfWork, secrets: LocationSecrets, team_id: TeamId
) -> None:
    await apply(work, team_id, secrets)

    location = await stored_location(work, team_id)

    assert secrets.open(location) == "secret"
    assert "secret" not in repr(location).replace("sealed_secret", "")


async def test_a_secret_does_not_open_in_another_location(
    work: UnitOfWork, secrets: LocationSecrets, team_id: TeamId
) -> None:
    await apply(work, team_id, secrets)
    location = await stored_location(work, team_id)

    with pytest.raises(SealError):
        secrets.open(replace(location, id=new_id(LocationId)))


async def test_a_secret_under_an_old_key_is_sealed_again(work: UnitOfWork, team_id: TeamId) -> None:
    await apply(work, team_id, secrets_under("old"))
    rotated = secrets_under("new", "old")

    assert await apply(work, team_id, rotated, secret="") is Action.UPDATED
    location = await stored_location(work, team_id)
    assert key_of(location) == "new"
    assert rotated.open(location) == "secret"
    assert await apply(work, team_id, rotated) is Action.UNCHANGED


async def test_giving_a_secret_again_mends_one_whose_key_is_gone(
    work: UnitOfWork, team_id: TeamId
) -> None:
    await apply(work, team_id, secrets_under("lost"))
    secrets = secrets_under("new")

    assert await apply(work, team_id, secrets, secret="") is Action.UNCHANGED
    assert await apply(work, team_id, secrets) is Action.UPDATED
    assert secrets.open(await stored_location(work, team_id)) == "secret"


async def test_after_sealing_again_the_old_key_can_go(work: UnitOfWork) -> None:
    teams = [new_id(TeamId) for _ in range(3)]
    for team_id in teams:
        await apply(work, team_id, secrets_under("old"))
    rotating = secrets_under("new", "old")

    first = await reencrypt_secrets(work, rotating)
    again = await reencrypt_secrets(work, rotating)

    assert (first.examined, first.reencrypted) == (3, 3)
    assert (again.examined, again.reencrypted) == (3, 0)
    for team_id in teams:
        location = await stored_location(work, team_id)
        assert secrets_under("new").open(location) == "secret"


async def test_a_secret_that_does_not_open_keeps_no_other_from_being_sealed_again(
    work: UnitOfWork,
) -> None:
    lost, kept = new_id(TeamId), new_id(TeamId)
    await apply(work, lost, secrets_under("lost"))
    await apply(work, kept, secrets_under("old"))

    with pytest.raises(FailedPrecondition) as refused:
        await reencrypt_secrets(work, secrets_under("new", "old"))

    lost_location = await stored_location(work, lost)
    assert refused.value.metadata == {"storage_locations": lost_location.id}
    assert key_of(await stored_location(work, kept)) == "new"


async def test_sealing_again_waits_for_whoever_is_changing_a_location(
    work: UnitOfWork, team_id: TeamId
) -> None:
    await apply(work, team_id, secrets_under("old"))
    rotating = secrets_under("new", "old")
    location = await stored_location(work, team_id)

    async with asyncio.TaskGroup() as tasks:
        async with work.begin(team_id) as transaction:
            seen = await locations.fetch(transaction, access_to(team_id), location.id, lock=True)
            sealing = tasks.create_task(reencrypt_secrets(work, rotating))
            changed = replace(seen.value, display_name="Changed")
            await locations.update(transaction, access_to(team_id), seen, changed)
        assert (await sealing).reencrypted == 1

    after = await stored_location(work, team_id)
    assert after.display_name == "Changed"
    assert secrets_under("new").open(after) == "secret"
