"""What the audit log holds, and what of it somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from picstore_kit.changes import FieldChange
from picstore_kit.ids import AuditEventId, UserId


class Outcome(StrEnum):
    """How something ended."""

    DONE = "DONE"
    DENIED = "DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that was done or denied; what does not apply is empty.

    The ids are text: the objects may be another service's, and may be gone.
    """

    id: AuditEventId
    event_time: datetime
    team_id: str
    """Empty where nobody's team is known; then no team sees the event."""
    user_id: str
    credential_id: str
    """The API key or the session."""
    service: str
    client_address: str
    user_agent: str
    request_id: str
    method: str
    """`package.Service/Method`."""
    resource_type: str
    resource_id: str
    project_id: str
    outcome: Outcome
    reason: str
    """Why it was denied; empty for what was done."""
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which events are wanted; None does not narrow."""

    user_id: UserId | None = None
    credential_id: str | None = None
    method: str | None = None
    """A method's own name, or `package.Service/Method`."""
    resource_type: str | None = None
    resource_id: str | None = None
    outcome: Outcome | None = None
    start: datetime | None = None
    """Events of this time or later."""
    end: datetime | None = None
    """Events before this time."""
