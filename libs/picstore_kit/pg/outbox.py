"""The transactional outbox: what must be published commits together with what it is about.

`DDL` makes the table; the first migration of every schema that publishes contains it word for word.
Anyone may add a row within their own transaction, but only a system transaction can read or remove
one: payloads of all teams pass here.

`msg_id` travels as `Nats-Msg-Id`. It is random by default, not derived from `id`: a database that
was restored or made anew counts from 1 again, and JetStream would drop its messages as duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry import propagate
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

DDL: Final = """
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    msg_id     text NOT NULL DEFAULT gen_random_uuid()::text,
    subject    text NOT NULL,
    payload    bytea NOT NULL,
    headers    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at     timestamptz NOT NULL DEFAULT now(),
    attempts   integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX outbox_due ON outbox (due_at, id);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY add ON outbox FOR INSERT WITH CHECK (true);
CREATE POLICY relay ON outbox USING (current_setting('picstore.system', true) = 'on');

-- Only wakes the relay, whose poll is the truth.
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox.' || TG_TABLE_SCHEMA, '');
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message that waits to be published."""

    id: int
    msg_id: str
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    attempts: int
    """How often publishing it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a row could not be published, and how long to leave it alone."""

    row_id: int
    error: str
    delay_s: float


def channel(schema: str) -> str:
    """Return the notification channel on which the outbox of `schema` wakes its relays."""
    return f"outbox.{schema}"


async def add(
    conn: AsyncConnection[TupleRow],
    *,
    subject: str,
    payload: bytes,
    headers: Mapping[str, str],
    msg_id: str | None = None,
) -> None:
    """Have `payload` published on `subject` if and when the transaction of `conn` commits.

    The current trace context joins `headers`. Give a `msg_id` where the same fact may be added
    twice and should be delivered once (JetStream compares ids within its duplicate window).
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    await conn.execute(
        """
        INSERT INTO outbox (msg_id, subject, payload, headers)
        VALUES (coalesce(%s, gen_random_uuid()::text), %s, %s, %s)
        """,
        (msg_id, subject, payload, Jsonb({**carrier, **headers})),
    )


async def take_due(conn: AsyncConnection[TupleRow], *, limit: int) -> list[OutboxRow]:
    """Lock and return the rows that are due and that no other relay has locked, oldest first.

    Never "all after the last id seen": ids are given out before commit, so a slow transaction's
    row appears behind those of later ones and a cursor would step over it.
    """
    async with conn.cursor(row_factory=class_row(OutboxRow)) as cursor:
        await cursor.execute(
            """
            SELECT id, msg_id, subject, payload, headers, attempts
            FROM outbox
            WHERE due_at <= now()
            ORDER BY due_at, id
            LIMIT %s
            FOR UPDATE SKIP LOCKED
            """,
            (limit,),
        )
        return await cursor.fetchall()


async def remove(conn: AsyncConnection[TupleRow], ids: Sequence[int]) -> None:
    """Delete rows that the broker has acknowledged."""
    await conn.execute("DELETE FROM outbox WHERE id = ANY(%s)", (list(ids),))


async def postpone(conn: AsyncConnection[TupleRow], failures: Sequence[Failure]) -> None:
    """Count the failed attempts and keep those rows back for a while."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            UPDATE outbox
            SET attempts = attempts + 1,
                last_error = left(%s, 500),
                due_at = clock_timestamp() + make_interval(secs => %s)
            WHERE id = %s
            """,
            [(failure.error, failure.delay_s, failure.row_id) for failure in failures],
        )
