"""Finds the items of a job: every object of a bucket below a prefix.

A store names its keys in no promised order and from no promised place, so a listing that was broken
off begins again, and adds what is not there yet.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

import structlog

from picstore.auth.v1 import authentication_pb2
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.rpc.auth import acting_as, principal_from_proto
from picstore_upload.imports.model import (
    MAX_ATTEMPTS,
    ClaimedListing,
    ItemState,
    Settlement,
    aged,
    is_wanted,
    lost,
    settlement_of,
)
from picstore_upload.imports.ports import Catalog, Stores
from picstore_upload.imports.queue import LEASE_S, ImportQueue

log = structlog.get_logger(__name__)

_BATCH: Final = 500
_BEAT_S: Final = LEASE_S / 4


class ListBuckets:
    """Lists one bucket at a time."""

    def __init__(
        self,
        queue: ImportQueue,
        catalog: Catalog,
        stores: Stores,
        *,
        max_items: int,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        """A job has at most about `max_items` items."""
        self._queue = queue
        self._catalog = catalog
        self._stores = stores
        self._max_items = max_items
        self._jitter = jitter

    async def step(self) -> bool:
        """List the bucket of one job; False if there is none to list.

        Raises:
            PicstoreError: The queue fails.
        """
        listing = await self._queue.claim_listing()
        if listing is None:
            return False
        settlement = lost(listing.attempt) or (aged() if listing.too_old else None)
        if settlement is None:
            try:
                principal = authentication_pb2.Principal.FromString(listing.principal)
                with acting_as(principal_from_proto(principal)):
                    await self._list(listing)
                return True
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(listing))
                raise
            except PicstoreError as error:
                settlement = settlement_of(
                    error, attempt=min(listing.attempt, MAX_ATTEMPTS), jitter=self._jitter()
                )
        if settlement.state not in (ItemState.QUEUED, ItemState.FAILED):
            settlement = Settlement(
                state=ItemState.FAILED, reason=settlement.reason, message=settlement.message
            )
        log.warning("import.listing_failed", job=listing.job_id, reason=settlement.reason)
        await self._queue.settle_listing(listing, settlement)
        return True

    async def _list(self, listing: ClaimedListing) -> None:
        """Add all objects as items.

        Raises:
            PicstoreError: The caller may not, the store fails, or there are too many.
        """
        await self._catalog.authorize_import(listing.project_id, listing.bucket_location_id)
        store = await self._stores.open(listing.bucket_location_id)
        keys: list[str] = []
        told_at = time.monotonic()
        async for key in store.list(listing.bucket_prefix):
            if is_wanted(key):
                keys.append(key)
            if len(keys) >= _BATCH or time.monotonic() - told_at > _BEAT_S:
                if not await self._add(listing, keys):
                    return
                keys, told_at = [], time.monotonic()
        if await self._add(listing, keys):
            await self._queue.finish_listing(listing)

    async def _add(self, listing: ClaimedListing, keys: list[str]) -> bool:
        """Add some keys; False if the listing is over."""
        count = await self._queue.add_items(listing, keys)
        if count is not None and count > self._max_items:
            settlement = Settlement(
                state=ItemState.FAILED,
                reason=Reason.OVERLOADED,
                message=f"there are more than {self._max_items} objects: name a longer prefix",
            )
            await self._queue.settle_listing(listing, settlement)
            return False
        return count is not None

    async def _give_back(self, listing: ClaimedListing) -> None:
        try:
            await self._queue.settle_listing(listing, Settlement(state=ItemState.QUEUED))
        except PicstoreError as error:
            log.warning("import.left_to_lease", job=listing.job_id, reason=error.reason)
