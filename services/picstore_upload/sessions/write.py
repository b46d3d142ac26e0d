"""The use-case: write bytes of an upload from where it was left, and keep what has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import structlog

from picstore.catalog.v1.image_pb2 import Image
from picstore_imaging.limits import Limits
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_kit.blobs.base import BlobStore, Part
from picstore_kit.errors import PicstoreError, Reason, ungrouped
from picstore_kit.faults import Faults
from picstore_kit.ids import UploadId
from picstore_kit.pg.access import Access
from picstore_upload.model import (
    Chunk,
    End,
    check_chunk,
    check_size,
    incomplete,
    tightened,
    wrong_offset,
)
from picstore_upload.parts import PartWriter
from picstore_upload.ports import Stores
from picstore_upload.receive import too_many, unstalled
from picstore_upload.sessions.clean import CleanUpload
from picstore_upload.sessions.finish import FinishUpload
from picstore_upload.sessions.leases import Leases
from picstore_upload.sessions.model import (
    DeclaredChecksum,
    Session,
    State,
    check_open,
    check_resumable,
    check_total,
    ends,
    incoming_prefix,
)
from picstore_upload.sessions.progress import Progress
from picstore_upload.sessions.repo import Sessions
from picstore_upload.spool import Spool, Spools

log = structlog.get_logger(__name__)

_OCTETS: Final = "application/octet-stream"

_KEEP_S: Final = 20.0
"""Longest time that a call which was broken off takes to store what has come."""

_TAILS: Final = 4
"""Tails that are in memory at once on their way to a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What one call wants to write."""

    upload_id: UploadId
    offset: int
    """Where in the file its first byte belongs."""
    checksum: DeclaredChecksum | None
    finish_when_whole: bool
    size_bytes: int | None
    """Of the whole file, where nobody has said before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How an upload stands after a call."""

    session: Session
    image: Image | None
    """The picture that it has become with this call."""


class WriteUpload:
    """Writes to uploads, a bounded number at a time, each in memory that does not grow with it."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        progress: Progress,
        leases: Leases,
        stores: Stores,
        finish: FinishUpload,
        clean: CleanUpload,
        spools: Spools,
        limits: Limits,
        max_uploads: int,
        stall_s: float,
        faults: Faults,
    ) -> None:
        self._sessions = sessions
        self._progress = progress
        self._leases = leases
        self._stores = stores
        self._finish = finish
        self._clean = clean
        self._spools = spools
        self._limits = limits
        self._places = asyncio.Semaphore(max_uploads)
        self._stall_s = stall_s
        self._faults = faults
        self._tails = asyncio.Semaphore(_TAILS)

    async def run(
        self, access: Access, writing: Writing, messages: AsyncIterator[Chunk | End]
    ) -> Written:
        """Write what comes and return how the upload stands.

        Raises:
            PicstoreError: The upload is over, somebody else's by now, or does not go on at this
                offset; or what came was refused. Whatever was good before stays.
        """
        if self._places.locked():
            raise too_many()
        async with self._places:
            # Before the lease: a call that can't be right disturbs nobody who writes.
            known = await self._sessions.fetch(access, writing.upload_id)
            check_open(known)
            check_resumable(known)
            check_total(known, writing.size_bytes)
            if writing.offset < known.persisted_size:
                raise wrong_offset(known.persisted_size, writing.offset)
            session = await self._leases.take(
                access, writing.upload_id, completing=False, size_bytes=writing.size_bytes
            )
            async with self._leases.held(session):
                return await self._write(access, session, writing, messages)

    async def _write(
        self,
        access: Access,
        session: Session,
        writing: Writing,
        messages: AsyncIterator[Chunk | End],
    ) -> Written:
        if writing.offset != session.persisted_size:
            raise wrong_offset(session.persisted_size, writing.offset)
        store = await self._stores.open(session.destination.location_id)
        limits = tightened(self._limits, session.destination)
        if session.size_bytes is not None:
            check_size(session.size_bytes, max_bytes=limits.bytes, declared=None)
        async with self._spools.open() as spool:
            await self._load_tail(session, store, spool)
            draft = _Draft(
                session=session,
                store=store,
                spool=spool,
                progress=self._progress,
                faults=self._faults,
                held_back=writing.checksum is not None,
                allow_svg=limits.allow_svg,
            )
            try:
                end = await self._take_in(draft, writing, messages, limits)
            except PicstoreError as error:
                if ends(error) and not session.partial:
                    await self._sessions.end(session, State.FAILED, failure=error)
                    await self._clean.attempt(session)
                raise
            reached = draft.reached
            whole = reached.whole and (writing.finish_when_whole or session.partial)
            if end is None and not whole:
                return Written(session=reached, image=None)
            if reached.size_bytes is not None and not reached.whole:
                raise incomplete(reached.size_bytes, reached.persisted_size)
            await self._leases.complete(session)
            image = await self._finish.leased(
                access,
                reached,
                sha256=end.sha256 if end else "",
                local=spool.path if session.parts_size == 0 else None,
            )
        return Written(session=replace(reached, state=State.COMPLETED), image=image)

    async def _take_in(
        self,
        draft: _Draft,
        writing: Writing,
        messages: AsyncIterator[Chunk | End],
        limits: Limits,
    ) -> End | None:
        """Receive and store what comes, up to the end if there is one.

        What has come before something went wrong is stored first; then the error goes its way.
        """
        with ungrouped(rather=Reason.LEASE_LOST):
            async with asyncio.TaskGroup() as group:
                draft.writer = PartWriter(
                    draft.store,
                    draft.session.destination.object_key,
                    draft.spool.path,
                    draft,
                    group,
                )
                try:
                    async with self._leases.until_wanted(draft.session):
                        end = await self._receive(draft, writing, messages, limits)
                except (PicstoreError, asyncio.CancelledError) as failure:
                    if writing.checksum is None and not _is_over(failure):
                        # The caller may be gone, and this task be told so: the bytes stay.
                        await asyncio.shield(self._keep_in_time(draft))
                    raise
                if writing.checksum is not None:
                    writing.checksum.verify(offset=writing.offset)
                await self._keep(draft)
                return end

    async def _receive(
        self,
        draft: _Draft,
        writing: Writing,
        messages: AsyncIterator[Chunk | End],
        limits: Limits,
    ) -> End | None:
        session, spool = draft.session, draft.spool
        async with aclosing(unstalled(messages, self._stall_s)) as coming:
            async for message in coming:
                if isinstance(message, End):
                    return message
                at = session.parts_size + spool.size
                check_size(
                    at + len(message.data), max_bytes=limits.bytes, declared=session.size_bytes
                )
                await spool.take(partial(_taken, message, at, writing.checksum))
                if spool.size >= HEAD_BYTES:
                    await draft.recognise()
                await draft.advance()
        return None

    async def _load_tail(self, session: Session, store: BlobStore, spool: Spool) -> None:
        """Go on behind the last part: what follows it is written again, as part of the next."""
        if session.tail_key is None:
            return
        async with aclosing(store.get_range(session.tail_key)) as chunks:
            async for chunk in chunks:
                await spool.append(chunk)

    async def _keep_in_time(self, draft: _Draft) -> None:
        try:
            async with asyncio.timeout(_KEEP_S):
                await self._keep(draft)
        except (PicstoreError, TimeoutError, asyncio.CancelledError) as error:
            log.warning("upload.rest_not_kept", upload=draft.session.id, error=type(error).__name__)

    async def _keep(self, draft: _Draft) -> None:
        """Store and record all that is in the spool."""
        async with self._tails:
            await draft.keep()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What one call has received, and how far it is stored; a `PartLedger`."""

    session: Session
    store: BlobStore
    spool: Spool
    progress: Progress
    faults: Faults
    held_back: bool
    """Whether nothing is recorded before all of it is known to be good."""
    allow_svg: bool
    writer: PartWriter | None = None
    content_type: str = ""
    begun: str = ""
    reached: Session = field(init=False)
    """The upload as it is with what is recorded by now."""
    waiting: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reached = self.session
        self.begun = self.session.store_upload_id or ""

    async def recognise(self) -> None:
        """Look at the head of the file, if this call has it, and refuse what is no picture."""
        if self.content_type:
            return
        if self.session.partial or self.session.parts_size > 0:
            self.content_type = _OCTETS
            return
        head = await self.spool.read(0, HEAD_BYTES)
        self.content_type = recognise(
            head, self.session.header.content_type, allow_svg=self.allow_svg
        ).mime_type

    async def advance(self) -> None:
        assert self.writer is not None
        await self.writer.advance(self.spool.size)

    async def keep(self) -> None:
        """Store what is not in a part yet as an object of its own, and record all of it."""
        assert self.writer is not None
        await self.writer.settled()
        if self.waiting:
            await self._record(self.waiting)
            self.faults.reach("session.part")
        tail = await self.spool.read(self.writer.sent, self.spool.size - self.writer.sent)
        persisted = self.session.parts_size + self.spool.size
        if not tail or persisted == self.session.persisted_size:
            return
        key = f"{incoming_prefix(self.session.id)}tail-{self.session.epoch}"
        await self.store.put_bytes(key, tail, content_type=_OCTETS)
        self.faults.reach("session.tail")
        await self.progress.set_tail(self.session, key, len(tail), persisted)
        self.reached = replace(
            self.reached, tail_key=key, tail_size=len(tail), persisted_size=persisted
        )
        if self.session.tail_key is not None:
            await self.store.delete(self.session.tail_key)

    async def upload_id(self) -> str:
        if not self.begun:
            await self.recognise()
            begun = await self.store.begin_multipart(
                self.session.destination.object_key, content_type=self.content_type
            )
            self.faults.reach("session.begun")
            await self.progress.begun(self.session, begun)
            self.begun = begun
            self.reached = replace(self.reached, store_upload_id=begun)
        return self.begun

    async def number(self) -> int:
        return await self.progress.next_part(self.session)

    async def stored(self, part: Part) -> None:
        if self.held_back:
            self.waiting.append(part)
            return
        await self._record([part])
        self.faults.reach("session.part")

    async def _record(self, parts: list[Part]) -> None:
        size = self.reached.parts_size + sum(part.size for part in parts)
        await self.progress.stored(self.session, parts, size)
        self.reached = replace(self.reached, tail_key=None, tail_size=0, persisted_size=size)


def _taken(chunk: Chunk, at: int, checksum: DeclaredChecksum | None) -> bytes:
    check_chunk(chunk, at=at)
    if checksum is not None:
        checksum.take(chunk.data)
    return chunk.data


def _is_over(failure: BaseException) -> bool:
    return isinstance(failure, PicstoreError) and (
        ends(failure) or failure.reason is Reason.STORAGE_UNAVAILABLE
    )
