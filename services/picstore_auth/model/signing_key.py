"""The keys that service tokens are verified with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key that service tokens are verified with."""

    id: str
    public_key: bytes
    created_at: datetime
    expires_at: datetime
