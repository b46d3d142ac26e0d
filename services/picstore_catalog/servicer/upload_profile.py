"""UploadProfileService."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import upload_profile_pb2, upload_profile_pb2_grpc
from picstore_catalog.mapping.upload_profile import (
    new_upload_profile,
    upload_profile_change,
    upload_profile_message,
)
from picstore_catalog.model.names import short_name_fault
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import upload_profile as repo
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.upload_profiles import (
    create_upload_profile,
    delete_upload_profile,
    list_upload_profiles,
    update_upload_profile,
)
from picstore_kit.ids import ProjectId, UploadProfileId, new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class UploadProfileServicer(upload_profile_pb2_grpc.UploadProfileServiceServicer):
    """Administers upload profiles."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def CreateUploadProfile(
        self, request: upload_profile_pb2.CreateUploadProfileRequest, context: Context
    ) -> upload_profile_pb2.UploadProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.UPLOAD_PROFILE_WRITE)
        profile = new_upload_profile(request.upload_profile, new_id(UploadProfileId))

        async def create(transaction: Transaction) -> upload_profile_pb2.UploadProfile:
            return upload_profile_message(await create_upload_profile(transaction, access, profile))

        return await self._work.once(
            access,
            method="CreateUploadProfile",
            request=request,
            answer=upload_profile_pb2.UploadProfile,
            work=create,
        )

    async def GetUploadProfile(
        self, request: upload_profile_pb2.GetUploadProfileRequest, context: Context
    ) -> upload_profile_pb2.UploadProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        profile_id = parse_id(UploadProfileId, request.upload_profile_id, field="upload_profile_id")
        async with self._work.begin(access.team_id) as transaction:
            return upload_profile_message(await repo.fetch(transaction, access, profile_id))

    async def ListUploadProfiles(
        self, request: upload_profile_pb2.ListUploadProfilesRequest, context: Context
    ) -> upload_profile_pb2.ListUploadProfilesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        with all_at_once() as violations:
            project_id = violations.id(ProjectId, request.project_id, "project_id")
            if request.short_name:
                violations.add("short_name", short_name_fault(request.short_name))
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListUploadProfiles", access.team_id, project_id, request.short_name),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await list_upload_profiles(
                transaction,
                access,
                project_id,
                short_name=request.short_name,
                after=UploadProfileId(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
        return upload_profile_pb2.ListUploadProfilesResponse(
            upload_profiles=[upload_profile_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateUploadProfile(
        self, request: upload_profile_pb2.UpdateUploadProfileRequest, context: Context
    ) -> upload_profile_pb2.UploadProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.UPLOAD_PROFILE_WRITE)
        message = request.upload_profile
        with all_at_once() as violations:
            profile_id = violations.id(UploadProfileId, message.id, "upload_profile.id")
            change = upload_profile_change(message, request.update_mask, violations)
        async with self._work.begin(access.team_id) as transaction:
            updated = await update_upload_profile(
                transaction, access, profile_id, change, etag=message.etag
            )
        return upload_profile_message(updated)

    async def DeleteUploadProfile(
        self, request: upload_profile_pb2.DeleteUploadProfileRequest, context: Context
    ) -> Empty:
        """See the contract."""
        access = Access.of(require_principal(), Permission.UPLOAD_PROFILE_WRITE)
        profile_id = parse_id(UploadProfileId, request.upload_profile_id, field="upload_profile_id")
        async with self._work.begin(access.team_id) as transaction:
            await delete_upload_profile(transaction, access, profile_id, etag=request.etag)
        return Empty()
