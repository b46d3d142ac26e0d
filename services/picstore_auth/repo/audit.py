"""The audit log. Rows are added and read, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from picstore_auth.model.audit import AuditEvent, AuditFilter, Outcome
from picstore_auth.model.caller import Caller
from picstore_auth.model.grant import Permission
from picstore_auth.repo.access import require
from picstore_kit.changes import FieldChange
from picstore_kit.ids import AuditEventId

_INSERT: Final = """
    INSERT INTO audit_events (id, team_id, event_time, user_id, credential_id, service,
                              client_address, user_agent, request_id, method, resource_type,
                              resource_id, project_id, outcome, reason, changes)
    VALUES (%(id)s, %(team_id)s, %(event_time)s, %(user_id)s, %(credential_id)s, %(service)s,
            %(client_address)s, %(user_agent)s, %(request_id)s, %(method)s, %(resource_type)s,
            %(resource_id)s, %(project_id)s, %(outcome)s, %(reason)s, %(changes)s)
    ON CONFLICT (id) DO NOTHING
"""
_PAGE: Final = """
    SELECT id, team_id, event_time, user_id, credential_id, service, client_address, user_agent,
           request_id, method, resource_type, resource_id, project_id, outcome, reason, changes
    FROM audit_events
    WHERE team_id = %(team)s
      AND (%(user)s::text IS NULL OR user_id = %(user)s)
      AND (%(credential)s::text IS NULL OR credential_id = %(credential)s)
      AND (%(method)s::text IS NULL OR method = %(method)s)
      AND (%(method_name)s::text IS NULL OR method_name = %(method_name)s)
      AND (%(resource_type)s::text IS NULL OR resource_type = %(resource_type)s)
      AND (%(resource_id)s::text IS NULL OR resource_id = %(resource_id)s)
      AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
      AND (%(start)s::timestamptz IS NULL OR event_time >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR event_time < %(end)s)
      AND (%(after_id)s::text IS NULL
           OR (event_time, id) < (%(after_time)s::timestamptz, %(after_id)s))
    ORDER BY event_time DESC, id DESC
    LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: AuditEventId
    team_id: str
    event_time: datetime
    user_id: str
    credential_id: str
    service: str
    client_address: str
    user_agent: str
    request_id: str
    method: str
    resource_type: str
    resource_id: str
    project_id: str
    outcome: str
    reason: str
    changes: list[tuple[str, str, str]]

    def event(self) -> AuditEvent:
        return AuditEvent(
            id=self.id,
            team_id=self.team_id,
            event_time=self.event_time,
            user_id=self.user_id,
            credential_id=self.credential_id,
            service=self.service,
            client_address=self.client_address,
            user_agent=self.user_agent,
            request_id=self.request_id,
            method=self.method,
            resource_type=self.resource_type,
            resource_id=self.resource_id,
            project_id=self.project_id,
            outcome=Outcome(self.outcome),
            reason=self.reason,
            changes=tuple(
                FieldChange(field=field, old=old, new=new) for field, old, new in self.changes
            ),
        )


async def insert(conn: AsyncConnection[TupleRow], events: Sequence[AuditEvent]) -> int:
    """Add events, in a system transaction; return how many of them were not there yet."""
    async with conn.cursor() as cursor:
        await cursor.executemany(_INSERT, [_parameters(event) for event in events])
        return cursor.rowcount


async def fetch_page(
    conn: AsyncConnection[TupleRow],
    caller: Caller,
    wanted: AuditFilter,
    *,
    after: tuple[str, ...] | None,
    limit: int,
) -> list[AuditEvent]:
    """Return events of the caller's team, newest first.

    `after` is the time and the id of the last event of the page before.

    Raises:
        PermissionDenied: The caller lacks audit:read.
    """
    require(caller, Permission.AUDIT_READ)
    after_time, after_id = after or (None, None)
    of_service = wanted.method is not None and "/" in wanted.method
    name = wanted.method.rpartition("/")[2] if wanted.method is not None else None
    async with conn.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            _PAGE,
            {
                "team": caller.team_id,
                "user": wanted.user_id,
                "credential": wanted.credential_id,
                "method": wanted.method if of_service else None,
                "method_name": name,
                "resource_type": wanted.resource_type,
                "resource_id": wanted.resource_id,
                "outcome": wanted.outcome,
                "start": wanted.start,
                "end": wanted.end,
                "after_time": after_time,
                "after_id": after_id,
                "limit": limit,
            },
            # Planned for the filters at hand: a plan for any of them would use no index but time's.
            prepare=False,
        )
        return [row.event() for row in await cursor.fetchall()]


def _parameters(event: AuditEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "team_id": event.team_id,
        "event_time": event.event_time,
        "user_id": event.user_id,
        "credential_id": event.credential_id,
        "service": event.service,
        "client_address": event.client_address,
        "user_agent": event.user_agent,
        "request_id": event.request_id,
        "method": event.method,
        "resource_type": event.resource_type,
        "resource_id": event.resource_id,
        "project_id": event.project_id,
        "outcome": event.outcome,
        "reason": event.reason,
        "changes": Jsonb([(change.field, change.old, change.new) for change in event.changes]),
    }
