"""Asks auth who a credential belongs to, and remembers the answer for a moment."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from picstore.auth.v1 import authentication_pb2, authentication_pb2_grpc
from picstore_kit.errors import Reason, ResourceExhausted, Unauthenticated
from picstore_kit.rpc.auth import Principal, principal_from_proto

_GOOD_FOR_S: Final = 30.0
"""Seconds that an answer is believed; a revocation reaches `forget` long before."""
_BAD_FOR_S: Final = 3.0
"""Seconds that a refusal is believed: short, so that a key works soon after it was made."""
_CAPACITY: Final = 10_000
_MAX_CREDENTIAL: Final = 1024

Clock = Callable[[], float]
Refusal: TypeAlias = Unauthenticated | ResourceExhausted
V = TypeVar("V")


class RemoteAuthenticator:
    """Authenticates credentials by asking auth, once for many calls at the same time."""

    def __init__(
        self,
        stub: authentication_pb2_grpc.AuthenticationServiceAsyncStub,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self._stub = stub
        self._clock = clock
        self._good: _ExpiringCache[Principal] = _ExpiringCache(clock)
        # Apart from the good ones, which a flood of made-up keys must not push out.
        self._bad: _ExpiringCache[Refusal] = _ExpiringCache(clock)
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._revocations = 0

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of an API key or a session.

        Raises:
            Unauthenticated: The credential is not good; the reason says why.
            ResourceExhausted: Too many that were not good came from the same place (RATE_LIMITED).
            Unavailable: Auth does not answer, and no fresh answer is remembered.
        """
        if len(credential) > _MAX_CREDENTIAL:
            raise Unauthenticated(Reason.CREDENTIAL_INVALID, "the credential is not one of ours")
        # Keys are not kept in memory longer than the call that brought them.
        digest = hashlib.sha256(credential.encode()).digest()
        lock = self._locks.setdefault(digest, asyncio.Lock())
        async with lock:
            if (known := self._good.get(digest)) is not None:
                return known
            if (refusal := self._bad.get(digest)) is not None:
                raise _again(refusal)
            return await self._ask(credential, digest)

    def forget(self, credential_id: str) -> None:
        """Drop what is remembered of a key or session, and what is being asked about any now."""
        self._revocations += 1
        self._good.drop(lambda principal: credential_id in (principal.key_id, principal.session_id))

    async def _ask(self, credential: str, digest: bytes) -> Principal:
        revocations = self._revocations
        try:
            answer = await self._stub.Authenticate(
                authentication_pb2.AuthenticateRequest(credential=credential)
            )
        except (Unauthenticated, ResourceExhausted) as refusal:
            self._bad.put(digest, refusal, _BAD_FOR_S)
            raise
        principal = principal_from_proto(answer)
        if revocations == self._revocations:
            self._good.put(digest, principal, _lifetime(answer))
        return principal


class _ExpiringCache(Generic[V]):
    """At most `_CAPACITY` values, each for its own time; the oldest go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, V]] = OrderedDict()

    def get(self, key: bytes) -> V | None:
        expires, value = self._entries.get(key, (0.0, None))
        return value if expires > self._clock() else None

    def put(self, key: bytes, value: V, seconds: float) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (self._clock() + seconds, value)
        while len(self._entries) > _CAPACITY:
            self._entries.popitem(last=False)

    def drop(self, matches: Callable[[V], bool]) -> None:
        for key in [key for key, (_, value) in self._entries.items() if matches(value)]:
            del self._entries[key]


def _lifetime(answer: authentication_pb2.Principal) -> float:
    if not answer.HasField("expire_time"):
        return _GOOD_FOR_S
    return min(_GOOD_FOR_S, answer.expire_time.ToNanoseconds() / 1e9 - time.time())


def _again(refusal: Refusal) -> Refusal:
    """Return a fresh error of the same content: a raised one gathers tracebacks."""
    return type(refusal)(
        refusal.reason,
        refusal.message,
        metadata=refusal.metadata,
        retry_after=refusal.retry_after,
    )
