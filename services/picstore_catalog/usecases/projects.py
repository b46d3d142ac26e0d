"""Making and changing projects."""

from __future__ import annotations

from collections.abc import Callable

from picstore_catalog.model.project import Project
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import project as repo
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import Transaction
from picstore_kit.ids import ProjectId


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
    return await repo.update(transaction, access, seen, changed)
