"""Making, changing and deleting overlay templates, and going back to what one was before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from picstore_catalog.model.overlay_template import (
    OverlayTemplate,
    OverlayTemplateRevision,
    describe_overlay_template,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import overlay_template as repo
from picstore_catalog.repo import project as projects
from picstore_catalog.uow import Transaction
from picstore_kit import audit
from picstore_kit.changes import differences
from picstore_kit.ids import OverlayTemplateId
from picstore_kit.pg.access import Access


async def create_overlay_template(
    transaction: Transaction, access: Access, template: OverlayTemplate
) -> Stored[OverlayTemplate]:
    """Make a template with its first revision, for one project or for all of the team's.

    Raises:
        NotFound, PermissionDenied: The caller may not, in this project.
        AlreadyExists: The short name is taken.
    """
    if template.project_id is not None:
        await projects.fetch(transaction, access, template.project_id)
    made = await repo.insert(transaction, access, template)
    await _record(transaction, access, made.value, {}, describe_overlay_template(made.value))
    return made


async def update_overlay_template(
    transaction: Transaction,
    access: Access,
    template_id: OverlayTemplateId,
    change: Callable[[OverlayTemplate], OverlayTemplate],
    *,
    etag: str,
) -> Stored[OverlayTemplate]:
    """Change a template; what it draws, if that differs, becomes the next revision.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, template_id)
    seen.require_etag(etag, resource=repo.resource(template_id))
    return await _change(transaction, access, seen, change(seen.value))


async def roll_back_overlay_template(
    transaction: Transaction,
    access: Access,
    template_id: OverlayTemplateId,
    revision: int,
    *,
    etag: str,
) -> Stored[OverlayTemplate]:
    """Make what an earlier revision draws the next one; where it is current, nothing changes.

    Raises:
        NotFound, PermissionDenied: The caller may not, or there is no such revision.
        Aborted: The template has changed since the caller saw it (ETAG_MISMATCH).
    """
    seen = await repo.fetch(transaction, access, template_id)
    seen.require_etag(etag, resource=repo.resource(template_id))
    earlier = await repo.fetch(transaction, access, template_id, revision=revision)
    wanted = replace(seen.value, overlay=earlier.value.overlay)
    return await _change(transaction, access, seen, wanted)


async def delete_overlay_template(
    transaction: Transaction, access: Access, template_id: OverlayTemplateId, *, etag: str
) -> None:
    """Delete a template with all of its revisions; what was derived by it stays.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
    """
    resource = repo.resource(template_id)
    seen = await repo.fetch(transaction, access, template_id, lock=True)
    seen.require_etag(etag, resource=resource)
    await repo.delete(transaction, access, template_id)
    await _record(transaction, access, seen.value, describe_overlay_template(seen.value), {})


async def list_revisions(
    transaction: Transaction,
    access: Access,
    template_id: OverlayTemplateId,
    *,
    before: int | None,
    limit: int,
) -> list[OverlayTemplateRevision]:
    """Return a template's revisions, newest first, from below `before`.

    Raises:
        NotFound, PermissionDenied: The caller may not see the template.
    """
    await repo.fetch(transaction, access, template_id)
    return await repo.find_revisions(transaction, access, template_id, before=before, limit=limit)


async def _change(
    transaction: Transaction,
    access: Access,
    seen: Stored[OverlayTemplate],
    wanted: OverlayTemplate,
) -> Stored[OverlayTemplate]:
    if wanted == seen.value:
        return seen
    updated = await repo.update(transaction, access, seen, wanted)
    await _record(
        transaction,
        access,
        updated.value,
        describe_overlay_template(seen.value),
        describe_overlay_template(updated.value),
    )
    return updated


async def _record(
    transaction: Transaction,
    access: Access,
    template: OverlayTemplate,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> None:
    await audit.record(
        transaction,
        team_id=access.team_id,
        resource_type=repo.resource(template.id).type,
        resource_id=template.id,
        project_id=template.project_id,
        changes=differences(before, after),
    )
