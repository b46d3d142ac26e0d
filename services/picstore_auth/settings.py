"""What the auth service can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, PositiveFloat, SecretStr, field_validator
from pydantic_settings import NoDecode

from picstore_kit.settings import (
    NATSSettings,
    PostgresSettings,
    SealingSettings,
    ServiceSettings,
)

_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")


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
