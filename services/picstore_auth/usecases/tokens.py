"""Tokens by which services know each other."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from picstore_auth.clock import Clock, utc_now
from picstore_auth.usecases.signing import SigningKeys
from picstore_kit.errors import Reason, Unauthenticated
from picstore_kit.rpc.tokens import mint_service_token


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A service token and when it stops being good."""

    token: str = field(repr=False)
    expires_at: datetime


class Tokens:
    """Exchanges the secrets of services for short-lived tokens."""

    def __init__(
        self,
        signing_keys: SigningKeys,
        *,
        secret_digests: Mapping[str, bytes],
        clock: Clock = utc_now,
    ) -> None:
        """`secret_digests` holds the SHA-256 of every service's secret by its name."""
        self._signing_keys = signing_keys
        self._secret_digests = secret_digests
        self._clock = clock

    async def issue_service_token(self, name: str, secret: str) -> IssuedToken:
        """Issue a token that says its bearer is the service `name`.

        Raises:
            Unauthenticated: The name is unknown or the secret wrong; which, is not told.
        """
        presented = hashlib.sha256(secret.encode()).digest()
        expected = self._secret_digests.get(name)
        # Compared even when the name is unknown, so that the time taken does not tell names.
        matches = hmac.compare_digest(presented, expected or bytes(len(presented)))
        if expected is None or not matches:
            raise Unauthenticated(
                Reason.CREDENTIAL_INVALID, "there is no service of that name with that secret"
            )
        signer = await self._signing_keys.signer()
        token, expires = mint_service_token(
            name,
            key_id=signer.key_id,
            private_key=signer.private_key,
            now=self._clock().timestamp(),
        )
        return IssuedToken(token=token, expires_at=datetime.fromtimestamp(expires, UTC))
