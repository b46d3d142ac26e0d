"""How auth knows its own callers: by its own use-cases, where others ask it over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from picstore_auth.mapping.caller import principal_from
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.signing import SigningKeys
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.credentials import AUTHORIZATION, Metadata
from picstore_kit.rpc.tokens import VerificationKey, mint_service_token


class LocalAuthenticator:
    """Authenticates credentials without a cache: auth sees every revocation at once."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of an API key or a session.

        Raises:
            Unauthenticated: The credential is not good; the reason says why.
            Unavailable: The database does not answer.
        """
        return principal_from(await self._authentication.authenticate(credential))


class LocalServiceCredentials:
    """Auth's own name for calls to other services, signed by itself."""

    def __init__(self, signing_keys: SigningKeys, *, name: str) -> None:
        self._signing_keys = signing_keys
        self._name = name

    async def metadata(self) -> Metadata:
        """Send a fresh token."""
        signer = await self._signing_keys.signer()
        token, _ = mint_service_token(
            self._name, key_id=signer.key_id, private_key=signer.private_key
        )
        return [(AUTHORIZATION, f"Bearer {token}")]


class LocalVerificationKeys:
    """The public keys, straight from the database."""

    def __init__(self, signing_keys: SigningKeys) -> None:
        self._signing_keys = signing_keys

    async def fetch(self) -> Sequence[VerificationKey]:
        """Return all current keys."""
        page = await self._signing_keys.list_signing_keys(page_size=0, page_token="")
        return [
            VerificationKey(
                key_id=key.id,
                public_key=Ed25519PublicKey.from_public_bytes(key.public_key),
                expires_at=key.expires_at.timestamp(),
            )
            for key in page.rows
        ]
