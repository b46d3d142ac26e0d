"""When keys and sessions were last used, written beside the calls that use them, never within."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import structlog

from picstore_auth.repo import identities
from picstore_kit.errors import PicstoreError
from picstore_kit.pg.database import Database

FLUSH_S: Final = 5.0
"""Seconds between two writes; what a crash may lose."""

RESOLUTION: Final = timedelta(minutes=1)
"""A later use within this time of a stored one is not stored."""

log = structlog.get_logger(__name__)


class LastUses:
    """Collects uses in memory and stores them in batches; on exit, what is left."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[str, datetime] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.flush()

    def note(self, credential_id: str, at: datetime, *, stored: datetime | None) -> None:
        """Remember a use, unless the one that is `stored` is recent enough."""
        if stored is None or at - stored >= RESOLUTION:
            self._pending[credential_id] = at

    async def run(self) -> None:
        """Store what was noted, again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Store what was noted; if the database does not take it, keep it for the next time."""
        if not self._pending:
            return
        uses = dict(self._pending)
        try:
            async with self._database.system_transaction() as conn:
                await identities.note_uses(conn, uses)
        except PicstoreError as error:
            log.warning("last_uses.not_stored", credentials=len(uses), error=error.message)
            return
        # What was noted meanwhile stays.
        self._pending = {used: at for used, at in self._pending.items() if uses.get(used) != at}
