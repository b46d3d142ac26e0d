"""The keys that sign service tokens: made at the first start, sealed at rest, rotated in time."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_auth.clock import Clock, utc_now
from picstore_auth.model.signing_key import SigningKey
from picstore_auth.repo import signing_keys
from picstore_auth.repo.signing_keys import SealedKey
from picstore_kit.errors import PicstoreError
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Page, Pager
from picstore_kit.rpc.tokens import LIFETIME_S
from picstore_kit.sealing import Sealer

OVERLAP: Final = timedelta(days=1)
"""How long a key still verifies after another has taken over: far longer than tokens live, so that
a replica which has not noticed yet may go on signing with it."""

LOOK_AGAIN_AFTER: Final = timedelta(minutes=10)
"""How long the key at hand is used before the database is asked for a newer one."""

RETIRED_AFTER: Final = LOOK_AGAIN_AFTER + timedelta(seconds=2 * LIFETIME_S)
"""How long older keys still verify after a rotation by hand: until every replica has looked again
and every service has a token of the new key."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The key that signs now."""

    key_id: str
    private_key: Ed25519PrivateKey = field(repr=False)


class SigningKeys:
    """Keeps the newest key at hand and lists the public halves of all that are valid."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        pager: Pager,
        *,
        rotate_after: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._pager = pager
        self._rotate_after = rotate_after
        self._clock = clock
        self._held: tuple[Signer, datetime] | None = None
        self._lock = asyncio.Lock()

    async def signer(self) -> Signer:
        """Return the newest key, after making one if there is none or it is old.

        Raises:
            PicstoreError: There is no key at hand, and the database failed.
            SealError: The newest key was sealed under a key that is not configured.
        """
        async with self._lock:
            if self._held is None or self._clock() - self._held[1] >= LOOK_AGAIN_AFTER:
                self._held = (await self._newest(), self._clock())
            return self._held[0]

    async def rotate(self) -> SigningKey:
        """Have a new key sign from now on, and the older ones retire soon.

        Raises:
            PicstoreError: The database failed.
        """
        async with self._lock:
            async with self._database.system_transaction() as conn:
                await signing_keys.lock(conn)
                now = self._clock()
                newest = await signing_keys.fetch_newest(conn)
                if newest is not None:
                    # The newest signs, also where the other's clock was ahead of ours.
                    now = max(now, newest.created_at + timedelta(microseconds=1))
                await signing_keys.retire(conn, now + RETIRED_AFTER)
                signer = await self._made(conn, now)
            self._held = (signer, now)
        return SigningKey(
            id=signer.key_id,
            public_key=signer.private_key.public_key().public_bytes_raw(),
            created_at=now,
            expires_at=self._expiry_of(now),
        )

    async def list_signing_keys(self, *, page_size: int, page_token: str) -> Page[SigningKey]:
        """List the public keys whose tokens are accepted.

        Raises:
            InvalidArgument: The page size or the page token is wrong.
        """
        page = self._pager.open(page_size=page_size, page_token=page_token, scope=("signing_keys",))
        async with self._database.system_transaction() as conn:
            rows = await signing_keys.fetch_valid(
                conn,
                self._clock(),
                after=page.after[0] if page.after else None,
                limit=page.limit,
            )
        return self._pager.close(page, rows, cursor=lambda key: (key.id,))

    async def _newest(self) -> Signer:
        try:
            return await self._load()
        except PicstoreError as error:
            if self._held is None:
                raise
            log.warning("signing_keys.not_refreshed", error=error.message)
            return self._held[0]

    async def _load(self) -> Signer:
        async with self._database.system_transaction() as conn:
            # Only one replica at a time decides whether a new key is needed.
            await signing_keys.lock(conn)
            now = self._clock()
            newest = await signing_keys.fetch_newest(conn)
            if newest is not None and now < newest.created_at + self._rotate_after:
                return await self._opened(conn, newest)
            await signing_keys.delete_expired(conn, now)
            return await self._made(conn, now)

    def _expiry_of(self, created_at: datetime) -> datetime:
        return created_at + self._rotate_after + OVERLAP

    async def _opened(self, conn: AsyncConnection[TupleRow], key: SealedKey) -> Signer:
        private = self._sealer.open(key.sealed_private_key, bound_to=_place_of(key.id))
        if self._sealer.is_stale(key.sealed_private_key):
            sealed = self._sealer.seal(private, bound_to=_place_of(key.id))
            await signing_keys.reseal(conn, key.id, sealed)
        return Signer(key_id=key.id, private_key=Ed25519PrivateKey.from_private_bytes(private))

    async def _made(self, conn: AsyncConnection[TupleRow], now: datetime) -> Signer:
        signer = Signer(key_id=uuid.uuid4().hex, private_key=Ed25519PrivateKey.generate())
        await signing_keys.insert(
            conn,
            SealedKey(
                id=signer.key_id,
                public_key=signer.private_key.public_key().public_bytes_raw(),
                sealed_private_key=self._sealer.seal(
                    signer.private_key.private_bytes_raw(), bound_to=_place_of(signer.key_id)
                ),
                created_at=now,
                expires_at=self._expiry_of(now),
            ),
        )
        log.info("signing_key.made", key_id=signer.key_id)
        return signer


def _place_of(key_id: str) -> str:
    return f"signing_key:{key_id}"
