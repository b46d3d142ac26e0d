"""Whose a credential is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from picstore_auth.model.grant import Grants
from picstore_kit.ids import KeyId, TeamId, UploadProfileId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose an API key is, and what it allows at this moment."""

    team_id: TeamId
    user_id: UserId
    key_id: KeyId
    grants: Grants
    default_upload_profile_id: UploadProfileId | None
    expires_at: datetime | None
