"""Putting a growing file into a store, part by part."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol

from picstore_kit.blobs.base import PART_BYTES, BlobStore, Part

_AT_ONCE: Final = 3
"""Parts of one file on their way to the store; each is in memory meanwhile."""


class PartLedger(Protocol):
    """Numbers the parts of one object, and remembers those that are stored."""

    async def upload_id(self) -> str:
        """Return the store's id of the upload, which begins with the first call."""
        ...

    async def number(self) -> int:
        """Return a number that no part of the object had before, larger than all before."""
        ...

    async def stored(self, part: Part) -> None:
        """Remember a part; called in the order of the parts in the file."""
        ...


class PartWriter:
    """Puts the parts of a file as soon as they are whole, a few at once, from tasks of a group.

    A part that cannot be put fails the group.
    """

    def __init__(
        self, store: BlobStore, key: str, path: Path, ledger: PartLedger, group: asyncio.TaskGroup
    ) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._ledger = ledger
        self._group = group
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._last: asyncio.Task[None] | None = None
        self.sent = 0
        """Bytes of the file that are in parts, stored or on their way."""

    async def advance(self, written: int) -> None:
        """Begin to put what is whole of the first `written` bytes of the file."""
        while written - self.sent >= PART_BYTES:
            await self._begin(PART_BYTES)

    async def finish(self, written: int) -> None:
        """Put the rest of the file as its last part, and wait until all are stored."""
        await self.advance(written)
        if written > self.sent:
            await self._begin(written - self.sent)
        await self.settled()

    async def settled(self) -> None:
        """Wait until every part that has begun is stored and remembered."""
        if self._last is not None:
            await self._last

    async def _begin(self, length: int) -> None:
        upload_id, number = await self._ledger.upload_id(), await self._ledger.number()
        self._last = self._group.create_task(
            self._put(upload_id, number, self.sent, length, self._last)
        )
        self.sent += length

    async def _put(
        self,
        upload_id: str,
        number: int,
        offset: int,
        length: int,
        previous: asyncio.Task[None] | None,
    ) -> None:
        async with self._places:
            part = await self._store.put_part(
                self._key, upload_id, number, self._path, offset=offset, length=length
            )
        if previous is not None:
            await previous
        await self._ledger.stored(part)
