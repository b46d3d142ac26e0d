"""The relay between a schema's outbox and the bus.

A row is deleted only after the broker has acknowledged it, and both happen under the row's lock:
whatever dies in between, the row is published again, under the same `Nats-Msg-Id`. Messages arrive
at least once and in no promised order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from picstore_kit.pg import outbox
from picstore_kit.pg.database import Database
from picstore_kit.pg.forwarding import forward
from picstore_kit.pg.listen import listen

MAX_BACKOFF_S: Final = 10.0
"""Longest pause before a message that could not be published is tried again."""

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """Where messages go; `picstore_kit.bus` has the one for JetStream."""

    async def publish(
        self, subject: str, payload: bytes, *, headers: Mapping[str, str], msg_id: str | None
    ) -> None:
        """Return once the broker has stored the message, raise if that is not certain."""


class OutboxRelay:
    """Publishes what its database's outbox holds; any number of relays may share one outbox."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        batch: int = 200,
        poll_s: float = 1.0,
        publish_timeout_s: float = 10.0,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._batch = batch
        self._poll_s = poll_s
        self._publish_timeout_s = publish_timeout_s
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled, outliving restarts of the database and of the broker."""
        async with asyncio.TaskGroup() as tasks:
            channel = outbox.channel(self._database.schema)
            tasks.create_task(listen(self._database.conninfo, channel, self._wake.set))
            await forward(self._publish_batch, what="outbox", poll_s=self._poll_s, wake=self._wake)

    async def publish_due(self) -> int:
        """Publish one batch; return how many rows were tried, so that a full one calls for more.

        Raises:
            PicstoreError: The database failed; every row is still there.
        """
        async with self._database.system_transaction() as conn:
            rows = await outbox.take_due(conn, limit=self._batch)
            if not rows:
                return 0
            async with asyncio.TaskGroup() as tasks:
                attempts = [tasks.create_task(self._publish(row)) for row in rows]
            failures = [failure for task in attempts if (failure := task.result()) is not None]
            failed = {failure.row_id for failure in failures}
            await outbox.remove(conn, [row.id for row in rows if row.id not in failed])
            await outbox.postpone(conn, failures)
        return len(rows)

    async def _publish_batch(self) -> bool:
        return await self.publish_due() == self._batch

    async def _publish(self, row: outbox.OutboxRow) -> outbox.Failure | None:
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                await self._publisher.publish(
                    row.subject, row.payload, headers=row.headers, msg_id=row.msg_id
                )
        except Exception as error:  # whatever the bus raises, the message stays
            log.warning(
                "outbox.publish_failed",
                subject=row.subject,
                attempt=row.attempts + 1,
                error=type(error).__name__,
            )
            return outbox.Failure(
                row_id=row.id,
                error=f"{type(error).__name__}: {error}",
                delay_s=_backoff_s(row.attempts),
            )
        return None


def _backoff_s(attempts: int) -> float:
    """Double from half a second up to the longest pause, a fifth more or less."""
    doubled: float = 0.5 * 2 ** min(attempts, 10)
    return min(doubled, MAX_BACKOFF_S) * random.uniform(0.8, 1.2)
