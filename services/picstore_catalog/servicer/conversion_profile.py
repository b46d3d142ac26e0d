"""ConversionProfileService."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import conversion_profile_pb2, conversion_profile_pb2_grpc
from picstore_catalog.mapping.conversion_profile import (
    conversion_profile_change,
    conversion_profile_message,
    new_conversion_profile,
    revision_message,
)
from picstore_catalog.model.conversion_profile import ConversionProfile
from picstore_catalog.model.permission import Permission
from picstore_catalog.servicer.revisioned import RevisionedCalls
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.conversion_profiles import CONVERSION_PROFILES
from picstore_kit.ids import ConversionProfileId, ProjectId
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.call import Context
from picstore_kit.violations import Violations


class ConversionProfileServicer(conversion_profile_pb2_grpc.ConversionProfileServiceServicer):
    """Administers conversion profiles."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._calls = RevisionedCalls(
            work=work,
            pager=pager,
            objects=CONVERSION_PROFILES,
            id_kind=ConversionProfileId,
            field="conversion_profile",
            write=Permission.CONVERSION_PROFILE_WRITE,
        )

    async def CreateConversionProfile(
        self, request: conversion_profile_pb2.CreateConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        message, path = request.conversion_profile, "conversion_profile"

        def read(profile_id: ConversionProfileId, violations: Violations) -> ConversionProfile:
            project_id = violations.optional_id(ProjectId, message.project_id, f"{path}.project_id")
            return new_conversion_profile(message, profile_id, project_id, violations, path)

        return await self._calls.create(
            request,
            read,
            answer=conversion_profile_pb2.ConversionProfile,
            message=conversion_profile_message,
        )

    async def GetConversionProfile(
        self, request: conversion_profile_pb2.GetConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        return conversion_profile_message(
            await self._calls.fetch(request.conversion_profile_id, request.revision)
        )

    async def ListConversionProfiles(
        self, request: conversion_profile_pb2.ListConversionProfilesRequest, context: Context
    ) -> conversion_profile_pb2.ListConversionProfilesResponse:
        """See the contract."""
        page = await self._calls.find_page(request)
        return conversion_profile_pb2.ListConversionProfilesResponse(
            conversion_profiles=[conversion_profile_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateConversionProfile(
        self, request: conversion_profile_pb2.UpdateConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        message, mask = request.conversion_profile, request.update_mask
        return conversion_profile_message(
            await self._calls.update(
                message,
                lambda violations: conversion_profile_change(message, mask, violations),
            )
        )

    async def DeleteConversionProfile(
        self, request: conversion_profile_pb2.DeleteConversionProfileRequest, context: Context
    ) -> Empty:
        """See the contract."""
        await self._calls.delete(request.conversion_profile_id, etag=request.etag)
        return Empty()

    async def ListConversionProfileRevisions(
        self,
        request: conversion_profile_pb2.ListConversionProfileRevisionsRequest,
        context: Context,
    ) -> conversion_profile_pb2.ListConversionProfileRevisionsResponse:
        """See the contract."""
        page = await self._calls.find_revisions_page(request.conversion_profile_id, request)
        return conversion_profile_pb2.ListConversionProfileRevisionsResponse(
            revisions=[revision_message(revision) for revision in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RollbackConversionProfile(
        self, request: conversion_profile_pb2.RollbackConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        return conversion_profile_message(
            await self._calls.roll_back(
                request.conversion_profile_id, request.revision, etag=request.etag
            )
        )
