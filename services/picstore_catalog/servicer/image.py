"""ImageService."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from picstore.catalog.v1 import (
    explanation_pb2,
    image_pb2,
    image_service_pb2,
    image_service_pb2_grpc,
    picture_pb2,
)
from picstore_catalog.mapping.derived import read_derivation
from picstore_catalog.mapping.description import read_change, read_locale
from picstore_catalog.mapping.explanation import explanation_message, signed_message
from picstore_catalog.mapping.image import image_message, picture_message, read_options
from picstore_catalog.mapping.image_list import (
    check_name,
    list_scope,
    read_filter,
    read_hash,
    read_hashes,
    read_image_order,
    read_project,
)
from picstore_catalog.mapping.ingest import read_announcement
from picstore_catalog.mapping.watch import read_wait, read_watched, told_message
from picstore_catalog.model.image_list import Position
from picstore_catalog.model.permission import Permission
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases import images as cases
from picstore_catalog.usecases.derive import derive_image
from picstore_catalog.usecases.explain import explain_image, sign_original
from picstore_catalog.usecases.gathered_lookups import GatheredLookups
from picstore_catalog.usecases.ingest import announce_image
from picstore_catalog.usecases.storage_test import Reach
from picstore_catalog.usecases.watch import Watching
from picstore_kit.ids import ImageId, ProjectId, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import renew_principal, require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class ImageServicer(image_service_pb2_grpc.ImageServiceServicer):
    """Shows and describes pictures."""

    def __init__(
        self,
        work: UnitOfWork,
        pager: Pager,
        lookups: GatheredLookups,
        watching: Watching,
        reach: Reach,
        *,
        grace: timedelta,
    ) -> None:
        """`grace` is how long the bus gets to bring a job to a worker before it is swept."""
        self._work = work
        self._grace = grace
        self._pager = pager
        self._lookups = lookups
        self._watching = watching
        self._reach = reach

    async def CreateImage(
        self, request: image_service_pb2.CreateImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, Permission.IMAGE_CREATE)
        upload, description = read_announcement(
            request.image, default_upload_profile_id=principal.default_upload_profile_id
        )

        async def create(transaction: Transaction) -> image_pb2.Image:
            return image_message(await announce_image(transaction, access, upload, description))

        return await self._work.once(
            access,
            method="CreateImage",
            request=request,
            answer=image_pb2.Image,
            work=create,
        )

    async def CreateDerivedImage(
        self, request: image_service_pb2.CreateDerivedImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, Permission.IMAGE_CREATE)
        reading = Access.of(principal, Permission.IMAGE_READ)
        derivation = read_derivation(request)

        async def derive(transaction: Transaction) -> image_pb2.Image:
            return image_message(
                await derive_image(transaction, access, reading, derivation, grace=self._grace)
            )

        return await self._work.once(
            access,
            method="CreateDerivedImage",
            request=request,
            answer=image_pb2.Image,
            work=derive,
        )

    async def GetImage(
        self, request: image_service_pb2.GetImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        with all_at_once() as violations:
            image_id = violations.id(ImageId, request.image_id, "image_id")
            wait_s = read_wait(request.wait, violations)
        if wait_s:
            await self._watching.settled(_renewed_access, image_id, wait_s=wait_s)
            access = await _renewed_access()
        async with self._work.begin(access.team_id) as transaction:
            return image_message(await cases.get_image(transaction, access, image_id))

    async def ListImages(
        self, request: image_service_pb2.ListImagesRequest, context: Context
    ) -> image_service_pb2.ListImagesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        with all_at_once() as violations:
            project_id = violations.id(ProjectId, request.project_id, "project_id")
            wanted = read_filter(request, violations)
            order = read_image_order(request.order_by, violations)
            if request.page_size < 0:
                violations.add("page_size", "must not be negative")
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListImages", access.team_id, list_scope(request)),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await cases.list_images(
                transaction,
                access,
                project_id,
                wanted,
                order=order,
                after=(
                    Position(value=asked.after[0], id=ImageId(asked.after[1]))
                    if asked.after
                    else None
                ),
                limit=asked.limit,
            )
        page = self._pager.close(
            asked, found, cursor=lambda listed: (listed.position, listed.stored.value.id)
        )
        return image_service_pb2.ListImagesResponse(
            images=[image_message(listed.stored) for listed in page.rows],
            next_page_token=page.next_page_token,
        )

    async def LookupImage(
        self, request: image_service_pb2.LookupImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        with all_at_once() as violations:
            project_id = read_project(request.project_id, violations)
            sha256 = read_hash(request.sha256, "sha256", violations)
            check_name(request.upload_profile, "upload_profile", violations)
        return image_message(
            await self._lookups.look_up(
                access, project_id, sha256, upload_profile=request.upload_profile
            )
        )

    async def LookupImages(
        self, request: image_service_pb2.LookupImagesRequest, context: Context
    ) -> image_service_pb2.LookupImagesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        with all_at_once() as violations:
            project_id = read_project(request.project_id, violations)
            wanted = read_hashes(request.sha256s, violations)
            check_name(request.upload_profile, "upload_profile", violations)
        async with self._work.begin(access.team_id) as transaction:
            found = await cases.look_up_images(
                transaction,
                access,
                project_id,
                list(wanted),
                upload_profile=request.upload_profile,
            )
        known = {stored.value.original.sha256 for stored in found if stored.value.original}
        return image_service_pb2.LookupImagesResponse(
            images=[image_message(stored) for stored in found],
            unknown_sha256s=[text for digest, text in wanted.items() if digest not in known],
        )

    async def UpdateImage(
        self, request: image_service_pb2.UpdateImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_EDIT)
        with all_at_once() as violations:
            image_id = violations.id(ImageId, request.image.id, "image.id")
            change = read_change(request.image, request.update_mask, violations)
        async with self._work.begin(access.team_id) as transaction:
            return image_message(
                await cases.describe_image(
                    transaction, access, image_id, change, etag=request.image.etag
                )
            )

    async def GetPicture(
        self, request: image_service_pb2.GetPictureRequest, context: Context
    ) -> picture_pb2.Picture:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        with all_at_once() as violations:
            image_id = violations.id(ImageId, request.image_id, "image_id")
            options = read_options(request, violations)
            locale = read_locale(request.locale, "locale", violations)
            wait_s = read_wait(request.wait, violations)
        if wait_s:
            await self._watching.settled(_renewed_access, image_id, wait_s=wait_s)
            access = await _renewed_access()
        async with self._work.begin(access.team_id) as transaction:
            image, picture = await cases.get_picture(
                transaction, access, image_id, options, locale=locale
            )
        return picture_message(image, picture)

    async def WatchImages(
        self, request: image_service_pb2.WatchImagesRequest, context: Context
    ) -> AsyncGenerator[image_service_pb2.WatchImagesResponse, None]:
        """See the contract."""
        with all_at_once() as violations:
            project_id = violations.id(ProjectId, request.project_id, "project_id")
            image_ids = read_watched(request, violations)
        if image_ids:
            told = self._watching.images(_renewed_access, project_id, image_ids)
        else:
            told = self._watching.project(_renewed_access, project_id)
        async with aclosing(told):
            async for one in told:
                yield told_message(one)

    async def WatchImage(
        self, request: image_service_pb2.WatchImageRequest, context: Context
    ) -> AsyncGenerator[image_service_pb2.WatchImagesResponse, None]:
        """See the contract."""
        image_id = parse_id(ImageId, request.image_id, field="image_id")
        async with aclosing(self._watching.image(_renewed_access, image_id)) as told:
            async for one in told:
                yield told_message(one)

    async def ExplainImage(
        self, request: explanation_pb2.ExplainImageRequest, context: Context
    ) -> explanation_pb2.ExplainImageResponse:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, Permission.IMAGE_READ)
        reproducing = Access.of(principal, Permission.IMAGE_ORIGINAL)
        image_id = parse_id(ImageId, request.image_id, field="image_id")
        async with self._work.begin(access.team_id) as transaction:
            return explanation_message(
                await explain_image(transaction, access, reproducing, image_id)
            )

    async def SignOriginal(
        self, request: image_service_pb2.SignOriginalRequest, context: Context
    ) -> image_service_pb2.SignOriginalResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_ORIGINAL)
        with all_at_once() as violations:
            image_id = violations.id(ImageId, request.image_id, "image_id")
            if request.generation < 0:
                violations.add("generation", "must not be negative")
        return signed_message(
            await sign_original(
                self._work, self._reach, access, image_id, generation=request.generation
            )
        )


async def _renewed_access() -> Access:
    """Return what the caller may do now, in a call that has lasted for a while."""
    return Access.of(await renew_principal(), Permission.IMAGE_READ)
