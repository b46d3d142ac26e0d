"""Making, changing and deleting upload profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload_profile import (
    Reference,
    UploadProfile,
    describe_upload_profile,
)
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import upload_profile as repo
from picstore_catalog.uow import Transaction
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.errors import FieldViolation, InvalidFields, NotFound, Reason, Resource
from picstore_kit.ids import ProjectId, UploadProfileId
from picstore_kit.pg.access import Access
from picstore_kit.usage import refuse_in_use


async def create_upload_profile(
    transaction: Transaction, access: Access, profile: UploadProfile
) -> Stored[UploadProfile]:
    """Make an upload profile in a project.

    Raises:
        NotFound: There is no such project, location or conversion profile for the caller.
        InvalidFields: A location or conversion profile is another project's.
        PermissionDenied: The caller may not, in this project.
        AlreadyExists: The project has the short name already.
    """
    await projects.fetch(transaction, access, profile.project_id)
    await _require_usable_references(transaction, access, profile)
    made = await repo.insert(transaction, access, profile)
    await _record(transaction, access, made.value, {}, _described(made.value))
    return made


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
        InvalidFields: A location or conversion profile is another project's.
        PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, profile_id)
    seen.require_etag(etag, resource=repo.resource(profile_id))
    changed = change(seen.value)
    if changed == seen.value:
        return seen
    await _require_usable_references(transaction, access, changed)
    updated = await repo.update(transaction, access, seen, changed)
    await _record(transaction, access, changed, _described(seen.value), _described(changed))
    return updated


async def delete_upload_profile(
    transaction: Transaction, access: Access, profile_id: UploadProfileId, *, etag: str
) -> None:
    """Delete an upload profile that no picture came by.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        FailedPrecondition: Pictures came by it (RESOURCE_IN_USE).
    """
    resource = repo.resource(profile_id)
    seen = await repo.fetch(transaction, access, profile_id, lock=True)
    seen.require_etag(etag, resource=resource)
    refuse_in_use(resource, await repo.find_usages(transaction, access, profile_id))
    await repo.delete(transaction, access, profile_id)
    await _record(transaction, access, seen.value, _described(seen.value), {})


async def list_upload_profiles(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    *,
    short_name: str,
    after: UploadProfileId | None,
    limit: int,
) -> list[Stored[UploadProfile]]:
    """Return a project's upload profiles, oldest first, from behind `after`.

    An empty `short_name` finds all of them.

    Raises:
        NotFound, PermissionDenied: The caller may not see the project.
    """
    await projects.fetch(transaction, access, project_id)
    return await repo.find_all(
        transaction,
        access,
        project_id=project_id,
        short_name=short_name,
        after=after,
        limit=limit,
    )


async def _require_usable_references(
    transaction: Transaction, access: Access, profile: UploadProfile
) -> None:
    """Refuse references to what the project cannot use, naming every field.

    Raises:
        NotFound: Something is missing, or not the caller's to see; the first such is named.
        InvalidFields: All is there, but some of it for another project only.
    """
    unusable = await repo.find_unusable(transaction, access, profile)
    missing = [reference for reference in unusable if not reference.elsewhere]
    if missing:
        first = Resource(type=missing[0].kind, name=missing[0].id)
        raise NotFound(
            Reason.RESOURCE_NOT_FOUND,
            f"there is no {first.type} {first.name} that the project can use",
            metadata={"resource_type": first.type, "resource_name": first.name},
            violations=_violations(unusable),
            resource=first,
        )
    if unusable:
        raise InvalidFields(_violations(unusable))


def _violations(references: Sequence[Reference]) -> list[FieldViolation]:
    return [
        FieldViolation(
            field=f"upload_profile.{reference.field}",
            description=(
                f"names a {reference.kind} of another project"
                if reference.elsewhere
                else f"names no {reference.kind} that the project can use"
            ),
        )
        for reference in references
    ]


def _described(profile: UploadProfile) -> dict[str, str]:
    return {"short_name": profile.short_name, **describe_upload_profile(profile, {})}


async def _record(
    transaction: Transaction,
    access: Access,
    profile: UploadProfile,
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
