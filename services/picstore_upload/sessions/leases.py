"""Who writes to an upload: one at a time, and the newest who asks.

A phone that has lost its connection comes back before anybody has noticed that it was gone. So a
call that finds another at the upload asks it to let go, and the other does as soon as it hears of
it: at once in the same process, with its next heartbeat in another. One that does not is dead or
hangs, and its lease is taken: what it still does names an old epoch, and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from picstore_kit.errors import PicstoreError, Reason, ungrouped
from picstore_kit.ids import UploadId
from picstore_kit.pg.access import Access
from picstore_upload.sessions.lease_table import LeaseTable
from picstore_upload.sessions.model import Session, busy, check_open, lease_lost
from picstore_upload.sessions.repo import Sessions

log = structlog.get_logger(__name__)

_HEARTBEAT_S: Final = 2.0
_PATIENCE_S: Final = 5.0
"""How long another writer gets to let go: two heartbeats, and time to store what it has."""
_LOOK_S: Final = 0.1


class Leases:
    """The leases that this process holds, and those that it waits for."""

    def __init__(self, table: LeaseTable, sessions: Sessions) -> None:
        self._table = table
        self._sessions = sessions
        self._held: dict[UploadId, asyncio.Timeout] = {}

    async def take(
        self,
        access: Access,
        upload_id: UploadId,
        *,
        completing: bool,
        size_bytes: int | None = None,
    ) -> Session:
        """Take the lease of an open upload, from another writer if need be.

        Raises:
            NotFound, PermissionDenied: See `Sessions.fetch`.
            FailedPrecondition, InvalidArgument: The upload is over: see `check_open`.
            Aborted: Somebody completes it, and goes on to (UPLOAD_BUSY).
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while True:
            overdue = loop.time() > deadline
            # The statement asks for all that it needs; only where it got nothing is it asked why.
            taken = await self._table.acquire(
                access, upload_id, completing=completing, force=overdue, size_bytes=size_bytes
            )
            if taken is not None:
                return taken
            check_open(await self._sessions.fetch(access, upload_id))
            left_s = await self._table.want(access.team_id, upload_id)
            if overdue:
                raise busy(upload_id, retry_after=max(1.0, left_s))
            self._let_go(upload_id)
            await asyncio.sleep(_LOOK_S)

    @asynccontextmanager
    async def held(self, session: Session) -> AsyncIterator[None]:
        """Keep a lease within the block, and let go of it at the end.

        Raises:
            Aborted: Somebody has taken it (LEASE_LOST).
        """
        try:
            with ungrouped(rather=Reason.LEASE_LOST):
                async with asyncio.TaskGroup() as group:
                    heartbeat = group.create_task(self._keep(session))
                    try:
                        yield
                    finally:
                        heartbeat.cancel()
        finally:
            # A second cancellation must not stop what the first one began.
            await asyncio.shield(self._release(session))

    async def complete(self, session: Session) -> None:
        """Let nobody have the lease any more, however much they want it.

        Raises:
            Aborted: Somebody has it already (LEASE_LOST).
        """
        await self._table.completing(session)

    @asynccontextmanager
    async def until_wanted(self, session: Session) -> AsyncIterator[None]:
        """End the block with LEASE_LOST as soon as another call asks for the upload."""
        try:
            async with asyncio.timeout(None) as patience:
                self._held[session.id] = patience
                try:
                    yield
                finally:
                    if self._held.get(session.id) is patience:
                        del self._held[session.id]
        except TimeoutError:
            if not patience.expired():
                raise
            raise lease_lost(session.id) from None

    async def _keep(self, session: Session) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            try:
                wanted = await self._table.extend(session)
            except PicstoreError as error:
                if error.reason is Reason.LEASE_LOST:
                    raise
                # Nothing is lost by it: every change asks for the lease again.
                log.warning("lease.not_extended", upload=session.id, reason=error.reason)
                continue
            if wanted:
                self._let_go(session.id)

    def _let_go(self, upload_id: UploadId) -> None:
        patience = self._held.get(upload_id)
        if patience is not None and not patience.expired():
            patience.reschedule(asyncio.get_running_loop().time())

    async def _release(self, session: Session) -> None:
        try:
            await self._table.release(session)
        except PicstoreError as error:
            log.warning("lease.not_released", upload=session.id, reason=error.reason)
