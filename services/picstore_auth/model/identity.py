"""Whose a credential is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from picstore_auth.model.grant import Grants
from picstore_kit.ids import KeyId, SessionId, TeamId, UploadProfileId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose an API key or a session is, and what it allows at this moment."""

    team_id: TeamId
    user_id: UserId
    key_id: KeyId | None = None
    session_id: SessionId | None = None
    grants: Grants
    default_upload_profile_id: UploadProfileId | None
    expires_at: datetime | None
