"""Making and changing upload profiles."""

from __future__ import annotations

from collections.abc import Callable

from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload_profile import Reference, UploadProfile
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import upload_profile as repo
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import Transaction
from picstore_kit.errors import FieldViolation, NotFound, Reason, Resource
from picstore_kit.ids import ProjectId, UploadProfileId


async def create_upload_profile(
    transaction: Transaction, access: Access, profile: UploadProfile
) -> Stored[UploadProfile]:
    """Make an upload profile in a project.

    Raises:
        NotFound: There is no such project, location or conversion profile for the caller.
        PermissionDenied: The caller may not, in this project.
        AlreadyExists: The project has the short name already.
    """
    await projects.fetch(transaction, access, profile.project_id)
    await _require_usable_references(transaction, access, profile)
    return await repo.insert(transaction, access, profile)


async def update_upload_profile(
    transaction: Transaction,
    access: Access,
    profile_id: UploadProfileId,
    change: Callable[[UploadProfile], UploadProfile],
    *,
    etag: str,
) -> Stored[UploadProfile]:
    """Change an upload profile.

    Raises:
        NotFound: There is no such profile, location or conversion profile for the caller.
        PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, profile_id)
    seen.require_etag(etag, resource=repo.resource(profile_id))
    changed = change(seen.value)
    if changed == seen.value:
        return seen
    await _require_usable_references(transaction, access, changed)
    return await repo.update(transaction, access, seen, changed)


async def list_upload_profiles(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    *,
    after: UploadProfileId | None,
    limit: int,
) -> list[Stored[UploadProfile]]:
    """Return a project's upload profiles, oldest first, from behind `after`.

    Raises:
        NotFound, PermissionDenied: The caller may not see the project.
    """
    await projects.fetch(transaction, access, project_id)
    return await repo.find_all(transaction, access, project_id=project_id, after=after, limit=limit)


async def _require_usable_references(
    transaction: Transaction, access: Access, profile: UploadProfile
) -> None:
    unusable = await repo.find_unusable(transaction, access, profile)
    if unusable:
        raise _not_found(unusable)


def _not_found(references: list[Reference]) -> NotFound:
    """Name every field that refers to nothing that the project can use, and the first object."""
    first = references[0]
    return NotFound(
        Reason.RESOURCE_NOT_FOUND,
        f"there is no {first.kind} {first.id} that the project can use",
        metadata={"resource_type": first.kind, "resource_name": first.id},
        violations=[
            FieldViolation(
                field=f"upload_profile.{reference.field}",
                description=f"names no {reference.kind} that the project can use",
            )
            for reference in references
        ],
        resource=Resource(type=first.kind, name=first.id),
    )
