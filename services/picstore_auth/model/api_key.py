"""API keys of a team."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from picstore_auth.model.grant import Grants
from picstore_kit.ids import KeyId, UploadProfileId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of an API key."""

    id: KeyId
    user_id: UserId
    display_name: str
    inherit: bool
    grants: Grants
    default_upload_profile_id: UploadProfileId | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """An API key to make."""

    user_id: UserId
    display_name: str = ""
    inherit: bool = False
    grants: Grants = ()
    default_upload_profile_id: UploadProfileId | None = None
    expires_at: datetime | None = None
