"""What an upload needs of the world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from picstore.catalog.v1.image_pb2 import Image
from picstore_kit.blobs.base import BlobStore
from picstore_kit.ids import ImageId, LocationId, TeamId, UploadId
from picstore_upload.model import Destination, Original, UploadHeader


class Catalog(Protocol):
    """Where pictures are recorded; called for the user whose upload it is."""

    async def resolve(self, header: UploadHeader) -> Destination:
        """Say where the original goes, or raise why it may not come."""
        ...

    async def commit(self, original: Original) -> Image:
        """Record a stored original; repeating it changes nothing."""
        ...

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that the upload became, or None."""
        ...


class Stores(Protocol):
    """Where originals are."""

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location; it may be shared and kept."""
        ...


class Children(Protocol):
    """The sandboxed processes that read headers."""

    def call(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Let a child work on `request` and yield its messages, the last of them final."""
        ...


class Journal(Protocol):
    """Remembers which objects a crash could leave behind."""

    async def open(self, team: TeamId, upload_id: UploadId, destination: Destination) -> None:
        """Write down where an upload may store something, before it does."""
        ...

    async def extend(self, team: TeamId, upload_id: UploadId) -> bool:
        """Say that the upload goes on; False if the sweeper has taken it for dead."""
        ...

    async def commit(self, team: TeamId, upload_id: UploadId) -> bool:
        """Say that the original is being recorded; False if the sweeper has taken it for dead."""
        ...

    async def close(self, team: TeamId, upload_id: UploadId) -> None:
        """Forget an upload that left nothing, or whose original is recorded."""
        ...
