"""What an upload needs of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.blobs.base import BlobStore
from picstore_kit.ids import ImageId, LocationId, UploadId
from picstore_kit.sandbox.pool import RequestFor
from picstore_upload.model import Destination, JournalEntry, Original, UploadHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What the catalog made of an original."""

    image: Image
    """The picture as callers see it: the new one, or one that was there."""
    original_kept: bool
    """Whether the object is an original now; if not, nobody needs it."""
    duplicate: bool
    """Whether the picture was there before, with the same bytes."""


class Commits(Protocol):
    """Knows which uploads became pictures, and which objects are originals."""

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that an upload became, or None."""
        ...

    async def find_original(self, location_id: LocationId, object_key: str) -> ImageId | None:
        """Return the picture that an object is the original of, or None."""
        ...


class Catalog(Commits, Protocol):
    """Where pictures are recorded; called for the user whose upload it is."""

    async def resolve(self, header: UploadHeader) -> Destination:
        """Say where the original goes, or raise why it may not come."""
        ...

    async def commit(self, original: Original) -> Committed:
        """Record a stored original; repeating it changes nothing."""
        ...


class Stores(Protocol):
    """Where originals are."""

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location; it may be shared and kept."""
        ...


class Children(Protocol):
    """The sandboxed processes that read headers."""

    async def result(self, request_for: RequestFor) -> dict[str, Any]:
        """Let a child work and return its answer, which nobody has checked.

        `request_for` says what on, given the room of the child, where it puts the files for it.
        """
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
