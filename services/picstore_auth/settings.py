"""What the auth service can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Self

from limits import parse
from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from picstore_kit.settings import (
    NATSSettings,
    PostgresSettings,
    SealingSettings,
    ServiceSettings,
    SettingsGroup,
    TargetsSettings,
)

_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")


class PasswordSettings(SettingsGroup):
    """Argon2id; the defaults are RFC 9106's second recommended ones."""

    time_cost: PositiveInt = 3
    """Passes over the memory."""
    memory_kib: Annotated[int, Field(ge=8)] = 65_536
    """Memory of one hash, in KiB."""
    parallelism: PositiveInt = 4
    """Lanes."""

    @model_validator(mode="after")
    def _memory_for_every_lane(self) -> Self:
        if self.memory_kib < 8 * self.parallelism:
            raise ValueError("memory_kib must be at least 8 times parallelism (RFC 9106, 3.1)")
        return self


class SessionSettings(SettingsGroup):
    """How long people stay logged in."""

    idle_days: PositiveFloat = 14
    """Days after which a session that nobody uses ends."""
    absolute_days: PositiveFloat = 30
    """Days after which every session ends."""

    @property
    def idle(self) -> timedelta:
        """How long a session lives without being used."""
        return timedelta(days=self.idle_days)

    @property
    def absolute(self) -> timedelta:
        """How long a session lives however much it is used."""
        return timedelta(days=self.absolute_days)


class RateLimitSettings(SettingsGroup):
    """How often somebody may fail, in the words of the `limits` library: `10 per 15 minutes`.

    Each replica of auth counts for itself. An IPv6 address is counted by its first 64 bits.
    """

    login_account: str = "10 per 15 minutes"
    """Failed logins of one user, after which the user is let in only from network addresses that
    the user has logged in from before."""
    login_address: str = "50 per 15 minutes"
    """Failed logins from one network address, after which nobody is let in from it."""
    credential_id: str = "20 per 1 minute"
    """Wrong secrets of one API key or session; the right one is accepted all the same."""
    credential_address: str = "100 per 1 minute"
    """Bad credentials from one network address; good ones are accepted all the same."""
    invitation_address: str = "20 per 15 minutes"
    """Bad invitations from one network address; good ones are accepted all the same."""

    @field_validator("*")
    @classmethod
    def _can_be_read(cls, limit: str) -> str:
        parse(limit)
        return limit


class AuthSettings(ServiceSettings):
    """Settings of the auth service."""

    postgres: PostgresSettings
    """The database; the login role is picstore_auth."""
    nats: NATSSettings = NATSSettings()
    """The bus, for telling others that keys were revoked."""
    sealing: SealingSettings
    """Keys under which the private signing keys are stored."""
    service_secrets: Annotated[Mapping[str, SecretStr], NoDecode]
    """JSON object of a service's name to the hex SHA-256 of its secret."""
    targets: TargetsSettings = TargetsSettings()
    """The catalog is asked whether the projects of grants exist."""
    passwords: PasswordSettings = PasswordSettings()
    """How passwords are hashed."""
    sessions: SessionSettings = SessionSettings()
    """How long people stay logged in."""
    rate_limits: RateLimitSettings = RateLimitSettings()
    """How often somebody may fail."""
    signing_key_days: Annotated[PositiveFloat, Field(le=365)] = 30
    """Days after which another key takes over signing service tokens."""

    @field_validator("service_secrets", mode="before")
    @classmethod
    def _secrets_are_json(cls, secrets: object) -> object:
        if not isinstance(secrets, str):
            return secrets
        try:
            return json.loads(secrets)
        except json.JSONDecodeError:
            raise ValueError("must be a JSON object") from None

    @field_validator("service_secrets")
    @classmethod
    def _secrets_are_digests(cls, secrets: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, digest in secrets.items():
            if not _SHA256_HEX.fullmatch(digest.get_secret_value()):
                raise ValueError(f"{name!r} must have the hex SHA-256 of its secret")
        return secrets

    @property
    def secret_digests(self) -> dict[str, bytes]:
        """The SHA-256 of every service's secret by the service's name."""
        return {
            name: bytes.fromhex(digest.get_secret_value())
            for name, digest in self.service_secrets.items()
        }

    @property
    def rotate_after(self) -> timedelta:
        """Age at which a signing key is replaced."""
        return timedelta(days=self.signing_key_days)
