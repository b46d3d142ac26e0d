"""The use-case: take in one picture, whole and checked, or leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from picstore.catalog.v1.image_pb2 import Image
from picstore_imaging.facts import Probe
from picstore_imaging.limits import Limits
from picstore_kit.blobs.base import BlobStore
from picstore_kit.errors import (
    Aborted,
    Code,
    InvalidArgument,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
    first_error,
)
from picstore_kit.ids import TeamId, UploadId, new_id
from picstore_upload.model import (
    Chunk,
    Destination,
    End,
    Original,
    Receiver,
    UploadHeader,
    check_declared,
)
from picstore_upload.ports import Catalog, Children, Journal, Stores
from picstore_upload.spool import Spool

log = structlog.get_logger(__name__)

STREAM_FROM_BYTES: Final = 8 * 1024 * 1024
"""Larger files go to the store while they still come in; smaller ones in one request at the end,
which lets the store check their digest."""

_EXTEND_S: Final = 20.0
"""How often the journal hears that an upload goes on; a third of its lease."""

_UNDECIDED = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.UNKNOWN, Code.INTERNAL})
"""Codes of a commit after which it may or may not have happened."""


class ReceiveUpload:
    """Receives pictures, a bounded number at a time, each in memory that does not grow with it."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        stores: Stores,
        children: Children,
        journal: Journal,
        limits: Limits,
        spool_dir: Path,
        max_uploads: int,
        stall_s: float,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._children = children
        self._journal = journal
        self._limits = limits
        self._spool_dir = spool_dir
        self._places = asyncio.Semaphore(max_uploads)
        self._stall_s = stall_s

    async def run(
        self, team: TeamId, header: UploadHeader, messages: AsyncIterator[Chunk | End]
    ) -> Image:
        """Take in one picture and return it as the catalog recorded it.

        Raises:
            PicstoreError: The picture was refused, or something failed; nothing of it is stored.
        """
        if self._places.locked():
            raise ResourceExhausted(
                Reason.OVERLOADED, "too many uploads at once; try again", retry_after=2.0
            )
        async with self._places:
            destination = await self._catalog.resolve(header)
            limits = _tightened(self._limits, destination)
            check_declared(header, max_bytes=limits.bytes)
            upload_id = new_id(UploadId)
            async with AsyncExitStack() as stack:
                spool = await stack.enter_async_context(_disk_errors(Spool(self._spool_dir)))
                entry = await stack.enter_async_context(
                    self._journalled(team, upload_id, destination)
                )
                receiver = Receiver(header, max_bytes=limits.bytes)
                probe, digest = await self._take_in(spool, receiver, messages, destination, limits)
                original = Original(
                    upload_id=upload_id,
                    destination=destination,
                    probe=probe,
                    sha256=digest,
                    alt_text=header.alt_text,
                )
                return await self._commit(team, original, entry)

    async def _take_in(
        self,
        spool: Spool,
        receiver: Receiver,
        messages: AsyncIterator[Chunk | End],
        destination: Destination,
        limits: Limits,
    ) -> tuple[Probe, str]:
        """Receive, check and store; the object is complete only if every check was passed."""
        store = await self._stores.open(destination.location_id)
        try:
            async with asyncio.TaskGroup() as group:
                storing: asyncio.Task[object] | None = None
                end: End | None = None
                async with aclosing(self._unstalled(messages)) as unstalled:
                    async for message in unstalled:
                        if isinstance(message, End):
                            end = message
                            break
                        await asyncio.to_thread(_keep, receiver, spool, message)
                        await spool.announce(receiver.size)
                        if storing is None and receiver.size > STREAM_FROM_BYTES:
                            stream = _stream(store, destination, spool, receiver)
                            storing = group.create_task(stream)
                if end is None:
                    raise InvalidArgument(
                        Reason.UPLOAD_INCOMPLETE,
                        "the upload ended before the file did",
                        metadata={"received": str(receiver.size)},
                    )
                format, digest = receiver.finish(end)
                probe = await self._probe(spool.path, limits)
                if storing is not None:
                    await spool.release()
                else:
                    await store.put_file(
                        destination.object_key,
                        spool.path,
                        content_type=format.mime_type,
                        sha256=digest,
                    )
        except* PicstoreError as errors:
            raise first_error(errors) from None
        except* OSError as errors:
            log.error("upload.spool_failed", error=str(errors.exceptions[0]))
            raise _no_room() from None
        return probe, digest

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

    async def _probe(self, path: Path, limits: Limits) -> Probe:
        request = {"path": str(path), "limits": limits.to_json()}
        *_, answer = [message async for message in self._children.call(request)]
        return Probe.from_json(answer)

    @asynccontextmanager
    async def _journalled(
        self, team: TeamId, upload_id: UploadId, destination: Destination
    ) -> AsyncIterator[_Entry]:
        """Keep the journal's entry alive; if the body fails, remove what it may have stored."""
        entry = _Entry()
        await self._journal.open(team, upload_id, destination)

        async def extend() -> None:
            while True:
                await asyncio.sleep(_EXTEND_S)
                if not await self._journal.extend(team, upload_id):
                    raise _lease_lost()

        try:
            async with asyncio.TaskGroup() as group:
                heartbeat = group.create_task(extend())
                try:
                    yield entry
                finally:
                    heartbeat.cancel()
        except BaseException as error:
            # Whether an undecided commit happened is for the sweeper to find out.
            if not entry.undecided:
                await asyncio.shield(self._clean_up(team, upload_id, destination))
            if isinstance(error, BaseExceptionGroup):
                errors, _ = error.split(PicstoreError)
                if errors is not None:
                    raise first_error(errors, rather=Reason.LEASE_LOST) from None
            raise
        await self._journal.close(team, upload_id)

    async def _clean_up(self, team: TeamId, upload_id: UploadId, destination: Destination) -> None:
        # What can't be removed now is in the journal still, and the sweeper tries again.
        with suppress(PicstoreError):
            store = await self._stores.open(destination.location_id)
            await store.delete(destination.object_key)
            await self._journal.close(team, upload_id)

    async def _commit(self, team: TeamId, original: Original, entry: _Entry) -> Image:
        if not await self._journal.commit(team, original.upload_id):
            raise _lease_lost()
        entry.undecided = True
        try:
            image = await self._catalog.commit(original)
        except PicstoreError as error:
            entry.undecided = error.code in _UNDECIDED
            raise
        entry.undecided = False
        log.info(
            "upload.committed",
            upload=original.upload_id,
            image=image.id,
            bytes=original.probe.bytes,
            format=original.probe.format.value,
        )
        return image


