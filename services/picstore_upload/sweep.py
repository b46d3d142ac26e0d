"""Settles uploads whose process died before it could do so itself."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from picstore_kit.errors import PicstoreError
from picstore_upload.ports import Journal
from picstore_upload.settle import SettleUpload

log = structlog.get_logger(__name__)

_BATCH: Final = 50


class SweepUploads:
    """Looks for dead uploads now and then; safe to run in every replica, and to kill."""

    def __init__(self, *, journal: Journal, settle: SettleUpload, interval_s: float) -> None:
        self._journal = journal
        self._settle = settle
        self._interval_s = interval_s

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                while await self.sweep() == _BATCH:
                    pass
            except PicstoreError as error:
                log.warning("sweep.failed", reason=error.reason)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> int:
        """Settle one batch of dead uploads and return how many there were.

        Raises:
            PicstoreError: The journal failed. A failing store or catalog only leaves its uploads
                for a later sweep.
        """
        dead = await self._journal.take_dead(limit=_BATCH)
        for entry in dead:
            try:
                await self._settle.run(entry)
            except PicstoreError as error:
                log.warning("sweep.postponed", upload=entry.upload_id, reason=error.reason)
        return len(dead)
