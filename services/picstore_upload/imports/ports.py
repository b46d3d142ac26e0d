"""What imports need of the world."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from picstore_kit.blobs.base import BlobStore
from picstore_kit.ids import ImageId, LocationId, ProjectId, TeamId, UploadId
from picstore_upload.imports.model import ClaimedItem
from picstore_upload.model import Chunk, End, UploadHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the engine made of a file."""

    image_id: str
    duplicate: bool
    """Whether the project had its bytes already."""


class Engine(Protocol):
    """Receives pictures, as it does for those who send them."""

    async def take(
        self,
        team_id: TeamId,
        header: UploadHeader,
        messages: AsyncIterator[Chunk | End],
    ) -> Taken:
        """Take in one picture for the current principal.

        The header's upload again, with the same bytes, gives the same picture.

        Raises:
            PicstoreError: The picture was refused, or something failed.
        """
        ...


class Catalog(Protocol):
    """What is asked of the catalog for the current principal."""

    async def resolve(self, header: UploadHeader) -> object:
        """Raise why pictures may not come as the header says."""
        ...

    async def authorize_import(
        self, project_id: ProjectId, location_id: LocationId | None = None
    ) -> None:
        """Raise why pictures may not come into a project, or not from a storage location."""
        ...

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that an upload became, or None."""
        ...


class Stores(Protocol):
    """Where the objects of buckets are."""

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location; it may be shared and kept."""
        ...


class Opened(Protocol):
    """A file whose bytes can be had."""

    @property
    def size(self) -> int | None:
        """Bytes that are announced; None where none are."""

    @property
    def content_type(self) -> str:
        """The type that it is declared to have; empty where that says nothing."""

    @property
    def filename(self) -> str:
        """What the file is called."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes.

        Raises:
            SourceFault: They do not come.
            PicstoreError: The store fails.
        """


class Sources(Protocol):
    """Where the bytes of items come from."""

    def open(self, item: ClaimedItem) -> AbstractAsyncContextManager[Opened]:
        """Open the source of an item.

        Raises:
            SourceFault: There is nothing to be had.
            PicstoreError: The store fails.
        """
        ...
