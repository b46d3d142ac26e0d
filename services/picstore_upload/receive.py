"""The use-case: take in one picture, whole and checked, or leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Final, TypeVar

import structlog

from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_kit.blobs.base import BlobStore, Part
from picstore_kit.errors import (
    Aborted,
    Code,
    InvalidArgument,
    PicstoreError,
    Reason,
    ResourceExhausted,
    ungrouped,
)
from picstore_kit.faults import Faults
from picstore_kit.ids import TeamId, UploadId, new_id
from picstore_upload.checks import Checked, CheckFile
from picstore_upload.model import (
    Chunk,
    End,
    JournalEntry,
    Original,
    Receiver,
    UploadHeader,
    check_declared,
    tightened,
)
from picstore_upload.parts import PartWriter
from picstore_upload.ports import Catalog, Committed, Journal, Stores
from picstore_upload.settle import SettleUpload
from picstore_upload.spool import Spool, Spools

log = structlog.get_logger(__name__)

MessageT = TypeVar("MessageT")

STREAM_FROM_BYTES: Final = 8 * 1024 * 1024
"""Larger files go to the store while they still come in; smaller ones in one request at the end,
which lets the store check their digest."""

_EXTEND_S: Final = 20.0
"""How often the journal hears that an upload goes on; a third of its lease."""

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
        check: CheckFile,
        journal: Journal,
        settle: SettleUpload,
        spools: Spools,
        limits: Limits,
        max_uploads: int,
        stall_s: float,
        faults: Faults,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._check = check
        self._journal = journal
        self._settle = settle
        self._spools = spools
        self._limits = limits
        self._places = asyncio.Semaphore(max_uploads)
        self._stall_s = stall_s
        self._faults = faults

    async def run(
        self, team: TeamId, header: UploadHeader, messages: AsyncIterator[Chunk | End]
    ) -> Committed:
        """Take in one picture and return it as the catalog recorded it.

        Raises:
            PicstoreError: The picture was refused, or something failed; nothing of it is stored.
                Where the catalog did not answer the commit, it may have recorded the picture.
        """
        if self._places.locked():
            raise too_many()
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
                self._faults.reach("upload.journalled")
                receiver = Receiver(header, max_bytes=limits.bytes, allow_svg=limits.allow_svg)
                storing = _Storing(store, destination.object_key, spool, progress, self._faults)
                checked = await self._take_in(receiver, messages, storing, limits)
                self._faults.reach("upload.stored")
                original = Original(
                    upload_id=header.upload_id or entry.upload_id,
                    destination=destination,
                    probe=checked.probe,
                    sha256=checked.sha256,
                    alt_text=header.alt_text,
                    on_duplicate=header.on_duplicate,
                )
                return await self._commit(entry, original, progress)

    async def _take_in(
        self,
        receiver: Receiver,
        messages: AsyncIterator[Chunk | End],
        storing: _Storing,
        limits: Limits,
    ) -> Checked:
        """Receive, check and store; the object is complete only if every check was passed."""
        spool = storing.spool
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                end = await self._receive(receiver, messages, storing, group)
                format, digest = receiver.finish(end)
                probe = await self._check.header(spool.path, format, receiver.size, limits)
                await storing.finish(format, sha256=digest)
        return Checked(probe=probe, sha256=digest)

    async def _receive(
        self,
        receiver: Receiver,
        messages: AsyncIterator[Chunk | End],
        storing: _Storing,
        group: asyncio.TaskGroup,
    ) -> End:
        """Spool the file until its end; a large one is passed on meanwhile, by tasks of `group`.

        Raises:
            InvalidArgument: UPLOAD_STALLED, UPLOAD_INCOMPLETE, or a reason of `Receiver.take`.
            Aborted: UPLOAD_OFFSET_WRONG.
            ScratchUnavailable: The disk is full.
        """
        taking: asyncio.Task[None] | None = None
        async with aclosing(unstalled(messages, self._stall_s)) as coming:
            async for message in coming:
                # One chunk is hashed and written while the next one comes.
                if taking is not None:
                    await taking
                if isinstance(message, End):
                    return message
                taking = group.create_task(self._take(receiver, message, storing, group))
        if taking is not None:
            await taking
        raise InvalidArgument(
            Reason.UPLOAD_INCOMPLETE,
            "the upload ended before the file did",
            metadata={"received": str(receiver.size)},
        )

    async def _take(
        self, receiver: Receiver, chunk: Chunk, storing: _Storing, group: asyncio.TaskGroup
    ) -> None:
        await storing.spool.take(partial(receiver.take, chunk))
        if receiver.size > STREAM_FROM_BYTES:
            await storing.follow(receiver.format, group)

    async def _commit(
        self, entry: JournalEntry, original: Original, progress: _Progress
    ) -> Committed:
        if not await self._journal.commit(entry):
            raise _lease_lost()
        progress.stage = _Stage.COMMITTING
        self._faults.reach("upload.committing")
        try:
            committed = await self._catalog.commit(original)
        except PicstoreError as error:
            if error.code in _REFUSALS:
                progress.stage = _Stage.STORING
            raise
        self._faults.reach("upload.committed")
        progress.stage = _Stage.RECEIVING if committed.original_kept else _Stage.STORING
        log.info(
            "upload.committed",
            upload=original.upload_id,
            image=committed.image.id,
            bytes=original.probe.bytes,
            format=original.probe.format.value,
            duplicate=committed.duplicate,
        )
        return committed

    @asynccontextmanager
    async def _journalled(self, entry: JournalEntry) -> AsyncIterator[_Progress]:
        """Keep an entry in the journal alive; at the end, remove what is stored and not needed."""
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
        finally:
            # A second cancellation must not stop what the first one began.
            await asyncio.shield(self._clean_up(entry, progress.stage))

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


async def unstalled(
    messages: AsyncIterator[MessageT], stall_s: float
) -> AsyncGenerator[MessageT, None]:
    """Yield messages as they come.

    Raises:
        InvalidArgument: None came for `stall_s` seconds (UPLOAD_STALLED).
    """
    while True:
        try:
            async with asyncio.timeout(stall_s):
                message = await anext(messages, None)
        except TimeoutError:
            raise InvalidArgument(
                Reason.UPLOAD_STALLED,
                f"no byte came for {stall_s:g} seconds",
                metadata={"seconds": f"{stall_s:g}"},
            ) from None
        if message is None:
            return
        yield message


def too_many() -> ResourceExhausted:
    """Say that this process has all the uploads that it takes."""
    return ResourceExhausted(
        Reason.OVERLOADED, "too many uploads at once; try again", retry_after=2.0
    )


@dataclass(slots=True)
class _Parts:
    """The parts of one object; a `PartLedger` for as long as the process lives."""

    store: BlobStore
    key: str
    format: SourceFormat
    progress: _Progress
    faults: Faults
    numbers: count[int] = field(default_factory=lambda: count(1))
    done: list[Part] = field(default_factory=list)
    begun: str = ""

    async def upload_id(self) -> str:
        if not self.begun:
            self.progress.stage = _Stage.STORING
            self.begun = await self.store.begin_multipart(
                self.key, content_type=self.format.mime_type
            )
        return self.begun

    async def number(self) -> int:
        return next(self.numbers)

    async def stored(self, part: Part) -> None:
        self.done.append(part)
        self.faults.reach("upload.part")


@dataclass(slots=True)
class _Storing:
    """How one upload gets from its spool into its store."""

    store: BlobStore
    key: str
    spool: Spool
    progress: _Progress
    faults: Faults
    parts: _Parts | None = None
    writer: PartWriter | None = None

    async def follow(self, format: SourceFormat, group: asyncio.TaskGroup) -> None:
        """Pass on what has come by now, and so take care of the rest as well."""
        if self.writer is None:
            self.parts = _Parts(self.store, self.key, format, self.progress, self.faults)
            self.writer = PartWriter(self.store, self.key, self.spool.path, self.parts, group)
        await self.writer.advance(self.spool.size)

    async def finish(self, format: SourceFormat, *, sha256: str) -> None:
        """Make the object whole, of a file that was checked."""
        self.progress.stage = _Stage.STORING
        if self.parts is None or self.writer is None:
            await self.store.put_file(
                self.key, self.spool.path, content_type=format.mime_type, sha256=sha256
            )
            return
        await self.writer.finish(self.spool.size)
        await self.store.complete_multipart(self.key, self.parts.begun, self.parts.done)


def _lease_lost() -> Aborted:
    return Aborted(Reason.LEASE_LOST, "the upload took too long and was given up")
