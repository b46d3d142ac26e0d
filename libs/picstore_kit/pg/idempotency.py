"""Request ids: the same create or complete twice does its work once and answers alike.

`DDL` makes the table; a service whose methods take a `request_id` has it in its first migration
word for word. Within the transaction that does the work:

    key = RequestKey(principal=…, method="CreateImage", request_id=request.request_id)
    if (answer := await recall(conn, key, request_bytes)) is not None:
        return CreateImageResponse.FromString(answer)
    …the work…
    await remember(conn, key, request_bytes, response.SerializeToString())

Answers are kept for a day (`purge`). Without a `request_id` both functions do nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_kit.errors import AlreadyExists, InvalidField, PicstoreError, Reason
from picstore_kit.pg.database import Database

log = structlog.get_logger(__name__)

DDL: Final = """
CREATE TABLE request_ids (
    principal    text COLLATE "C" NOT NULL,
    method       text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C" NOT NULL,
    -- Empty for what is done outside any team.
    team_id      text COLLATE "C" NOT NULL
                 DEFAULT coalesce(current_setting('picstore.team', true), ''),
    payload_hash bytea NOT NULL,
    response     bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, method, request_id)
);
CREATE INDEX request_ids_created_at ON request_ids (created_at);

ALTER TABLE request_ids ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_ids FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON request_ids
    USING ((team_id <> '' AND team_id = current_setting('picstore.team', true))
           OR current_setting('picstore.system', true) = 'on');
"""

KEEP: Final = timedelta(hours=24)
"""How long a repeated request is recognised."""

PURGE_EVERY_S: Final = 3600.0
"""Seconds between two looks for answers that are no longer kept."""

MAX_LENGTH: Final = 128
"""Characters of a request id; a UUID has 36."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What makes two requests the same one: who sent it, to which method, under which id."""

    principal: str
    """The id of the user, key or service that calls: nobody meets another's request ids."""
    method: str
    request_id: str
    """Chosen by the caller; empty switches idempotency off."""

    def __post_init__(self) -> None:
        if len(self.request_id) > MAX_LENGTH or not self.request_id.isprintable():
            raise InvalidField("request_id", f"must be at most {MAX_LENGTH} printable characters")


async def recall(conn: AsyncConnection[TupleRow], key: RequestKey, payload: bytes) -> bytes | None:
    """Return the answer given to this request before, or None: then do the work and `remember`.

    While one transaction is at it, a second with the same key waits here for its end.

    Raises:
        AlreadyExists: The id was used before for another payload (REQUEST_ID_REUSED).
    """
    if not key.request_id:
        return None
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"request_ids {key.principal} {key.method} {key.request_id}",),
    )
    cursor = await conn.execute(
        """
        SELECT payload_hash, response
        FROM request_ids
        WHERE principal = %s AND method = %s AND request_id = %s
        """,
        (key.principal, key.method, key.request_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    payload_hash, response = row
    if payload_hash != hashlib.sha256(payload).digest():
        raise AlreadyExists(
            Reason.REQUEST_ID_REUSED,
            "this request_id was used before with another request",
            metadata={"request_id": key.request_id},
        )
    return bytes(response)


async def remember(
    conn: AsyncConnection[TupleRow], key: RequestKey, payload: bytes, response: bytes
) -> None:
    """Keep the answer; it becomes visible with the commit of the work that it reports."""
    if not key.request_id:
        return
    await conn.execute(
        """
        INSERT INTO request_ids (principal, method, request_id, payload_hash, response)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (key.principal, key.method, key.request_id, hashlib.sha256(payload).digest(), response),
    )


async def purge(conn: AsyncConnection[TupleRow], *, keep: timedelta = KEEP) -> int:
    """Forget answers older than `keep`, in a system transaction; return how many."""
    cursor = await conn.execute(
        "DELETE FROM request_ids WHERE created_at < clock_timestamp() - %s", (keep,)
    )
    return cursor.rowcount


async def purge_for_ever(database: Database) -> None:
    """Forget answers that are no longer kept, again and again, until cancelled."""
    while True:
        try:
            async with database.system_transaction() as conn:
                await purge(conn)
        except PicstoreError as error:
            log.warning("request_ids.not_purged", reason=error.reason)
        await asyncio.sleep(PURGE_EVERY_S)
