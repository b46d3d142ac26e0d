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
from picstore_catalog.model.overlay_template import OverlayTemplate
from picstore_catalog.model.permission import Permission
from picstore_catalog.servicer.revisioned import RevisionedCalls
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.overlay_templates import OVERLAY_TEMPLATES
from picstore_kit.ids import OverlayTemplateId
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.call import Context
from picstore_kit.violations import Violations


class OverlayTemplateServicer(overlay_template_pb2_grpc.OverlayTemplateServiceServicer):
    """Administers overlay templates."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._calls = RevisionedCalls(
            work=work,
            pager=pager,
            objects=OVERLAY_TEMPLATES,
            id_kind=OverlayTemplateId,
            field="overlay_template",
            write=Permission.OVERLAY_TEMPLATE_WRITE,
        )

    async def CreateOverlayTemplate(
        self, request: overlay_template_pb2.CreateOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        message = request.overlay_template

        def read(template_id: OverlayTemplateId, violations: Violations) -> OverlayTemplate:
            return new_overlay_template(message, template_id, violations)

        return await self._calls.create(
            request,
            read,
            answer=overlay_template_pb2.OverlayTemplate,
            message=overlay_template_message,
        )

    async def GetOverlayTemplate(
        self, request: overlay_template_pb2.GetOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        return overlay_template_message(
            await self._calls.fetch(request.overlay_template_id, request.revision)
        )

    async def ListOverlayTemplates(
        self, request: overlay_template_pb2.ListOverlayTemplatesRequest, context: Context
    ) -> overlay_template_pb2.ListOverlayTemplatesResponse:
        """See the contract."""
        page = await self._calls.find_page(request)
        return overlay_template_pb2.ListOverlayTemplatesResponse(
            overlay_templates=[overlay_template_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateOverlayTemplate(
        self, request: overlay_template_pb2.UpdateOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        message, mask = request.overlay_template, request.update_mask
        return overlay_template_message(
            await self._calls.update(
                message,
                lambda violations: overlay_template_change(message, mask, violations),
            )
        )

    async def DeleteOverlayTemplate(
        self, request: overlay_template_pb2.DeleteOverlayTemplateRequest, context: Context
    ) -> Empty:
        """See the contract."""
        await self._calls.delete(request.overlay_template_id, etag=request.etag)
        return Empty()

    async def ListOverlayTemplateRevisions(
        self,
        request: overlay_template_pb2.ListOverlayTemplateRevisionsRequest,
        context: Context,
    ) -> overlay_template_pb2.ListOverlayTemplateRevisionsResponse:
        """See the contract."""
        page = await self._calls.find_revisions_page(request.overlay_template_id, request)
        return overlay_template_pb2.ListOverlayTemplateRevisionsResponse(
            revisions=[revision_message(revision) for revision in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RollbackOverlayTemplate(
        self, request: overlay_template_pb2.RollbackOverlayTemplateRequest, context: Context
    ) -> overlay_template_pb2.OverlayTemplate:
        """See the contract."""
        return overlay_template_message(
            await self._calls.roll_back(
                request.overlay_template_id, request.revision, etag=request.etag
            )
        )
