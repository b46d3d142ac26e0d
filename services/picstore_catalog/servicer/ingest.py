"""IngestService."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import ingest_pb2, ingest_pb2_grpc, storage_location_pb2
from picstore_catalog.mapping.ingest import (
    committed_message,
    read_commit,
    read_upload,
    resolution_message,
)
from picstore_catalog.mapping.storage_location import location_message, with_secret
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.storage_location import StorageLocation
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import Resolution
from picstore_catalog.repo import original as originals
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases import ingest as cases
from picstore_catalog.usecases.commit_image import commit_image
from picstore_catalog.usecases.locations import LocationSecrets, require_own
from picstore_kit.errors import FieldViolation, InvalidField, InvalidFields, NotFound
from picstore_kit.ids import ImageId, LocationId, ProjectId, UploadId, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class IngestServicer(ingest_pb2_grpc.IngestServiceServicer):
    """Takes in uploaded pictures, for the upload service."""

    def __init__(self, work: UnitOfWork, secrets: LocationSecrets, *, grace: timedelta) -> None:
        """`grace` is how long the bus gets to bring a job to a worker before it is swept."""
        self._work = work
        self._secrets = secrets
        self._grace = grace

    async def ResolveUpload(
        self, request: ingest_pb2.ResolveUploadRequest, context: Context
    ) -> ingest_pb2.ResolveUploadResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_CREATE)
        async with self._work.begin(access.team_id) as transaction:
            if request.image_id:
                resolution = await self._resolve_existing(transaction, access, request)
            else:
                resolution = await self._resolve_new(transaction, access, request)
        return resolution_message(resolution, self._opened(resolution.originals_location))

    async def AuthorizeImport(
        self, request: ingest_pb2.AuthorizeImportRequest, context: Context
    ) -> Empty:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, Permission.IMAGE_CREATE)
        with all_at_once() as violations:
            project_id = violations.id(ProjectId, request.project_id, "project_id")
            location_id = violations.optional_id(
                LocationId, request.storage_location_id, "storage_location_id"
            )
        async with self._work.begin(access.team_id) as transaction:
            await projects.fetch(transaction, access, project_id)
            if location_id is not None:
                writing = Access.of(principal, Permission.STORAGE_LOCATION_WRITE)
                await require_own(transaction, writing, location_id)
        return Empty()

    async def CommitImage(
        self, request: ingest_pb2.CommitImageRequest, context: Context
    ) -> ingest_pb2.CommitImageResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_CREATE)
        commit = read_commit(request)
        async with self._work.begin(access.team_id) as transaction:
            return committed_message(
                await commit_image(transaction, access, commit, grace=self._grace)
            )

    async def FindCommit(
        self, request: ingest_pb2.FindCommitRequest, context: Context
    ) -> ingest_pb2.FindCommitResponse:
        """See the contract."""
        upload_id = parse_id(UploadId, request.upload_id, field="upload_id")
        async with self._reach() as transaction:
            upload = await originals.find_upload(transaction, upload_id)
        return ingest_pb2.FindCommitResponse(image_id="" if upload is None else upload.image_id)

    async def FindOriginal(
        self, request: ingest_pb2.FindOriginalRequest, context: Context
    ) -> ingest_pb2.FindOriginalResponse:
        """See the contract."""
        location_id = parse_id(LocationId, request.storage_location_id, field="storage_location_id")
        if not request.object_key or "\0" in request.object_key:
            raise InvalidField("object_key", "must be an object's key")
        async with self._reach() as transaction:
            image_id = await originals.find_object(transaction, location_id, request.object_key)
        return ingest_pb2.FindOriginalResponse(image_id=image_id or "")

    async def GetStorageAccess(
        self, request: ingest_pb2.GetStorageAccessRequest, context: Context
    ) -> storage_location_pb2.StorageLocation:
        """See the contract."""
        location_id = parse_id(LocationId, request.storage_location_id, field="storage_location_id")
        async with self._reach() as transaction:
            found = await locations.find_by_ids(transaction, [location_id])
        if not found:
            raise NotFound.of("StorageLocation", location_id)
        return self._opened(found[0])

    def _reach(self) -> AbstractAsyncContextManager[Transaction]:
        """Reach the team of the user whom the service acts for, or everything if it acts for none.

        What is read in here is read by its id alone, never listed: a service sees of all teams just
        what it was told of.
        """
        team_id = require_principal().team_id
        return self._work.begin_for_all_teams() if team_id is None else self._work.begin(team_id)

    def _opened(self, stored: Stored[StorageLocation]) -> storage_location_pb2.StorageLocation:
        return with_secret(location_message(stored), self._secrets.open(stored.value))

    async def _resolve_new(
        self,
        transaction: Transaction,
        access: Access,
        request: ingest_pb2.ResolveUploadRequest,
    ) -> Resolution:
        upload = read_upload(
            request, default_upload_profile_id=require_principal().default_upload_profile_id
        )
        return await cases.resolve_upload(transaction, access, upload)

    async def _resolve_existing(
        self,
        transaction: Transaction,
        access: Access,
        request: ingest_pb2.ResolveUploadRequest,
    ) -> Resolution:
        image_id = parse_id(ImageId, request.image_id, field="image_id")
        repeated = [
            FieldViolation(field=field, description="must not be given beside image_id")
            for field in ("upload_profile", "location")
            if getattr(request, field)
        ]
        if repeated:
            raise InvalidFields(repeated)
        resolution = await cases.resolve_existing(
            transaction, access, image_id, filename=request.filename
        )
        if request.project_id and request.project_id != resolution.target.project_id:
            raise InvalidField("project_id", "must be the picture's")
        return resolution
