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
from picstore_catalog.model.names import short_name_fault
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import conversion_profile as repo
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.conversion_profiles import (
    create_conversion_profile,
    delete_conversion_profile,
    list_revisions,
    roll_back_conversion_profile,
    update_conversion_profile,
)
from picstore_kit.ids import ConversionProfileId, ProjectId, new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class ConversionProfileServicer(conversion_profile_pb2_grpc.ConversionProfileServiceServicer):
    """Administers conversion profiles."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def CreateConversionProfile(
        self, request: conversion_profile_pb2.CreateConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.CONVERSION_PROFILE_WRITE)
        message, path = request.conversion_profile, "conversion_profile"
        with all_at_once() as violations:
            profile = new_conversion_profile(
                message,
                new_id(ConversionProfileId),
                violations.optional_id(ProjectId, message.project_id, f"{path}.project_id"),
                violations,
                path,
            )

        async def create(transaction: Transaction) -> conversion_profile_pb2.ConversionProfile:
            return conversion_profile_message(
                await create_conversion_profile(transaction, access, profile)
            )

        return await self._work.once(
            access,
            method="CreateConversionProfile",
            request=request,
            answer=conversion_profile_pb2.ConversionProfile,
            work=create,
        )

    async def GetConversionProfile(
        self, request: conversion_profile_pb2.GetConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        with all_at_once() as violations:
            profile_id = violations.id(
                ConversionProfileId, request.conversion_profile_id, "conversion_profile_id"
            )
            violations.add("revision", "must not be negative" if request.revision < 0 else None)
        async with self._work.begin(access.team_id) as transaction:
            return conversion_profile_message(
                await repo.fetch(transaction, access, profile_id, revision=request.revision or None)
            )

    async def ListConversionProfiles(
        self, request: conversion_profile_pb2.ListConversionProfilesRequest, context: Context
    ) -> conversion_profile_pb2.ListConversionProfilesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        access.require_somewhere()
        if request.short_name:
            with all_at_once() as violations:
                violations.add("short_name", short_name_fault(request.short_name))
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListConversionProfiles", access.team_id, request.short_name),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await repo.find_all(
                transaction,
                access,
                short_name=request.short_name,
                after=ConversionProfileId(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
        return conversion_profile_pb2.ListConversionProfilesResponse(
            conversion_profiles=[conversion_profile_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateConversionProfile(
        self, request: conversion_profile_pb2.UpdateConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.CONVERSION_PROFILE_WRITE)
        message = request.conversion_profile
        with all_at_once() as violations:
            profile_id = violations.id(ConversionProfileId, message.id, "conversion_profile.id")
            change = conversion_profile_change(message, request.update_mask, violations)
        async with self._work.begin(access.team_id) as transaction:
            updated = await update_conversion_profile(
                transaction, access, profile_id, change, etag=message.etag
            )
        return conversion_profile_message(updated)

    async def DeleteConversionProfile(
        self, request: conversion_profile_pb2.DeleteConversionProfileRequest, context: Context
    ) -> Empty:
        """See the contract."""
        access = Access.of(require_principal(), Permission.CONVERSION_PROFILE_WRITE)
        profile_id = parse_id(
            ConversionProfileId, request.conversion_profile_id, field="conversion_profile_id"
        )
        async with self._work.begin(access.team_id) as transaction:
            await delete_conversion_profile(transaction, access, profile_id, etag=request.etag)
        return Empty()

    async def ListConversionProfileRevisions(
        self,
        request: conversion_profile_pb2.ListConversionProfileRevisionsRequest,
        context: Context,
    ) -> conversion_profile_pb2.ListConversionProfileRevisionsResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        profile_id = parse_id(
            ConversionProfileId, request.conversion_profile_id, field="conversion_profile_id"
        )
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListConversionProfileRevisions", access.team_id, profile_id),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await list_revisions(
                transaction,
                access,
                profile_id,
                before=int(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda kept: (str(kept.revision),))
        return conversion_profile_pb2.ListConversionProfileRevisionsResponse(
            revisions=[revision_message(revision) for revision in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RollbackConversionProfile(
        self, request: conversion_profile_pb2.RollbackConversionProfileRequest, context: Context
    ) -> conversion_profile_pb2.ConversionProfile:
        """See the contract."""
        access = Access.of(require_principal(), Permission.CONVERSION_PROFILE_WRITE)
        with all_at_once() as violations:
            profile_id = violations.id(
                ConversionProfileId, request.conversion_profile_id, "conversion_profile_id"
            )
            violations.add("revision", "must be 1 or more" if request.revision < 1 else None)
        async with self._work.begin(access.team_id) as transaction:
            current = await roll_back_conversion_profile(
                transaction, access, profile_id, request.revision, etag=request.etag
            )
        return conversion_profile_message(current)
