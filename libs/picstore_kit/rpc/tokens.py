"""Service tokens: by which the processes of one installation know each other.

A token is a JWT that auth signs with Ed25519, good for five minutes. Whoever gets one verifies it
locally with auth's public keys, so auth is not on the path of every call.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.utils import base64url_decode

from picstore.auth.v1 import authentication_pb2, authentication_pb2_grpc
from picstore_kit.errors import PicstoreError, Reason, Unauthenticated, Unavailable
from picstore_kit.settings import ServiceIdentitySettings

log = structlog.get_logger(__name__)

ISSUER: Final = "picstore-auth"
AUDIENCE: Final = "picstore"
ALGORITHM: Final = "EdDSA"
LIFETIME_S: Final = 300
"""Seconds that a token is good for, and the most that a verifier accepts."""

_LEEWAY_S: Final = 60
"""Seconds that two machines' clocks may differ."""
_MAX_BYTES: Final = 8 * 1024
_RENEW_BEFORE_S: Final = 60
_KEYS_FRESH_S: Final = 300
_REFETCH_AFTER_S: Final = 5
"""Seconds between two fetches at least: anybody can send tokens with key ids that nobody knows."""
_REQUIRED_CLAIMS: Final = ["iss", "aud", "sub", "iat", "exp", "jti"]
_HEADER: Final = frozenset({"alg", "typ", "kid"})
"""All that a header says. Others, such as `jwk`, `jku`, `x5u` or `crit`, would only tell us how to
verify the token, and that is not for the token to tell."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key of auth."""

    key_id: str
    public_key: Ed25519PublicKey
    expires_at: float | None = None
    """Unix time after which tokens that it signed are refused."""


class VerificationKeys(Protocol):
    """Where the public keys come from."""

    async def fetch(self) -> Sequence[VerificationKey]:
        """Return all current keys.

        Raises:
            PicstoreError: They cannot be had now.
        """


class RemoteVerificationKeys:
    """Asks auth for its public keys."""

    def __init__(self, stub: authentication_pb2_grpc.TokenServiceAsyncStub) -> None:
        self._stub = stub

    async def fetch(self) -> Sequence[VerificationKey]:
        """Call `ListSigningKeys`."""
        response = await self._stub.ListSigningKeys(authentication_pb2.ListSigningKeysRequest())
        return [
            VerificationKey(
                key_id=key.key_id,
                public_key=Ed25519PublicKey.from_public_bytes(key.public_key),
                expires_at=key.expire_time.ToSeconds() if key.HasField("expire_time") else None,
            )
            for key in response.keys
        ]


def mint_service_token(
    service: str, *, key_id: str, private_key: Ed25519PrivateKey, now: float | None = None
) -> tuple[str, int]:
    """Sign a token for `service`; return it and the Unix time at which it expires."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": service,
        "iat": issued,
        "exp": issued + LIFETIME_S,
        "jti": uuid.uuid4().hex,
    }
    token = jwt.encode(claims, private_key, algorithm=ALGORITHM, headers={"kid": key_id})
    return token, issued + LIFETIME_S


def looks_like_service_token(credential: str) -> bool:
    """Whether `credential` has the form of a JWT, which no API key has."""
    return credential.startswith("eyJ") and credential.count(".") == 2


class ServiceTokenVerifier:
    """Accepts tokens that auth signed, is good to name, and that are neither old nor long."""

    def __init__(self, keys: VerificationKeys, *, clock: Clock = time.monotonic) -> None:
        self._source = keys
        self._clock = clock
        self._keys: dict[str, VerificationKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def verify(self, token: str) -> str:
        """Return the name of the service that `token` was issued to.

        Raises:
            Unauthenticated: The token is not good.
            Unavailable: The keys were never fetched, and auth does not answer.
        """
        if len(token) > _MAX_BYTES:
            raise _refused("is too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.keys() != _HEADER or header["typ"] != "JWT":
                raise _refused("has another header than ours")
            key = await self._key(header["kid"])
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public_key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=_LEEWAY_S,
                options={"require": _REQUIRED_CLAIMS, "strict_aud": True},
            )
            _refuse_repeated_claims(token)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(
                Reason.CREDENTIAL_EXPIRED, "the service token has expired"
            ) from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise _refused("is not valid") from error
        if claims["exp"] - claims["iat"] > LIFETIME_S:
            raise _refused("is valid for too long")
        service: str = claims["sub"]
        return service

    async def _key(self, key_id: str) -> VerificationKey:
        if not self._is_fresh(key_id):
            async with self._lock:
                if not self._is_fresh(key_id) and self._may_fetch():
                    await self._fetch()
        key = self._keys.get(key_id)
        if key is None and self._fetched_at is None:
            raise Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, "the keys of the auth service cannot be had"
            )
        if key is None or (key.expires_at is not None and key.expires_at < time.time()):
            raise _refused("is signed by a key that is not in use")
        return key

    def _is_fresh(self, key_id: str) -> bool:
        return (
            key_id in self._keys
            and self._fetched_at is not None
            and self._clock() - self._fetched_at < _KEYS_FRESH_S
        )

    def _may_fetch(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= _REFETCH_AFTER_S

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            keys = await self._source.fetch()
        except PicstoreError as error:
            # The keys at hand stay good until they expire; a verifier must outlive auth's restart.
            log.warning("service_token.keys_unavailable", reason=error.reason)
            return
        self._keys = {key.key_id: key for key in keys}
        self._fetched_at = self._clock()


class ServiceTokenSource:
    """Keeps a valid token of this service at hand, exchanging its secret for a new one in time."""

    def __init__(
        self,
        stub: authentication_pb2_grpc.TokenServiceAsyncStub,
        identity: ServiceIdentitySettings,
        *,
        now: Clock = time.time,
    ) -> None:
        self._stub = stub
        self._identity = identity
        self._now = now
        self._token = ""
        self._expires_at = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good for another while.

        Raises:
            Unavailable: There is none, and auth does not hand out another.
        """
        if self._remaining() <= _RENEW_BEFORE_S:
            async with self._lock:
                if self._remaining() <= _RENEW_BEFORE_S:
                    await self._renew()
        return self._token

    def _remaining(self) -> float:
        return self._expires_at - self._now()

    async def _renew(self) -> None:
        request = authentication_pb2.IssueServiceTokenRequest(
            name=self._identity.name, secret=self._identity.secret.get_secret_value()
        )
        try:
            issued = await self._stub.IssueServiceToken(request)
        except PicstoreError as error:
            if self._remaining() > 0:
                log.warning("service_token.renewal_failed", reason=error.reason)
                return
            # Not passed on as it is: the caller's own credential is not what auth refused.
            log.error("service_token.refused", reason=error.reason, name=self._identity.name)
            raise Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, "the service cannot identify itself to the others"
            ) from error
        self._token = issued.token
        self._expires_at = issued.expire_time.ToSeconds()


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(Reason.CREDENTIAL_INVALID, f"the service token {why}")


def _refuse_repeated_claims(token: str) -> None:
    """Refuse what two parsers could read differently; `json` itself takes the last of a name."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        claims = dict(pairs)
        if len(claims) != len(pairs):
            raise _refused("repeats a claim")
        return claims

    for part in token.split(".")[:2]:
        json.loads(base64url_decode(part), object_pairs_hook=unique)
