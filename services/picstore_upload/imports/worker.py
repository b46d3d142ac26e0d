"""Does what is in the queue: lists buckets, fetches items, and clears away what is old.

Any number of processes work on one queue, and each may be killed at any point. What the engine has
committed is committed under the upload id of the item's row, so an attempt that follows finds the
picture instead of making another.

Whom it is done for: the principal is stored with the job, as it was when the job was made, and the
catalog checks each item against it. Auth has no call that gives the principal of a key by its id,
so it is not asked again. Instead a job ends with the event `key.revoked`, which is told of
everything that ends or changes a credential, and nothing is done with a principal older than
`max_age_s`. What stays open: the event is heard only while some replica of this service runs and
the broker's stream is there, and a key that merely expires ends nothing before `max_age_s` does.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from picstore.auth.v1 import authentication_pb2
from picstore_kit.errors import Internal, PicstoreError
from picstore_kit.rpc.auth import Principal, acting_as, principal_from_proto
from picstore_kit.tasks import cancel
from picstore_upload.imports.listing import ListBuckets
from picstore_upload.imports.model import (
    ClaimedItem,
    ItemState,
    Settlement,
    SourceFault,
    aged,
    folders_of,
    joined,
    lost,
    settlement_of,
)
from picstore_upload.imports.ports import Catalog, Engine, Opened, Sources
from picstore_upload.imports.queue import LEASE_S, ImportQueue
from picstore_upload.imports.upkeep import ImportUpkeep
from picstore_upload.model import Chunk, End, OnDuplicate, UploadHeader

log = structlog.get_logger(__name__)

POLL_S: Final = 1.0
"""How often an idle worker looks; a notification only makes it look earlier."""
SWEEP_S: Final = 60.0
_TICK_S: Final = 1.0
"""How often progress is written at most."""
_BEAT_S: Final = LEASE_S / 4
"""How often the queue hears of an attempt of which no byte comes."""


@dataclass(slots=True)
class _Progress:
    """How far an attempt is, and what its source did to it."""

    received: int = 0
    total: int = 0
    fault: SourceFault | PicstoreError | None = None


class ImportItems:
    """Fetches items, one at a time for each caller of `step`."""

    def __init__(
        self,
        queue: ImportQueue,
        engine: Engine,
        catalog: Catalog,
        sources: Sources,
        *,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        self._queue = queue
        self._engine = engine
        self._catalog = catalog
        self._sources = sources
        self._jitter = jitter

    async def step(self) -> bool:
        """Take and settle one item; False if there is none to take.

        Raises:
            PicstoreError: The queue fails.
        """
        item = await self._queue.claim_item()
        if item is None:
            return False
        try:
            settlement = lost(item.attempt) or (aged() if item.too_old else None)
            if settlement is None:
                settlement = await self._watched(item)
        except asyncio.CancelledError:
            # The process stops. Whoever goes on with it need not wait for the lease to end.
            await asyncio.shield(self._give_back(item))
            raise
        if settlement is not None:
            counted = await self._queue.settle(item, settlement)
            log.info(
                "import.settled",
                job=item.job_id,
                number=item.number,
                attempt=item.attempt,
                state=settlement.state.value,
                reason=settlement.reason,
                image=settlement.image_id,
                counted=counted,
            )
        return True

    async def _watched(self, item: ClaimedItem) -> Settlement | None:
        """Fetch an item, and tell the queue of it meanwhile; None if it is somebody else's now."""
        progress = _Progress()
        async with asyncio.TaskGroup() as group:
            fetching = group.create_task(self._fetched(item, progress))
            told, silent_s = (0, 0), 0.0
            while not fetching.done():
                await asyncio.wait({fetching}, timeout=_TICK_S)
                silent_s += _TICK_S
                now = (progress.received, progress.total)
                if now == told and silent_s < _BEAT_S and not fetching.done():
                    continue
                try:
                    standing = await self._queue.report(item, received=now[0], total=now[1])
                except PicstoreError as error:
                    log.warning("import.report_failed", job=item.job_id, reason=error.reason)
                    continue
                told, silent_s = now, 0.0
                if fetching.done():
                    break  # what has come stays, whatever has become of the job
                ending = standing.ending() if standing else None
                if standing is None or ending is not None:
                    await cancel(fetching)
                    return ending
        return fetching.result()

    async def _fetched(self, item: ClaimedItem, progress: _Progress) -> Settlement:
        """Fetch an item and say what has become of it, whatever goes wrong."""
        try:
            with acting_as(principal_of(item.principal)):
                return await self._fetch(item, progress)
        except (SourceFault, PicstoreError) as error:
            failure = progress.fault or error
        except Exception:
            incident = uuid.uuid4().hex
            log.exception("import.failed", incident=incident, job=item.job_id, number=item.number)
            failure = Internal.incident(incident)
        return settlement_of(failure, attempt=item.attempt, jitter=self._jitter())

    async def _fetch(self, item: ClaimedItem, progress: _Progress) -> Settlement:
        if item.attempt > 1:
            image_id = await self._catalog.find_commit(item.upload_id)
            if image_id is not None:  # by an attempt that died before it could say so
                return Settlement(state=ItemState.IMPORTED, image_id=image_id)
        async with self._sources.open(item) as opened:
            progress.total = opened.size or 0
            async with aclosing(_messages(opened, progress)) as messages:
                header = _header_of(item, opened)
                taken = await self._engine.take(item.team_id, header, messages)
        state = ItemState.DUPLICATE if taken.duplicate else ItemState.IMPORTED
        return Settlement(state=state, image_id=taken.image_id)

    async def _give_back(self, item: ClaimedItem) -> None:
        try:
            await self._queue.settle(item, Settlement(state=ItemState.QUEUED))
        except PicstoreError as error:
            log.warning("import.left_to_lease", job=item.job_id, reason=error.reason)


