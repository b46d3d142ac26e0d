"""AuditService."""

from __future__ import annotations

from picstore.auth.v1 import audit_pb2, audit_pb2_grpc
from picstore_auth.mapping.audit import (
    audit_event_message,
    audit_events_from,
    audit_filter_from,
)
from picstore_auth.servicer.calling import calling
from picstore_auth.usecases.audit import Audit
from picstore_kit.rpc.call import Context


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """Serves `AuditService`."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ListAuditEvents(
        self, request: audit_pb2.ListAuditEventsRequest, context: Context
    ) -> audit_pb2.ListAuditEventsResponse:
        """List what happened."""
        page = await self._audit.list_events(
            calling(),
            audit_filter_from(request),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return audit_pb2.ListAuditEventsResponse(
            audit_events=[audit_event_message(event) for event in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RecordAuditEvents(
        self, request: audit_pb2.RecordAuditEventsRequest, context: Context
    ) -> audit_pb2.RecordAuditEventsResponse:
        """Add what happened elsewhere."""
        recorded = await self._audit.record_events(audit_events_from(request))
        return audit_pb2.RecordAuditEventsResponse(recorded=recorded)
