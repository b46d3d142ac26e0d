"""Removes what dead uploads left behind: originals that were stored and never recorded."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from picstore_kit.errors import PicstoreError
from picstore_kit.ids import ImageId, TeamId, UploadId
from picstore_upload.ports import Stores
from picstore_upload.repo import DeadUpload

log = structlog.get_logger(__name__)

_BATCH: Final = 50


class Commits(Protocol):
    """Knows which uploads became pictures."""

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that the upload became, or None."""
        ...


class DeadUploads(Protocol):
    """The part of the journal that a sweep needs."""

    async def take_dead(self, *, limit: int) -> list[DeadUpload]:
        """Take uploads that nobody has heard of."""
        ...

    async def close(self, team: TeamId, upload_id: UploadId) -> None:
        """Forget an upload."""
        ...


class SweepUploads:
    """Looks for dead uploads now and then; safe to run in every replica, and to kill."""

    def __init__(
        self, *, journal: DeadUploads, commits: Commits, stores: Stores, interval_s: float
    ) -> None:
        self._journal = journal
        self._commits = commits
        self._stores = stores
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
        for upload in dead:
            try:
                await self._settle(upload)
            except PicstoreError as error:
                log.warning("sweep.postponed", upload=upload.id, reason=error.reason)
        return len(dead)

    async def _settle(self, upload: DeadUpload) -> None:
        image_id = await self._commits.find_commit(upload.id)
        if image_id is None:
            store = await self._stores.open(upload.location_id)
            await store.delete(upload.object_key)
        await self._journal.close(upload.team_id, upload.id)
        log.info("sweep.settled", upload=upload.id, committed=image_id is not None)
