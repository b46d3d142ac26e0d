"""What an upload needs of the world."""

from __future__ import annotations

from typing import Any, Protocol

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.blobs.base import BlobStore
from picstore_kit.ids import ImageId, LocationId, UploadId
from picstore_upload.model import Destination, JournalEntry, Original, UploadHeader


class Commits(Protocol):
    """Knows which uploads became pictures."""

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that the upload became, or None."""
        ...


class Catalog(Protocol):
    """Where pictures are recorded; called for the user whose upload it is."""

    async def resolve(self, header: UploadHeader) -> Destination:
        """Say where the original goes, or raise why it may not come."""
        ...

    async def commit(self, original: Original) -> Image:
        """Record a stored original; repeating it changes nothing."""
        ...


class Stores(Protocol):
    """Where originals are."""

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location; it may be shared and kept."""
        ...


class Children(Protocol):
    """The sandboxed processes that read headers."""

    async def result(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let a child work on `request` and return its answer, which nobody has checked."""
        ...


class Journal(Protocol):
    """Remembers which objects a crash could leave behind."""

    async def open(self, entry: JournalEntry) -> None:
        """Write down where an upload may store something, before it does."""
        ...

    async def extend(self, entry: JournalEntry) -> bool:
        """Say that the upload goes on; False if the sweeper has taken it for dead."""
        ...

    async def commit(self, entry: JournalEntry) -> bool:
        """Say that the original is being recorded; False if the sweeper has taken it for dead."""
        ...

    async def close(self, entry: JournalEntry) -> None:
        """Forget an upload that left nothing, or whose original is recorded."""
        ...

    async def take_dead(self, *, limit: int) -> list[JournalEntry]:
        """Take uploads that nobody has heard of; no process can commit them any more."""
        ...
