"""From bytes that have come, however they came, to a picture: or to nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from picstore.catalog.v1.image_pb2 import Image
from picstore_imaging.limits import Limits
from picstore_imaging.sniff import HEAD_BYTES, recognise
from picstore_kit.blobs.base import BlobNotFound, BlobStore, Part
from picstore_kit.errors import FailedPrecondition, PicstoreError, Reason
from picstore_kit.faults import Faults
from picstore_kit.ids import UploadId
from picstore_kit.pg.access import Access
from picstore_upload.checks import Checked, CheckFile
from picstore_upload.model import (
    Chunk,
    End,
    Original,
    check_size,
    empty,
    incomplete,
    tightened,
)
from picstore_upload.ports import Catalog, Committed, Stores
from picstore_upload.receive import ReceiveUpload
from picstore_upload.sessions.clean import CleanUpload
from picstore_upload.sessions.leases import Leases
from picstore_upload.sessions.model import (
    Method,
    Session,
    State,
    check_open,
    ends,
    incoming_prefix,
    slices,
)
from picstore_upload.sessions.progress import Progress
from picstore_upload.sessions.repo import Sessions
from picstore_upload.spool import Spools

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 8
"""Files that are read back from a store at the same time, to be checked."""

_OCTETS: Final = "application/octet-stream"


class FinishUpload:
    """Checks what has come, has the catalog record it, and cleans up.

    May be killed at any point and run again: the catalog knows the upload by its id, and the object
    is at one key, whoever put it there.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        progress: Progress,
        leases: Leases,
        catalog: Catalog,
        stores: Stores,
        check: CheckFile,
        clean: CleanUpload,
        receive: ReceiveUpload,
        spools: Spools,
        limits: Limits,
        faults: Faults,
    ) -> None:
        self._sessions = sessions
        self._progress = progress
        self._leases = leases
        self._catalog = catalog
        self._stores = stores
        self._check = check
        self._clean = clean
        self._receive = receive
        self._spools = spools
        self._limits = limits
        self._faults = faults
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, access: Access, upload_id: UploadId, *, sha256: str) -> Image:
        """Complete an upload whose bytes have come; `sha256` (hex) may be empty.

        Raises:
            PicstoreError: It is not whole, not there, busy, or over; or the file was refused, and
                then it is deleted and the upload is FAILED.
        """
        session = await self._sessions.fetch(access, upload_id)
        if session.state is State.COMPLETED:
            return _completed(session, sha256)
        check_open(session)
        try:
            session = await self._leases.take(access, upload_id, completing=True)
        except PicstoreError as error:
            if error.reason is Reason.UPLOAD_COMPLETED:  # by somebody who was faster
                return _completed(await self._sessions.fetch(access, upload_id), sha256)
            raise
        async with self._leases.held(session):
            return await self.leased(access, session, sha256=sha256, local=None)

    async def leased(
        self, access: Access, session: Session, *, sha256: str, local: Path | None
    ) -> Image:
        """Complete an upload whose lease is held; `local` is the whole file, if it is at hand.

        Raises:
            PicstoreError: See `run`.
        """
        self._faults.reach("session.completing")
        try:
            committed = await self._committed(session, sha256=sha256 or session.sha256, local=local)
        except PicstoreError as error:
            if ends(error):
                await self._sessions.end(session, State.FAILED, failure=error)
                await self._clean.attempt(session)
            raise
        self._faults.reach("session.committed")
        await self._sessions.end(
            session,
            State.COMPLETED,
            result=committed.image.SerializeToString(),
        )
        self._faults.reach("session.ended")
        if not session.partial:
            await self._clean.attempt(session)
        if session.concat:
            await self._sessions.give_up(access, session.concat)
        log.info(
            "upload.completed",
            upload=session.id,
            method=session.method.value,
            image=committed.image.id,
            duplicate=committed.duplicate,
        )
        return committed.image

    async def _committed(self, session: Session, *, sha256: str, local: Path | None) -> Committed:
        if session.concat:
            return await self._joined(session, sha256)
        place = session.destination
        store = await self._stores.open(place.location_id)
        if session.partial:
            await self._put_together(session, store)
            return Committed(image=Image(), original_kept=False, duplicate=False)
        limits = tightened(self._limits, place)
        # An attempt that died may have committed the object: it is nobody's to write to then.
        original = await self._catalog.find_original(place.location_id, place.object_key)
        if local is not None and original is None:
            checked = await self._check_file(local, session, sha256, limits)
            await self._put_together(session, store)
            self._faults.reach("session.stored")
        else:
            if original is None:
                await self._put_together(session, store)
                self._faults.reach("session.stored")
            async with self._places, self._spools.open() as spool:
                # Of the object itself, which nobody else can write to any more.
                await store.get_to_file(place.object_key, spool.path)
                checked = await self._check_file(spool.path, session, sha256, limits)
        self._faults.reach("session.checked")
        return await self._catalog.commit(
            Original(
                upload_id=session.id,
                destination=place,
                probe=checked.probe,
                sha256=checked.sha256,
                alt_text=session.header.alt_text,
                on_duplicate=session.header.on_duplicate,
            )
        )

    async def _check_file(
        self, path: Path, session: Session, sha256: str, limits: Limits
    ) -> Checked:
        return await self._check.whole(
            path, declared_type=session.header.content_type, sha256=sha256, limits=limits
        )

    async def _put_together(self, session: Session, store: BlobStore) -> None:
        """Make the object at the destination, of what has come."""
        match session.method:
            case Method.RESUMABLE:
                await self._of_parts(session, store)
            case Method.PUT | Method.POST:
                await self._of_incoming(session, store)
            case Method.MULTIPART:
                await self._of_slices(session, store)

    async def _of_parts(self, session: Session, store: BlobStore) -> None:
        if session.persisted_size == 0:
            raise empty()
        if session.size_bytes is not None and not session.whole:
            raise incomplete(session.size_bytes, session.persisted_size)
        key = session.destination.object_key
        parts = await self._progress.parts(session)
        if not parts:
            assert session.tail_key is not None  # where else would the bytes be?
            await store.copy(
                session.tail_key, key, content_type=await self._type_of(store, session)
            )
            return
        assert session.store_upload_id is not None  # it is recorded before the first part
        if session.tail_key is not None:
            parts.append(await self._tail_as_part(session, store))
        await self._complete(session, store, parts, session.persisted_size)

    async def _tail_as_part(self, session: Session, store: BlobStore) -> Part:
        """Put what follows the parts behind them; the last may be as small as it is."""
        assert session.tail_key is not None
        assert session.store_upload_id is not None
        number = await self._progress.next_part(session)
        async with self._spools.open() as spool:
            await store.get_to_file(session.tail_key, spool.path)
            part = await store.put_part(
                session.destination.object_key,
                session.store_upload_id,
                number,
                spool.path,
                offset=0,
                length=session.tail_size,
            )
        await self._progress.stored(session, [part], session.persisted_size)
        return part

    async def _of_incoming(self, session: Session, store: BlobStore) -> None:
        """Promote what a presigned request has brought, by a copy that it cannot change."""
        try:
            stat = await store.stat(session.incoming_key)
        except BlobNotFound:
            raise _nothing(session) from None
        limits = tightened(self._limits, session.destination)
        check_size(stat.size, max_bytes=limits.bytes, declared=None)
        if session.size_bytes is not None and stat.size != session.size_bytes:
            # Not every store holds a PUT to its signed length; the right file may still come.
            await store.delete(session.incoming_key)
            raise incomplete(session.size_bytes, stat.size)
        content_type = await self._type_of(store, session)
        await store.copy(
            session.incoming_key, session.destination.object_key, content_type=content_type
        )

    async def _of_slices(self, session: Session, store: BlobStore) -> None:
        assert session.store_upload_id is not None
        assert session.size_bytes is not None
        key = session.destination.object_key
        try:
            parts = await store.list_parts(key, session.store_upload_id)
        except BlobNotFound:
            parts = []  # it was put together already, or somebody has dropped it
        else:
            wanted = {piece.number: piece.size for piece in slices(session.size_bytes)}
            if not parts:
                raise _nothing(session)
            if {part.number: part.size for part in parts} != wanted:
                raise incomplete(session.size_bytes, sum(part.size for part in parts))
        await self._complete(session, store, parts, session.size_bytes)

    async def _complete(
        self, session: Session, store: BlobStore, parts: Sequence[Part], size: int
    ) -> None:
        """Make one object of parts, unless an attempt before this one has."""
        assert session.store_upload_id is not None
        key = session.destination.object_key
        try:
            if parts:
                await store.complete_multipart(key, session.store_upload_id, parts)
                return
        except BlobNotFound:
            pass
        stat = await store.stat(key)
        if stat.size != size:
            raise incomplete(size, stat.size)

    async def _type_of(self, store: BlobStore, session: Session) -> str:
        """Tell the media type of an object by its head, or refuse it at once."""
        if session.partial:
            return _OCTETS
        key = session.incoming_key if session.method is not Method.RESUMABLE else session.tail_key
        assert key is not None
        head = b""
        async with aclosing(store.get_range(key, length=HEAD_BYTES)) as chunks:
            async for chunk in chunks:
                head += chunk
        format = recognise(head, session.header.content_type, allow_svg=self._limits.allow_svg)
        return format.mime_type

    async def _joined(self, session: Session, sha256: str) -> Committed:
        """Take in the bytes of partial uploads, one after the other, as if somebody sent them."""
        place = session.destination
        store = await self._stores.open(place.location_id)
        keys = [f"{incoming_prefix(upload_id)}file" for upload_id in session.concat]

        async def messages() -> AsyncIterator[Chunk | End]:
            offset = 0
            for key in keys:
                async with aclosing(store.get_range(key)) as chunks:
                    async for data in chunks:
                        yield Chunk(offset=offset, data=data)
                        offset += len(data)
            yield End(sha256=sha256)

        header = replace(session.header, upload_id=session.id, size_bytes=session.size_bytes)
        return await self._receive.run(session.team_id, header, messages())


def _completed(session: Session, sha256: str) -> Image:
    """Return the picture that an upload became, if it is the one of these bytes."""
    image = Image.FromString(session.result or b"")
    if sha256 and image.sha256 and sha256.lower() != image.sha256:
        raise FailedPrecondition(
            Reason.UPLOAD_COMPLETED,
            "the upload is complete, with other bytes",
            metadata={"upload": session.id, "image": image.id},
        )
    return image


def _nothing(session: Session) -> FailedPrecondition:
    return FailedPrecondition(
        Reason.UPLOAD_OBJECT_MISSING,
        "nothing has come yet",
        metadata={"upload": session.id},
    )
