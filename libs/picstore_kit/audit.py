"""The audit log: what is done is recorded in the transaction that does it.

`record` adds an event to the `audit_outbox` of the schema; a relay hands it to auth, which keeps
the log. What was refused is recorded in a transaction of its own, since that of the call is undone.
Who did it and from where is taken from the call that is being served.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore.auth.v1 import audit_pb2
from picstore_kit.changes import FieldChange
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import AuditEventId, ProjectId, TeamId, new_id
from picstore_kit.log import current_request_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Principal, current_principal
from picstore_kit.rpc.origin import current_origin

DDL: Final = """
CREATE TABLE audit_outbox (
    id         text COLLATE "C" PRIMARY KEY,
    event      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE audit_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY add ON audit_outbox FOR INSERT WITH CHECK (true);
CREATE POLICY relay ON audit_outbox USING (current_setting('picstore.system', true) = 'on');
"""
"""Makes the table; a migration of every schema that records contains it word for word."""

MAX_VALUE: Final = 16_384
"""Characters of a field's old or new value that are kept."""

log = structlog.get_logger(__name__)


async def record(
    conn: AsyncConnection[TupleRow],
    *,
    team_id: TeamId,
    resource_type: str,
    resource_id: str,
    project_id: ProjectId | None = None,
    changes: Iterable[FieldChange] = (),
) -> None:
    """Have the audit log say that this was done, if and when the transaction of `conn` commits.

    `changes` never hold secrets: leave such a field out, or say only that it changed.
    """
    event = _event(team_id, current_principal())
    event.resource_type = resource_type
    event.resource_id = resource_id
    event.project_id = project_id or ""
    event.outcome = audit_pb2.AuditEvent.OUTCOME_DONE
    for change in changes:
        event.changes.add(
            field=change.field,
            old_value=_clip(change.old, MAX_VALUE),
            new_value=_clip(change.new, MAX_VALUE),
        )
    await add(conn, [event])


async def record_denied(
    database: Database,
    *,
    team_id: TeamId | None,
    reason: Reason,
    resource_type: str = "",
    resource_id: str = "",
) -> None:
    """Have the audit log say that this was refused to whoever calls, such as a login that failed.

    For refusals that a use-case knows of; those of callers without a permission are recorded by
    the server. `team_id` is None where nobody's team is known. It never fails: the caller is
    refused anyway, and what could not be recorded is in the log.
    """
    event = denied_event(
        current_principal(),
        team_id=team_id,
        reason=reason,
        resource_type=resource_type,
        resource_id=resource_id,
    )
    try:
        async with database.system_transaction() as conn:
            await add(conn, [event])
    except PicstoreError as error:
        log.warning("audit.not_recorded", reason=reason, error=error.message)


def denied_event(
    principal: Principal | None,
    *,
    team_id: TeamId | None,
    reason: Reason,
    resource_type: str = "",
    resource_id: str = "",
) -> audit_pb2.AuditEvent:
    """Describe that something was refused to `principal` in the current call."""
    event = _event(team_id, principal)
    event.resource_type = resource_type
    event.resource_id = resource_id
    event.outcome = audit_pb2.AuditEvent.OUTCOME_DENIED
    event.reason = reason
    return event


async def add(conn: AsyncConnection[TupleRow], events: Sequence[audit_pb2.AuditEvent]) -> None:
    """Add events to the outbox of the schema of `conn`."""
    await conn.execute(
        "INSERT INTO audit_outbox (id, event) SELECT * FROM unnest(%s::text[], %s::bytea[])",
        ([event.id for event in events], [event.SerializeToString() for event in events]),
    )


def _event(team_id: TeamId | None, principal: Principal | None) -> audit_pb2.AuditEvent:
    origin = current_origin()
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    event = audit_pb2.AuditEvent(
        id=new_id(AuditEventId),
        event_time=now,
        team_id=team_id or "",
        client_address=origin.client_address,
        user_agent=origin.user_agent,
        request_id=current_request_id() or "",
        method=origin.method,
    )
    if principal is not None:
        event.user_id = principal.user_id or ""
        event.credential_id = principal.key_id or principal.session_id or ""
        event.service = principal.service or ""
    return event


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