@dataclass(slots=True)
class _Entry:
    """What this process knows of its journal entry."""

    undecided: bool = False
    """The catalog was asked to record the picture and has not clearly answered."""


def _keep(receiver: Receiver, spool: Spool, chunk: Chunk) -> None:
    """Check, hash and write one chunk: the blocking part of receiving."""
    spool.write(receiver.take(chunk))


async def _stream(
    store: BlobStore, destination: Destination, spool: Spool, receiver: Receiver
) -> None:
    await store.put_stream(
        destination.object_key, spool.follow(), content_type=receiver.format.mime_type
    )


def _tightened(limits: Limits, destination: Destination) -> Limits:
    pixels = destination.max_pixels or limits.pixels
    return replace(
        limits,
        bytes=min(limits.bytes, destination.max_bytes or limits.bytes),
        pixels=min(limits.pixels, pixels),
        pixels_whole_decode=min(limits.pixels_whole_decode, pixels),
    )


def _lease_lost() -> Aborted:
    return Aborted(Reason.LEASE_LOST, "the upload took too long and was given up")


def _no_room() -> Unavailable:
    return Unavailable(
        Reason.STORAGE_UNAVAILABLE, "there is no room to receive the file now", retry_after=10.0
    )


@asynccontextmanager
async def _disk_errors(spool: Spool) -> AsyncIterator[Spool]:
    try:
        await spool.__aenter__()
    except OSError as error:
        raise _no_room() from error
    try:
        yield spool
    finally:
        await spool.__aexit__(None, None, None)
