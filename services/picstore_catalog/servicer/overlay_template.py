"""OverlayTemplateService."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import overlay_template_pb2, overlay_template_pb2_grpc
from picstore_catalog.mapping.overlay_template import (
    new_overlay_template,
    overlay_template_change,
    overlay_template_message,
    revision_message,
)
from picstore_catalog.model.names import short_name_fault
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import overlay_template as repo
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.overlay_templates import (
    create_overlay_template,
    delete_overlay_template,
    list_revisions,
    roll_back_overlay_template,
    update_overlay_template,
)
from picstore_kit.ids import OverlayTemplateId, new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class OverlayTemplateServicer(overlay_template_pb2_grpc.OverlayTemplateServiceServicer):
    """Administers overlay templates."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def CreateOverlayTemplate(
        self, request: overlay_template_pb2.CreateOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        access = Access.of(require_principal(), Permission.OVERLAY_TEMPLATE_WRITE)
        with all_at_once() as violations:
            template = new_overlay_template(
                request.overlay_template, new_id(OverlayTemplateId), violations
            )

        async def create(transaction: Transaction) -> overlay_template_pb2.OverlayTemplate:
            return overlay_template_message(
                await create_overlay_template(transaction, access, template)
            )

        return await self._work.once(
            access,
            method="CreateOverlayTemplate",
            request=request,
            answer=overlay_template_pb2.OverlayTemplate,
            work=create,
        )

    async def GetOverlayTemplate(
        self, request: overlay_template_pb2.GetOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        with all_at_once() as violations:
            template_id = violations.id(
                OverlayTemplateId, request.overlay_template_id, "overlay_template_id"
            )
            violations.add("revision", "must not be negative" if request.revision < 0 else None)
        async with self._work.begin(access.team_id) as transaction:
            return overlay_template_message(
                await repo.fetch(
                    transaction, access, template_id, revision=request.revision or None
                )
            )

    async def ListOverlayTemplates(
        self, request: overlay_template_pb2.ListOverlayTemplatesRequest, context: Context
    ) -> overlay_template_pb2.ListOverlayTemplatesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        access.require_somewhere()
        if request.short_name:
            with all_at_once() as violations:
                violations.add("short_name", short_name_fault(request.short_name))
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListOverlayTemplates", access.team_id, request.short_name),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await repo.find_all(
                transaction,
                access,
                short_name=request.short_name,
                after=OverlayTemplateId(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
        return overlay_template_pb2.ListOverlayTemplatesResponse(
            overlay_templates=[overlay_template_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateOverlayTemplate(
        self, request: overlay_template_pb2.UpdateOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        access = Access.of(require_principal(), Permission.OVERLAY_TEMPLATE_WRITE)
        message = request.overlay_template
        with all_at_once() as violations:
            template_id = violations.id(OverlayTemplateId, message.id, "overlay_template.id")
            change = overlay_template_change(message, request.update_mask, violations)
        async with self._work.begin(access.team_id) as transaction:
            updated = await update_overlay_template(
                transaction, access, template_id, change, etag=message.etag
            )
        return overlay_template_message(updated)

    async def DeleteOverlayTemplate(
        self, request: overlay_template_pb2.DeleteOverlayTemplateRequest, context: Context
    ) -> Empty:
        """See the contract."""
        access = Access.of(require_principal(), Permission.OVERLAY_TEMPLATE_WRITE)
        template_id = parse_id(
            OverlayTemplateId, request.overlay_template_id, field="overlay_template_id"
        )
        async with self._work.begin(access.team_id) as transaction:
            await delete_overlay_template(transaction, access, template_id, etag=request.etag)
        return Empty()

    async def ListOverlayTemplateRevisions(
        self,
        request: overlay_template_pb2.ListOverlayTemplateRevisionsRequest,
        context: Context,
    ) -> overlay_template_pb2.ListOverlayTemplateRevisionsResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        template_id = parse_id(
            OverlayTemplateId, request.overlay_template_id, field="overlay_template_id"
        )
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListOverlayTemplateRevisions", access.team_id, template_id),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await list_revisions(
                transaction,
                access,
                template_id,
                before=int(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda kept: (str(kept.revision),))
        return overlay_template_pb2.ListOverlayTemplateRevisionsResponse(
            revisions=[revision_message(revision) for revision in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RollbackOverlayTemplate(
        self, request: overlay_template_pb2.RollbackOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        access = Access.of(require_principal(), Permission.OVERLAY_TEMPLATE_WRITE)
        with all_at_once() as violations:
            template_id = violations.id(
                OverlayTemplateId, request.overlay_template_id, "overlay_template_id"
            )
            violations.add("revision", "must be 1 or more" if request.revision < 1 else None)
        async with self._work.begin(access.team_id) as transaction:
            current = await roll_back_overlay_template(
                transaction, access, template_id, request.revision, etag=request.etag
            )
        return overlay_template_message(current)
