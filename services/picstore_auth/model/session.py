"""Sessions: people who have logged in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from picstore_kit.ids import SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What somebody wants to log in with."""

    team: str
    """Short name; empty if it is to be found by address and password."""
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody's login on one device."""

    id: SessionId
    user_id: UserId
    client_address: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetimes:
    """How long sessions live."""

    idle: timedelta
    """Without being used."""
    absolute: timedelta
    """However much they are used."""
