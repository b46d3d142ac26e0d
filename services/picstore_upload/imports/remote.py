"""Where the bytes of items come from: URLs, and objects in buckets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self

from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.threads import Threads
from picstore_kit.errors import Reason
from picstore_kit.net.download import Download, DownloadFailed, DownloadTimes, Fault, download
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.urls import filename_of
from picstore_upload.imports.model import ClaimedItem, SourceFault
from picstore_upload.imports.ports import Opened, Stores

MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 256 * 1024
_AT_LEAST_BYTES: Final = 64 * 1024
"""Smaller pieces of an answer are put together: each costs a few turns of the loop."""
_HEADERS: Final = {"User-Agent": "PicStore", "Accept": "image/*, */*;q=0.1"}
_TRY_AGAIN: Final = frozenset({408, 425, 429})


class RemoteSources:
    """Opens what items name, URLs only as far as a policy allows; to be entered."""

    def __init__(
        self, stores: Stores, egress: EgressPolicy, *, times: DownloadTimes, downloads: int
    ) -> None:
        """`downloads` is how many files are fetched at once."""
        self._stores = stores
        self._egress = egress
        self._times = times
        # One thread for each: nobody's file waits for somebody else's server.
        self._threads = Threads(downloads, name="import")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.close()

    @asynccontextmanager
    async def open(self, item: ClaimedItem) -> AsyncIterator[Opened]:
        """Open the source of an item; see `Sources`."""
        if item.url is None:
            store = await self._stores.open(item.bucket_location_id)
            stat = await store.stat(item.source)
            yield StoredObject(store=store, key=item.source, size=stat.size)
            return
        answer = await self._begin(item.url)
        try:
            yield RemoteFile(
                answer=answer,
                filename=item.filename or filename_of(item.url) or filename_of(answer.url),
                threads=self._threads,
            )
        finally:
            await self._threads.run(answer.close)

    async def _begin(self, url: str) -> Download:
        ask = partial(
            download,
            url,
            egress=self._egress,
            times=self._times,
            headers=_HEADERS,
            max_redirects=MAX_REDIRECTS,
        )
        try:
            return await self._threads.run(ask)
        except DownloadFailed as failed:
            raise fault_of(failed) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of a bucket. What type it was stored with says little, so it is not gone by."""

    store: BlobStore
    key: str
    size: int | None
    content_type: str = ""

    @property
    def filename(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes; see `Opened`."""
        async with aclosing(self.store.get_range(self.key)) as blocks:
            async for block in blocks:
                yield block


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """The body of an answer."""

    answer: Download
    filename: str
    threads: Threads

    @property
    def size(self) -> int | None:
        """The length that the server announced."""
        return self.answer.size

    @property
    def content_type(self) -> str:
        """The type that the server declares, if that is one of pictures."""
        declared = self.answer.content_type.lower()
        return declared if declared.startswith("image/") else ""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes; see `Opened`."""
        while True:
            try:
                data = await self.threads.run_until(self.answer.interrupt, self._some)
            except DownloadFailed as failed:
                raise fault_of(failed) from None
            if not data:
                return
            yield data

    def _some(self) -> bytes:
        """Return the next bytes, not too few of them unless the end is near; none at the end."""
        data = self.answer.read(_CHUNK_BYTES)
        if not data or len(data) >= _AT_LEAST_BYTES:
            return data
        pieces = bytearray(data)
        while len(pieces) < _AT_LEAST_BYTES:
            data = self.answer.read(_CHUNK_BYTES - len(pieces))
            if not data:
                break
            pieces += data
        return bytes(pieces)


def fault_of(failed: DownloadFailed) -> SourceFault:
    """Say what a failed download makes of an item."""
    match failed.fault:
        case Fault.FORBIDDEN:
            reason, transient = Reason.REMOTE_FORBIDDEN, False
        case Fault.UNKNOWN_HOST:
            reason, transient = Reason.REMOTE_UNKNOWN_HOST, False
        case Fault.UNREACHABLE:
            reason, transient = Reason.REMOTE_UNREACHABLE, True
        case Fault.LATE:
            reason, transient = Reason.REMOTE_TIMEOUT, True
        case Fault.CERTIFICATE:
            reason, transient = Reason.REMOTE_CERTIFICATE_INVALID, False
        case Fault.REDIRECTS:
            reason, transient = Reason.REMOTE_REDIRECTS, False
        case Fault.STATUS:
            reason, transient = Reason.REMOTE_STATUS, _may_pass(failed.status)
        case Fault.ENCODED:
            reason, transient = Reason.IMAGE_UNRECOGNISED, False
        case Fault.CUT:
            reason, transient = Reason.UPLOAD_INCOMPLETE, True
    return SourceFault(reason, str(failed), transient=transient, retry_after=failed.retry_after)


def _may_pass(status: int | None) -> bool:
    return status is not None and (status >= 500 or status in _TRY_AGAIN)
