"""API keys of a team."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from picstore_auth.model.grant import Grants
from picstore_kit.ids import KeyId, UploadProfileId, UserId

MAX_OVERLAP: Final = timedelta(days=30)
"""How long a replaced key may be accepted beside its successor."""


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
    revision: int
    created_at: datetime
    updated_at: datetime

    def as_new(self) -> NewKey:
        """Return what would make another key like this one."""
        return NewKey(
            user_id=self.user_id,
            display_name=self.display_name,
            inherit=self.inherit,
            grants=self.grants,
            default_upload_profile_id=self.default_upload_profile_id,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """An API key to make."""

    user_id: UserId
    display_name: str = ""
    inherit: bool = False
    grants: Grants = ()
    default_upload_profile_id: UploadProfileId | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUpdate:
    """What to change of an API key: the fields that are named, to the values that are given."""

    key_id: KeyId
    etag: str = ""
    """The etag that the key must have; empty for any."""
    fields: frozenset[str] = frozenset()
    """As the contract calls them."""
    display_name: str = ""
    inherit: bool = False
    grants: Grants = ()
    default_upload_profile_id: UploadProfileId | None = None
    expires_at: datetime | None = None

    def applied_to(self, key: Key) -> Key:
        """Return the key as it would be."""
        changed = self.fields
        return replace(
            key,
            display_name=self.display_name if "display_name" in changed else key.display_name,
            inherit=self.inherit if "inherit" in changed else key.inherit,
            grants=self.grants if "grants" in changed else key.grants,
            default_upload_profile_id=(
                self.default_upload_profile_id
                if "default_upload_profile_id" in changed
                else key.default_upload_profile_id
            ),
            expires_at=self.expires_at if "expire_time" in changed else key.expires_at,
        )
