"""The use-case: take in one picture, whole and checked, or leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

import structlog

from picstore.catalog.v1.image_pb2 import Image
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_kit.blobs.base import BlobStore
from picstore_kit.errors import (
    Aborted,
    Code,
    InvalidArgument,
    PicstoreError,
    Reason,
    ResourceExhausted,
    ungrouped,
)
from picstore_kit.ids import TeamId, UploadId, new_id
from picstore_upload.model import (
    Chunk,
    End,
    JournalEntry,
    Original,
    Receiver,
    UploadHeader,
    check_declared,
    read_probe,
    tightened,
)
from picstore_upload.ports import Catalog, Children, Journal, Stores
from picstore_upload.settle import SettleUpload
from picstore_upload.spool import Spool, Spools

log = structlog.get_logger(__name__)

STREAM_FROM_BYTES: Final = 8 * 1024 * 1024
"""Larger files go to the store while they still come in; smaller ones in one request at the end,
which lets the store check their digest."""

_EXTEND_S: Final = 20.0
"""How often the journal hears that an upload goes on; a third of its lease."""

_PROBES: Final = 2
"""Children that may die of one header: the first may have died of something else."""

_CHILD_DEATHS: Final = frozenset({Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY})

_REFUSALS: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.ALREADY_EXISTS,
        Code.PERMISSION_DENIED,
        Code.FAILED_PRECONDITION,
    }
)
"""Codes of a commit that was considered and is over. After any other it may still happen."""


class _Stage(Enum):
    """How far an upload came, which decides what its failure leaves to be done."""

    RECEIVING = auto()
    """Nothing is in the store."""
    STORING = auto()
    """Something may be in the store, and nobody else knows of it."""
    COMMITTING = auto()
    """The catalog may have recorded it, or may be about to: only the sweeper may remove it."""


@dataclass(slots=True)
class _Progress:
    """How far one upload is."""

    stage: _Stage = _Stage.RECEIVING


class ReceiveUpload:
    """Receives pictures, a bounded number at a time, each in memory that does not grow with it."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        stores: Stores,
        children: Children,
        journal: Journal,
        settle: SettleUpload,
        spools: Spools,
        limits: Limits,
        max_uploads: int,
        stall_s: float,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._children = children
        self._journal = journal
        self._settle = settle
        self._spools = spools
        self._limits = limits
        self._places = asyncio.Semaphore(max_uploads)
        self._stall_s = stall_s

    async def run(
        self, team: TeamId, header: UploadHeader, messages: AsyncIterator[Chunk | End]
    ) -> Image:
        """Take in one picture and return it as the catalog recorded it.

        Raises:
            PicstoreError: The picture was refused, or something failed; nothing of it is stored.
                Where the catalog did not answer the commit, it may have recorded the picture.
        """
        if self._places.locked():
            raise ResourceExhausted(
                Reason.OVERLOADED, "too many uploads at once; try again", retry_after=2.0
            )
        async with self._places:
            destination = await self._catalog.resolve(header)
            limits = tightened(self._limits, destination)
            check_declared(header, max_bytes=limits.bytes)
            store = await self._stores.open(destination.location_id)
            entry = JournalEntry(
                upload_id=new_id(UploadId),
                team_id=team,
                location_id=destination.location_id,
                object_key=destination.object_key,
            )
            async with self._spools.open() as spool, self._journalled(entry) as progress:
                receiver = Receiver(header, max_bytes=limits.bytes, allow_svg=limits.allow_svg)
                storing = _Storing(store, destination.object_key, spool, progress)
                probe, digest = await self._take_in(receiver, messages, storing, limits)
                original = Original(
                    upload_id=entry.upload_id,
                    destination=destination,
                    probe=probe,
                    sha256=digest,
                    alt_text=header.alt_text,
                )
                return await self._commit(entry, original, progress)

    async def _take_in(
        self,
        receiver: Receiver,
        messages: AsyncIterator[Chunk | End],
        storing: _Storing,
        limits: Limits,
    ) -> tuple[Probe, str]:
        """Receive, check and store; the object is complete only if every check was passed."""
        spool = storing.spool
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                end = await self._receive(receiver, messages, storing, group)
                format, digest = receiver.finish(end)
                probe = await self._probe(spool.path, format, receiver.size, limits)
                if storing.streams:
                    await spool.release()
                else:
                    await storing.put(format, sha256=digest)
        return probe, digest

    async def _receive(
        self,
        receiver: Receiver,
        messages: AsyncIterator[Chunk | End],
        storing: _Storing,
        group: asyncio.TaskGroup,
    ) -> End:
        """Spool the file until its end; a large one is passed on meanwhile, by a task of `group`.

        Raises:
            InvalidArgument: UPLOAD_STALLED, UPLOAD_INCOMPLETE, or a reason of `Receiver.take`.
            Aborted: UPLOAD_OFFSET_WRONG.
            ScratchUnavailable: The disk is full.
        """
        async with aclosing(self._unstalled(messages)) as unstalled:
            async for message in unstalled:
                if isinstance(message, End):
                    return message
                # Hashing a MiB takes a millisecond: too long for the loop.
                data = await asyncio.to_thread(receiver.take, message)
                await storing.spool.append(data)
                if receiver.size > STREAM_FROM_BYTES and not storing.streams:
                    storing.streams = True
                    group.create_task(storing.put_as_it_comes(receiver.format))
        raise InvalidArgument(
            Reason.UPLOAD_INCOMPLETE,
            "the upload ended before the file did",
            metadata={"received": str(receiver.size)},
        )

    async def _unstalled(
        self, messages: AsyncIterator[Chunk | End]
    ) -> AsyncGenerator[Chunk | End, None]:
        while True:
            try:
                async with asyncio.timeout(self._stall_s):
                    message = await anext(messages, None)
            except TimeoutError:
                raise InvalidArgument(
                    Reason.UPLOAD_STALLED,
                    f"no byte came for {self._stall_s:g} seconds",
                    metadata={"seconds": f"{self._stall_s:g}"},
                ) from None
            if message is None:
                return
            yield message

    async def _probe(self, path: Path, format: SourceFormat, size: int, limits: Limits) -> Probe:
        """Have a child read the header of the whole file.

        Raises:
            InvalidArgument: IMAGE_*, LIMIT_*, or CHILD_* where more than one child died of it.
        """
        request = {"path": str(path), "limits": limits.to_json()}
        for attempt in range(1, _PROBES + 1):
            try:
                answer = await self._children.result(request)
                return read_probe(answer, format=format, size=size, limits=limits)
            except PicstoreError as error:
                if error.reason not in _CHILD_DEATHS:
                    raise
                log.warning("upload.probe_died", reason=error.reason, attempt=attempt)
                reason = error.reason
        raise InvalidArgument(reason, "the picture's header cannot be read within safe limits")

    async def _commit(self, entry: JournalEntry, original: Original, progress: _Progress) -> Image:
        if not await self._journal.commit(entry):
            raise _lease_lost()
        progress.stage = _Stage.COMMITTING
        try:
            image = await self._catalog.commit(original)
        except PicstoreError as error:
            if error.code in _REFUSALS:
                progress.stage = _Stage.STORING
            raise
        log.info(
            "upload.committed",
            upload=original.upload_id,
            image=image.id,
            bytes=original.probe.bytes,
            format=original.probe.format.value,
        )
        return image

    @asynccontextmanager
    async def _journalled(self, entry: JournalEntry) -> AsyncIterator[_Progress]:
        """Keep an entry in the journal alive; if the body fails, remove what it has stored."""
        progress = _Progress()
        await self._journal.open(entry)
        try:
            with ungrouped(rather=Reason.LEASE_LOST):
                async with asyncio.TaskGroup() as group:
                    heartbeat = group.create_task(self._extend_for_ever(entry))
                    try:
                        yield progress
                    finally:
                        heartbeat.cancel()
        except BaseException:
            # A second cancellation must not stop what the first one began.
            await asyncio.shield(self._clean_up(entry, progress.stage))
            raise
        await self._clean_up(entry, _Stage.RECEIVING)  # the object is the catalog's now

    async def _clean_up(self, entry: JournalEntry, stage: _Stage) -> None:
        """Do now what the sweeper would do later; it still will where this fails."""
        try:
            match stage:
                case _Stage.RECEIVING:
                    await self._journal.close(entry)
                case _Stage.STORING:
                    await self._settle.run(entry)
                case _Stage.COMMITTING:
                    log.warning("upload.undecided", upload=entry.upload_id)
        except PicstoreError as error:
            log.warning("upload.left_to_sweeper", upload=entry.upload_id, reason=error.reason)

    async def _extend_for_ever(self, entry: JournalEntry) -> None:
        """Keep the lease. A failure loses nothing: before the commit the lease is asked again."""
        while True:
            await asyncio.sleep(_EXTEND_S)
            try:
                alive = await self._journal.extend(entry)
            except PicstoreError as error:
                log.warning("upload.extend_failed", upload=entry.upload_id, reason=error.reason)
                continue
            if not alive:
                raise _lease_lost()


@dataclass(slots=True)
class _Storing:
    """How one upload gets from its spool into its store."""

    store: BlobStore
    key: str
    spool: Spool
    progress: _Progress
    streams: bool = False
    """Whether it is passed on while it comes in."""

    async def put(self, format: SourceFormat, *, sha256: str) -> None:
        """Store the whole file."""
        self.progress.stage = _Stage.STORING
        await self.store.put_file(
            self.key, self.spool.path, content_type=format.mime_type, sha256=sha256
        )

    async def put_as_it_comes(self, format: SourceFormat) -> None:
        """Store the file behind its writer; the object is complete when the spool is released."""
        self.progress.stage = _Stage.STORING
        await self.store.put_stream(self.key, self.spool.follow(), content_type=format.mime_type)


def _lease_lost() -> Aborted:
    return Aborted(Reason.LEASE_LOST, "the upload took too long and was given up")
