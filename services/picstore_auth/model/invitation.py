"""Invitations: one-time links by which users set their password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from picstore_kit.ids import InvitationId, UserId

DEFAULT_LIFETIME: Final = timedelta(days=7)
MIN_LIFETIME: Final = timedelta(minutes=1)
MAX_LIFETIME: Final = timedelta(days=30)


class InvitationState(Enum):
    """How far an invitation is."""

    OPEN = auto()
    ACCEPTED = auto()
    REVOKED = auto()
    EXPIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation to make."""

    user_id: UserId
    lifetime: timedelta = DEFAULT_LIFETIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link that lets a user set a password once."""

    id: InvitationId
    user_id: UserId
    inviter_id: str
    """Who invited; empty for the operator."""
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> InvitationState:
        """Return how far it is."""
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        return InvitationState.EXPIRED if self.expires_at <= now else InvitationState.OPEN
