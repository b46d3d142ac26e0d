"""The audit log of auth, from another service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from picstore.auth.v1 import audit_pb2

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.auth.v1.audit_pb2_grpc import AuditServiceAsyncStub


class RemoteAuditLog:
    """Hands events to `RecordAuditEvents`, which knows those that it has by their ids."""

    def __init__(self, audit: AuditServiceAsyncStub) -> None:
        self._audit = audit

    async def keep(self, events: Sequence[audit_pb2.AuditEvent]) -> None:
        """Return once auth has stored them.

        Raises:
            PicstoreError: It has not, or nobody knows.
        """
        await self._audit.RecordAuditEvents(audit_pb2.RecordAuditEventsRequest(audit_events=events))