class ImportWorkers:
    """Everything that goes on beside the calls: workers, the lister, and the sweep."""

    def __init__(
        self,
        upkeep: ImportUpkeep,
        items: ImportItems,
        buckets: ListBuckets,
        *,
        workers: int,
        keep_s: float,
    ) -> None:
        """`workers` is how many items are fetched at once."""
        self._upkeep = upkeep
        self._items = items
        self._buckets = buckets
        self._workers = workers
        self._keep_s = keep_s
        self._wakes: list[asyncio.Event] = []

    def wake(self) -> None:
        """Have everybody look whether there is something to do."""
        for event in self._wakes:
            event.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(self._items.step))
            group.create_task(self._work(self._buckets.step))
            group.create_task(self._sweep_for_ever())

    async def revoke(self, credential_ids: list[str]) -> None:
        """End the jobs of credentials that are no longer what they were, however long it takes.

        The event that says so comes once, so a database that does not answer is asked again.
        """
        while True:
            try:
                while await self._upkeep.revoke(credential_ids):
                    pass
                return
            except PicstoreError as error:
                log.warning("import.revoke_failed", reason=error.reason)
            await asyncio.sleep(POLL_S)

    async def sweep(self) -> None:
        """End what was broken off in jobs that have ended, and delete what is old.

        Raises:
            PicstoreError: The queue fails.
        """
        while await self._upkeep.settle_lost():
            pass
        while await self._upkeep.end_leftover():
            pass
        while await self._upkeep.delete_old(keep_s=self._keep_s):
            pass

    async def _work(self, step: Callable[[], Awaitable[bool]]) -> None:
        awake = asyncio.Event()
        self._wakes.append(awake)
        while True:
            awake.clear()
            try:
                if await step():
                    continue
            except PicstoreError as error:
                log.warning("import.step_failed", reason=error.reason)
            try:
                async with asyncio.timeout(POLL_S):
                    await awake.wait()
            except TimeoutError:
                continue

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except PicstoreError as error:
                log.warning("import.sweep_failed", reason=error.reason)
            await asyncio.sleep(SWEEP_S)


def principal_of(stored: bytes) -> Principal:
    """Return the principal that a job was made with."""
    return principal_from_proto(authentication_pb2.Principal.FromString(stored))


async def _messages(opened: Opened, progress: _Progress) -> AsyncGenerator[Chunk | End, None]:
    """Yield a file as the engine takes it; one that is broken off ends without its end.

    What the source raised is kept aside: the engine sees only a file that is not whole, and cleans
    up as it always does.
    """
    try:
        async with aclosing(opened.chunks()) as chunks:
            async for data in chunks:
                yield Chunk(offset=progress.received, data=data)
                progress.received += len(data)
    except (SourceFault, PicstoreError) as fault:
        progress.fault = fault
        return
    yield End()


def _header_of(item: ClaimedItem, opened: Opened) -> UploadHeader:
    folders = folders_of(item.source, item.bucket_prefix) if item.url is None else ""
    return UploadHeader(
        project_id=item.project_id,
        upload_profile=item.upload_profile,
        filename=opened.filename,
        alt_text=item.alt_text,
        location=joined(item.location, folders),
        content_type=opened.content_type,
        size_bytes=opened.size,
        on_duplicate=OnDuplicate(item.on_duplicate),
        upload_id=item.upload_id,
    )
