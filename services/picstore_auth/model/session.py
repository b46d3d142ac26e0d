"""Sessions: people who have logged in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from picstore_kit.ids import SessionId, UserId

MAX_USER_AGENT: Final = 300
"""Characters that are kept of a `User-Agent`."""


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
