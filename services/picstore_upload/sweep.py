"""Puts in order what uploads leave behind: dead ones, and those whose time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from picstore_kit.errors import PicstoreError
from picstore_kit.ids import UploadId
from picstore_upload.ports import Journal
from picstore_upload.sessions.clean import CleanUpload
from picstore_upload.sessions.repo import Sessions
from picstore_upload.settle import SettleUpload

log = structlog.get_logger(__name__)

_BATCH: Final = 50


class SweepUploads:
    """Looks for such uploads now and then; safe to run in every replica, and to kill."""

    def __init__(
        self,
        *,
        journal: Journal,
        settle: SettleUpload,
        sessions: Sessions,
        clean: CleanUpload,
        interval_s: float,
    ) -> None:
        self._journal = journal
        self._settle = settle
        self._sessions = sessions
        self._clean = clean
        self._interval_s = interval_s

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                while await self.sweep() >= _BATCH:
                    pass
            except PicstoreError as error:
                log.warning("sweep.failed", reason=error.reason)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> int:
        """Put one batch of each kind in order and return how many uploads there were.

        Raises:
            PicstoreError: The database failed. A failing store or catalog only leaves its uploads
                for a later sweep.
        """
        dead = await self._journal.take_dead(limit=_BATCH)
        for entry in dead:
            with _postponed(entry.upload_id):
                await self._settle.run(entry)
        due = await self._sessions.take_due(limit=_BATCH)
        for session in due:
            with _postponed(session.id):
                await self._clean.sweep(session)
        return len(dead) + len(due)


@contextmanager
def _postponed(upload_id: UploadId) -> Iterator[None]:
    try:
        yield
    except PicstoreError as error:
        log.warning("sweep.postponed", upload=upload_id, reason=error.reason)
