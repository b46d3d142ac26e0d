"""The keys that sign service tokens; all of it in system transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_auth.model.signing_key import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A signing key with its private half, which only the sealing key opens."""

    id: str
    public_key: bytes
    sealed_private_key: bytes
    created_at: datetime
    expires_at: datetime


async def lock(conn: AsyncConnection[TupleRow]) -> None:
    """Let only one replica at a time decide whether a new key is needed."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")


async def fetch_valid(
    conn: AsyncConnection[TupleRow], now: datetime, *, after: str | None, limit: int
) -> list[SigningKey]:
    """Return the public halves of keys that have not expired, by id."""
    async with conn.cursor(row_factory=class_row(SigningKey)) as cursor:
        await cursor.execute(
            """
            SELECT id, public_key, created_at, expires_at
            FROM signing_keys
            WHERE expires_at > %(now)s AND (%(after)s::text IS NULL OR id > %(after)s)
            ORDER BY id
            LIMIT %(limit)s
            """,
            {"now": now, "after": after, "limit": limit},
        )
        return await cursor.fetchall()


async def fetch_newest(conn: AsyncConnection[TupleRow]) -> SealedKey | None:
    """Return the key that signs; None before the first start."""
    async with conn.cursor(row_factory=class_row(SealedKey)) as cursor:
        await cursor.execute(
            """
            SELECT id, public_key, sealed_private_key, created_at, expires_at
            FROM signing_keys
            ORDER BY created_at DESC, id DESC
            LIMIT 1
            """
        )
        return await cursor.fetchone()


async def insert(conn: AsyncConnection[TupleRow], key: SealedKey) -> None:
    """Add a key; from now on it signs."""
    await conn.execute(
        """
        INSERT INTO signing_keys (id, public_key, sealed_private_key, created_at, expires_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (key.id, key.public_key, key.sealed_private_key, key.created_at, key.expires_at),
    )


async def reseal(conn: AsyncConnection[TupleRow], key_id: str, sealed_private_key: bytes) -> None:
    """Store a private half anew, sealed under the current sealing key."""
    await conn.execute(
        "UPDATE signing_keys SET sealed_private_key = %s WHERE id = %s",
        (sealed_private_key, key_id),
    )


async def retire(conn: AsyncConnection[TupleRow], until: datetime) -> None:
    """Let no key that is there now be accepted for longer than `until`."""
    await conn.execute(
        "UPDATE signing_keys SET expires_at = %(until)s WHERE expires_at > %(until)s",
        {"until": until},
    )


async def delete_expired(conn: AsyncConnection[TupleRow], now: datetime) -> None:
    """Forget keys whose tokens nobody accepts any more."""
    await conn.execute("DELETE FROM signing_keys WHERE expires_at <= %s", (now,))
