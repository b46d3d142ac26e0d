"""Making and changing conversion profiles."""

from __future__ import annotations

from collections.abc import Callable

from picstore_catalog.model.conversion_profile import ConversionProfile
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import conversion_profile as repo
from picstore_catalog.repo import project as projects
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import Transaction
from picstore_kit.ids import ConversionProfileId


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
    return await repo.insert(transaction, access, profile)


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
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, profile_id)
    seen.require_etag(etag, resource=repo.resource(profile_id))
    changed = change(seen.value)
    if changed == seen.value:
        return seen
    return await repo.update(transaction, access, seen, changed)
