"""Audit events, and filters of them."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Final

from picstore.auth.v1 import audit_pb2
from picstore_auth.mapping.timestamp import optional_time_from, timestamp_message
from picstore_auth.model.audit import AuditEvent, AuditFilter, Outcome
from picstore_kit.changes import FieldChange
from picstore_kit.ids import AuditEventId, KeyId, SessionId, UserId, prefix_of
from picstore_kit.violations import Violations, all_at_once

MAX_EVENTS: Final = 500
"""Events of one request."""

_OUTCOMES: Final = {
    audit_pb2.AuditEvent.OUTCOME_DONE: Outcome.DONE,
    audit_pb2.AuditEvent.OUTCOME_DENIED: Outcome.DENIED,
}
_OUTCOME_NUMBERS: Final = {outcome: number for number, outcome in _OUTCOMES.items()}

_METHOD: Final = re.compile(r"(?:[a-z][A-Za-z0-9_.]{0,150}/)?[A-Z][A-Za-z0-9]{0,99}")
_RESOURCE_TYPE: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,49}")
_ANY_ID: Final = re.compile(r"[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}")


def audit_filter_from(request: audit_pb2.ListAuditEventsRequest) -> AuditFilter:
    """Read which events are asked for.

    An id need not be anybody's: what is deleted still has a history.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        return AuditFilter(
            user_id=violations.optional_id(UserId, request.user_id, "user_id"),
            credential_id=_credential_from(request.credential_id, violations),
            method=_matching(
                request.method,
                _METHOD,
                "method",
                "must be a method such as UpdateProject, or with its service"
                " as in picstore.catalog.v1.ProjectService/UpdateProject",
                violations,
            ),
            resource_type=_matching(
                request.resource_type,
                _RESOURCE_TYPE,
                "resource_type",
                "must be a kind of object such as Project",
                violations,
            ),
            resource_id=_matching(
                request.resource_id.lower(),
                _ANY_ID,
                "resource_id",
                "must be an id such as prj_…",
                violations,
            ),
            outcome=_outcome_from(request.outcome, violations),
            start=optional_time_from(request, "start_time", "start_time", violations),
            end=optional_time_from(request, "end_time", "end_time", violations),
        )


def audit_events_from(request: audit_pb2.RecordAuditEventsRequest) -> list[AuditEvent]:
    """Read what another service hands over.

    Raises:
        InvalidFields: Fields are wrong.
    """
    with all_at_once() as violations:
        if len(request.audit_events) > MAX_EVENTS:
            violations.add("audit_events", f"must be at most {MAX_EVENTS}")
        for index, message in enumerate(request.audit_events):
            path = f"audit_events[{index}]"
            violations.id(AuditEventId, message.id, f"{path}.id")
            if not message.HasField("event_time"):
                violations.add(f"{path}.event_time", "is required")
            optional_time_from(message, "event_time", f"{path}.event_time", violations)
            if message.outcome not in _OUTCOMES:
                violations.add(f"{path}.outcome", "must be DONE or DENIED")
            elif bool(message.reason) != (_OUTCOMES[message.outcome] is Outcome.DENIED):
                violations.add(f"{path}.reason", "is for what was denied, and only for that")
    return [audit_event_from(message) for message in request.audit_events]


def audit_event_from(message: audit_pb2.AuditEvent) -> AuditEvent:
    """Read an event that is whole, such as one of our own outbox."""
    return AuditEvent(
        id=AuditEventId(message.id),
        event_time=message.event_time.ToDatetime(UTC),
        team_id=message.team_id,
        user_id=message.user_id,
        credential_id=message.credential_id,
        service=message.service,
        client_address=message.client_address,
        user_agent=message.user_agent,
        request_id=message.request_id,
        method=message.method,
        resource_type=message.resource_type,
        resource_id=message.resource_id,
        project_id=message.project_id,
        outcome=_OUTCOMES[message.outcome],
        reason=message.reason,
        changes=tuple(
            FieldChange(field=change.field, old=change.old_value, new=change.new_value)
            for change in message.changes
        ),
    )


def audit_event_message(event: AuditEvent) -> audit_pb2.AuditEvent:
    """Write an event."""
    return audit_pb2.AuditEvent(
        id=event.id,
        event_time=timestamp_message(event.event_time),
        team_id=event.team_id,
        user_id=event.user_id,
        credential_id=event.credential_id,
        service=event.service,
        client_address=event.client_address,
        user_agent=event.user_agent,
        request_id=event.request_id,
        method=event.method,
        resource_type=event.resource_type,
        resource_id=event.resource_id,
        project_id=event.project_id,
        outcome=_OUTCOME_NUMBERS[event.outcome],
        reason=event.reason,
        changes=[
            audit_pb2.AuditChange(field=change.field, old_value=change.old, new_value=change.new)
            for change in event.changes
        ],
    )


def _credential_from(text: str, violations: Violations) -> str | None:
    session = text.lower().startswith(f"{prefix_of(SessionId)}_")
    return violations.optional_id(SessionId if session else KeyId, text, "credential_id")


def _outcome_from(
    number: audit_pb2.AuditEvent.Outcome.ValueType, violations: Violations
) -> Outcome | None:
    if number != audit_pb2.AuditEvent.OUTCOME_UNSPECIFIED and number not in _OUTCOMES:
        violations.add("outcome", "must be DONE or DENIED")
    return _OUTCOMES.get(number)


def _matching(
    text: str, pattern: re.Pattern[str], field: str, fault: str, violations: Violations
) -> str | None:
    if text and not pattern.fullmatch(text):
        violations.add(field, fault)
    return text or None
