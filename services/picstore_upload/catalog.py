"""The catalog, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picstore.catalog.v1 import ingest_pb2, storage_location_pb2
from picstore_kit.ids import ImageId, LocationId, ProjectId, UploadId
from picstore_upload import mapping
from picstore_upload.model import Destination, Original, UploadHeader
from picstore_upload.ports import Committed

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceAsyncStub


class RPCCatalog:
    """A `Catalog` at the other end of a channel; errors arrive as the catalog raised them.

    The channel's credentials name the user whose upload it is beside this service.
    """

    def __init__(self, ingest: IngestServiceAsyncStub) -> None:
        self._ingest = ingest

    async def resolve(self, header: UploadHeader) -> Destination:
        """Say where the original goes, or raise why it may not come."""
        return mapping.destination_from(
            await self._ingest.ResolveUpload(mapping.resolve_to(header))
        )

    async def authorize_import(
        self, project_id: ProjectId, location_id: LocationId | None = None
    ) -> None:
        """Raise why pictures may not come into a project, or not from a storage location."""
        await self._ingest.AuthorizeImport(
            ingest_pb2.AuthorizeImportRequest(
                project_id=project_id, storage_location_id=location_id or ""
            )
        )

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        """Return the picture that the upload became, or None."""
        response = await self._ingest.FindCommit(ingest_pb2.FindCommitRequest(upload_id=upload_id))
        return ImageId(response.image_id) if response.image_id else None

    async def commit(self, original: Original) -> Committed:
        """Record a stored original; repeating it changes nothing."""
        return mapping.committed_from(await self._ingest.CommitImage(mapping.commit_to(original)))

    async def find_original(self, location_id: LocationId, object_key: str) -> ImageId | None:
        """Return the picture that an object is the original of, or None."""
        response = await self._ingest.FindOriginal(
            ingest_pb2.FindOriginalRequest(storage_location_id=location_id, object_key=object_key)
        )
        return ImageId(response.image_id) if response.image_id else None

    async def get_location(self, location_id: LocationId) -> storage_location_pb2.StorageLocation:
        """Return a storage location, secrets and all."""
        request = ingest_pb2.GetStorageAccessRequest(storage_location_id=location_id)
        return await self._ingest.GetStorageAccess(request)
