"""The audit log as auth's own relay reaches it: without a call to itself."""

from __future__ import annotations

from collections.abc import Sequence

from picstore.auth.v1 import audit_pb2
from picstore_auth.mapping.audit import audit_event_from
from picstore_auth.usecases.audit import Audit


class LocalAuditLog:
    """Adds the events of auth's own outbox."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def keep(self, events: Sequence[audit_pb2.AuditEvent]) -> None:
        """Return once they are stored.

        Raises:
            PicstoreError: They are not, or nobody knows.
        """
        await self._audit.record_events([audit_event_from(event) for event in events])
