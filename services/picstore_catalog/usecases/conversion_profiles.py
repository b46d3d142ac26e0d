"""Making, changing and deleting conversion profiles, and going back to what one was before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from picstore_catalog.model.conversion_profile import (
    ConversionProfile,
    ConversionProfileRevision,
    describe_conversion_profile,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import conversion_profile as repo
from picstore_catalog.repo import project as projects
from picstore_catalog.uow import Transaction
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.ids import ConversionProfileId
from picstore_kit.pg.access import Access
from picstore_kit.usage import refuse_in_use


async def create_conversion_profile(
    transaction: Transaction, access: Access, profile: ConversionProfile
) -> Stored[ConversionProfile]:
    """Make a profile with its first revision, for one project or for all of the team's.

    Raises:
        NotFound, PermissionDenied: The caller may not, in this project.
        AlreadyExists: The short name is taken.
    """
    if profile.project_id is not None:
        await projects.fetch(transaction, access, profile.project_id)
    made = await repo.insert(transaction, access, profile)
    await _record(transaction, access, made.value, {}, _described(made.value))
    return made


async def update_conversion_profile(
    transaction: Transaction,
    access: Access,
    profile_id: ConversionProfileId,
    change: Callable[[ConversionProfile], ConversionProfile],
    *,
    etag: str,
) -> Stored[ConversionProfile]:
    """Change a profile; what it makes, if that differs, becomes the next revision.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        InvalidFields: A new value is wrong, or does not go with one that stays.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, profile_id)
    seen.require_etag(etag, resource=repo.resource(profile_id))
    return await _change(transaction, access, seen, change(seen.value))


async def roll_back_conversion_profile(
    transaction: Transaction,
    access: Access,
    profile_id: ConversionProfileId,
    revision: int,
    *,
    etag: str,
) -> Stored[ConversionProfile]:
    """Make what an earlier revision makes the next one; where it is current, nothing changes.

    Raises:
        NotFound, PermissionDenied: The caller may not, or there is no such revision.
        Aborted: The profile has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, profile_id)
    seen.require_etag(etag, resource=repo.resource(profile_id))
    earlier = await repo.fetch(transaction, access, profile_id, revision=revision)
    wanted = replace(seen.value, profile=earlier.value.profile)
    return await _change(transaction, access, seen, wanted)


async def delete_conversion_profile(
    transaction: Transaction, access: Access, profile_id: ConversionProfileId, *, etag: str
) -> None:
    """Delete a profile that nothing uses, with all of its revisions.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        FailedPrecondition: Upload profiles or pictures use it (RESOURCE_IN_USE).
    """
    resource = repo.resource(profile_id)
    seen = await repo.fetch(transaction, access, profile_id, lock=True)
    seen.require_etag(etag, resource=resource)
    refuse_in_use(resource, await repo.find_usages(transaction, access, profile_id))
    await repo.delete(transaction, access, profile_id)
    await _record(transaction, access, seen.value, _described(seen.value), {})


async def list_revisions(
    transaction: Transaction,
    access: Access,
    profile_id: ConversionProfileId,
    *,
    before: int | None,
    limit: int,
) -> list[ConversionProfileRevision]:
    """Return a profile's revisions, newest first, from below `before`.

    Raises:
        NotFound, PermissionDenied: The caller may not see the profile.
    """
    await repo.fetch(transaction, access, profile_id)
    return await repo.find_revisions(transaction, access, profile_id, before=before, limit=limit)


async def _change(
    transaction: Transaction,
    access: Access,
    seen: Stored[ConversionProfile],
    wanted: ConversionProfile,
) -> Stored[ConversionProfile]:
    if wanted == seen.value:
        return seen
    updated = await repo.update(transaction, access, seen, wanted)
    await _record(
        transaction, access, updated.value, _described(seen.value), _described(updated.value)
    )
    return updated


def _described(profile: ConversionProfile) -> dict[str, str]:
    return {
        "short_name": profile.short_name,
        **describe_conversion_profile(profile, {}),
        "revision": str(profile.revision),
    }


async def _record(
    transaction: Transaction,
    access: Access,
    profile: ConversionProfile,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> None:
    await audit.record(
        transaction,
        team_id=access.team_id,
        resource_type=repo.resource(profile.id).type,
        resource_id=profile.id,
        project_id=profile.project_id,
        changes=differences(before, after),
    )
