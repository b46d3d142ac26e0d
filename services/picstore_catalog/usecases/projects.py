"""Making, changing and deleting projects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from picstore_catalog.model.project import Project, describe_project
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import project as repo
from picstore_catalog.uow import Transaction
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.ids import ProjectId
from picstore_kit.pg.access import Access
from picstore_kit.usage import refuse_in_use


async def create_project(
    transaction: Transaction, access: Access, project: Project
) -> Stored[Project]:
    """Make a project.

    Raises:
        PermissionDenied: The caller may not, on the whole team.
        AlreadyExists: The team has the short name already.
    """
    made = await repo.insert(transaction, access, project)
    await _record(transaction, access, made.value.id, {}, _described(made.value))
    return made


async def update_project(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    change: Callable[[Project], Project],
    *,
    etag: str,
) -> Stored[Project]:
    """Change a project; where nothing differs it stays as it is, with its etag.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, project_id)
    seen.require_etag(etag, resource=repo.resource(project_id))
    changed = change(seen.value)
    if changed == seen.value:
        return seen
    updated = await repo.update(transaction, access, seen, changed)
    await _record(transaction, access, project_id, _described(seen.value), _described(changed))
    return updated


async def delete_project(
    transaction: Transaction, access: Access, project_id: ProjectId, *, etag: str
) -> None:
    """Delete a project that has nothing.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        FailedPrecondition: It has pictures, profiles or storage locations (RESOURCE_IN_USE).
    """
    resource = repo.resource(project_id)
    seen = await repo.fetch(transaction, access, project_id, lock=True)
    seen.require_etag(etag, resource=resource)
    refuse_in_use(resource, await repo.find_usages(transaction, access, project_id))
    await repo.delete(transaction, access, project_id)
    await _record(transaction, access, project_id, _described(seen.value), {})


def _described(project: Project) -> dict[str, str]:
    return {"short_name": project.short_name, **describe_project(project)}


async def _record(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> None:
    await audit.record(
        transaction,
        team_id=access.team_id,
        resource_type=repo.resource(project_id).type,
        resource_id=project_id,
        project_id=project_id,
        changes=differences(before, after),
    )
