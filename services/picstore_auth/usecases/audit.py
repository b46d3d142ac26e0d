"""The audit log."""

from __future__ import annotations

from collections.abc import Sequence

from picstore_auth.model.audit import AuditEvent, AuditFilter
from picstore_auth.model.caller import Caller
from picstore_auth.repo import audit
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager


class Audit:
    """Keeps the log of all services, and shows each team its own part of it."""

    def __init__(self, database: Database, pager: Pager) -> None:
        self._database = database
        self._pager = pager

    async def record_events(self, events: Sequence[AuditEvent]) -> int:
        """Add events; return how many of them were not there yet."""
        async with self._database.system_transaction() as conn:
            return await audit.insert(conn, events)

    async def list_events(
        self, caller: Caller, wanted: AuditFilter, *, page_size: int, page_token: str
    ) -> Page[AuditEvent]:
        """List what happened in the caller's team, newest first.

        Raises:
            PermissionDenied: The caller lacks audit:read.
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(
            page_size=page_size,
            page_token=page_token,
            scope=("audit_events", caller.team_id, *_scope_of(wanted)),
        )
        async with self._database.transaction(team=caller.team_id) as conn:
            events = await audit.fetch_page(
                conn, caller, wanted, after=page.after, limit=page.limit
            )
        return self._pager.close(
            page, events, cursor=lambda event: (event.event_time.isoformat(), event.id)
        )


def _scope_of(wanted: AuditFilter) -> list[str]:
    return [
        wanted.user_id or "",
        wanted.credential_id or "",
        wanted.method or "",
        wanted.resource_type or "",
        wanted.resource_id or "",
        wanted.outcome or "",
        wanted.start.isoformat() if wanted.start else "",
        wanted.end.isoformat() if wanted.end else "",
    ]
