"""How an upload ends that did not become a picture: nothing of it stays."""

from __future__ import annotations

import structlog

from picstore_upload.model import JournalEntry
from picstore_upload.ports import Commits, Journal, Stores

log = structlog.get_logger(__name__)


class SettleUpload:
    """Removes what an upload stored unless it is a picture's original, then forgets the upload.

    Only for uploads that cannot be committed any more. Whoever uses it may be killed at any point:
    the entry stays in the journal until all is done, and doing it twice does no harm.
    """

    def __init__(self, *, journal: Journal, commits: Commits, stores: Stores) -> None:
        self._journal = journal
        self._commits = commits
        self._stores = stores

    async def run(self, entry: JournalEntry) -> None:
        """Settle one upload.

        Raises:
            PicstoreError: Something does not answer; the entry is still there.
        """
        image_id = await self._commits.find_original(entry.location_id, entry.object_key)
        if image_id is None:
            store = await self._stores.open(entry.location_id)
            await store.discard(entry.object_key)
        await self._journal.close(entry)
        log.info("upload.settled", upload=entry.upload_id, image=image_id)
