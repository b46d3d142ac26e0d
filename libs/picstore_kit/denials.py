"""What callers were not allowed to do, on its way into the audit log.

Noting a denial takes no time of the call that is refused, and whoever is refused a thousand times a
second fills neither the memory nor the log: what is too much is counted, and the count is logged.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

import structlog
from opentelemetry import metrics

from picstore.auth.v1 import audit_pb2
from picstore_kit import audit
from picstore_kit.errors import PicstoreError
from picstore_kit.pg.database import Database
from picstore_kit.pg.forwarding import forward
from picstore_kit.rpc.auth import Principal

WAITING: Final = 1000
"""Denials that may wait in memory."""

BATCH: Final = 100
"""Denials that are recorded in one round."""

ROUND_S: Final = 1.0
"""Seconds between two rounds."""

OF_ONE_CALLER: Final = 20
"""Denials of one caller in one round: nobody hides others' by a flood of their own."""

log = structlog.get_logger(__name__)


class Denials:
    """Collects denials in memory and adds them to the schema's `audit_outbox` in batches.

    What a crash loses has changed nothing: unlike `audit.record` this makes no promise.
    """

    def __init__(self, database: Database, *, round_s: float = ROUND_S) -> None:
        self._database = database
        self._round_s = round_s
        self._waiting: deque[audit_pb2.AuditEvent] = deque()
        self._of_caller: Counter[str] = Counter()
        self._dropped = 0
        self._drops = metrics.get_meter("picstore.audit").create_counter(
            "picstore.audit.denials.dropped",
            description="Denials that were too many to be recorded.",
        )

    def note(self, principal: Principal, error: PicstoreError) -> None:
        """Have a denial recorded, unless there are too many."""
        caller = principal.user_id or principal.service or ""
        if len(self._waiting) == WAITING or self._of_caller[caller] == OF_ONE_CALLER:
            self._dropped += 1
            self._drops.add(1)
            return
        self._of_caller[caller] += 1
        self._waiting.append(
            audit.denied_event(
                principal,
                team_id=principal.team_id,
                reason=error.reason,
                resource_type=error.resource.type if error.resource else "",
                resource_id=error.resource.name if error.resource else "",
            )
        )

    async def run(self) -> None:
        """Record what was noted until cancelled, and then what is left."""
        await forward(self.record_batch, what="denials", poll_s=self._round_s)

    async def record_batch(self) -> bool:
        """Record the oldest of what was noted; the rest has to wait for the next round.

        Raises:
            PicstoreError: The database failed; what was noted is still there.
        """
        self._of_caller.clear()
        if self._dropped:
            log.warning("audit.denials_dropped", count=self._dropped)
            self._dropped = 0
        batch = list(self._waiting)[:BATCH]
        if batch:
            async with self._database.system_transaction() as conn:
                await audit.add(conn, batch)
            for _ in batch:
                self._waiting.popleft()
        return False
