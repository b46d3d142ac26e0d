"""The relay between a schema's `audit_outbox` and the audit log.

Like the one for the bus it deletes a row only after it has arrived, under the row's lock: whatever
dies in between, the event is handed over again, and the log knows it by its id. It goes to auth
directly and not over JetStream, whose store may be lost (ADR 0016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore.auth.v1 import audit_pb2
from picstore_kit.pg.database import Database
from picstore_kit.pg.forwarding import forward

MAX_EVENTS: Final = 500
"""Events that are handed over at once; what `RecordAuditEvents` takes."""

MAX_BYTES: Final = 1024 * 1024
"""Of them together, unless one alone is larger: far from the 4 MiB that gRPC takes."""


class AuditLog(Protocol):
    """Where events go."""

    async def keep(self, events: Sequence[audit_pb2.AuditEvent]) -> None:
        """Return once every event is in the log; those that were there already are no error.

        Raises:
            PicstoreError: That is not certain.
        """


class AuditRelay:
    """Hands over what its database's outbox holds; any number of relays may share one outbox."""

    def __init__(self, database: Database, audit_log: AuditLog, *, poll_s: float = 1.0) -> None:
        self._database = database
        self._audit_log = audit_log
        self._poll_s = poll_s

    async def run(self) -> None:
        """Hand over until cancelled, outliving restarts of the database and of the log."""
        await forward(self.hand_over, what="audit", poll_s=self._poll_s)

    async def hand_over(self) -> bool:
        """Hand over one batch; return whether there may be more.

        Raises:
            PicstoreError: The database or the log failed; every row is still there.
        """
        async with self._database.system_transaction() as conn:
            waiting = await _take(conn)
            batch = _fitting(waiting)
            if batch:
                await self._audit_log.keep(
                    [audit_pb2.AuditEvent.FromString(event) for _, event in batch]
                )
                await conn.execute(
                    "DELETE FROM audit_outbox WHERE id = ANY(%s)",
                    ([event_id for event_id, _ in batch],),
                )
        return len(waiting) == MAX_EVENTS or len(batch) < len(waiting)


async def _take(conn: AsyncConnection[TupleRow]) -> list[tuple[str, bytes]]:
    """Lock and return the events that no other relay has locked, oldest first."""
    cursor = await conn.execute(
        "SELECT id, event FROM audit_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (MAX_EVENTS,),
    )
    return [(event_id, event) for event_id, event in await cursor.fetchall()]


def _fitting(waiting: Sequence[tuple[str, bytes]]) -> Sequence[tuple[str, bytes]]:
    """Return as many of the first as may go at once, but at least one."""
    size = 0
    for number, (_, event) in enumerate(waiting):
        size += len(event)
        if size > MAX_BYTES and number > 0:
            return waiting[:number]
    return waiting
