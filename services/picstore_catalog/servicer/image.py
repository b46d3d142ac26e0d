"""ImageService."""

from __future__ import annotations

from typing import Final

from picstore.catalog.v1 import image_pb2, image_pb2_grpc, picture_pb2
from picstore_catalog.mapping.field_mask import masked_fields
from picstore_catalog.mapping.image import image_message, picture_message, read_state
from picstore_catalog.mapping.ingest import read_sha256
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.picture import PictureOptions
from picstore_catalog.model.upload import UploadRequest
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases import images as cases
from picstore_catalog.usecases.ingest import announce_image
from picstore_kit.errors import InvalidField
from picstore_kit.ids import ImageId, ProjectId, parse_id
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context

MAX_HASHES: Final = 1000


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Shows and describes pictures."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def CreateImage(
        self, request: image_pb2.CreateImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        principal = require_principal()
        access = Access.of(principal, Permission.IMAGE_CREATE)
        image = request.image
        upload = UploadRequest(
            project_id=parse_id(ProjectId, image.project_id, field="image.project_id"),
            upload_profile=image.upload_profile,
            default_upload_profile_id=principal.default_upload_profile_id,
            filename=image.filename,
            location=image.location,
        )

        async def create(transaction: Transaction) -> image_pb2.Image:
            return image_message(
                await announce_image(transaction, access, upload, alt_text=image.alt_text)
            )

        return await self._work.once(
            access,
            method="CreateImage",
            request=request,
            answer=image_pb2.Image,
            work=create,
        )

    async def GetImage(
        self, request: image_pb2.GetImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        image_id = parse_id(ImageId, request.image_id, field="image_id")
        async with self._work.begin(access.team_id) as transaction:
            return image_message(await cases.get_image(transaction, access, image_id))

    async def ListImages(
        self, request: image_pb2.ListImagesRequest, context: Context
    ) -> image_pb2.ListImagesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        project_id = parse_id(ProjectId, request.project_id, field="project_id")
        state = read_state(request.state, field="state")
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListImages", access.team_id, project_id, state.value if state else ""),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await cases.list_images(
                transaction,
                access,
                project_id,
                state=state,
                before=ImageId(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
        return image_pb2.ListImagesResponse(
            images=[image_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def LookupImages(
        self, request: image_pb2.LookupImagesRequest, context: Context
    ) -> image_pb2.LookupImagesResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        project_id = parse_id(ProjectId, request.project_id, field="project_id")
        if not 1 <= len(request.sha256s) <= MAX_HASHES:
            raise InvalidField("sha256s", f"must be 1 to {MAX_HASHES} hashes")
        wanted = {
            read_sha256(text, field=f"sha256s[{index}]"): text
            for index, text in enumerate(request.sha256s)
        }
        async with self._work.begin(access.team_id) as transaction:
            found = await cases.look_up_images(
                transaction,
                access,
                project_id,
                list(wanted),
                upload_profile=request.upload_profile,
            )
        known = {stored.value.original.sha256 for stored in found if stored.value.original}
        return image_pb2.LookupImagesResponse(
            images=[image_message(stored) for stored in found],
            unknown_sha256s=[text for digest, text in wanted.items() if digest not in known],
        )

    async def UpdateImage(
        self, request: image_pb2.UpdateImageRequest, context: Context
    ) -> image_pb2.Image:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_EDIT)
        image_id = parse_id(ImageId, request.image.id, field="image.id")
        fields = masked_fields(request.update_mask, request.image, changeable={"alt_text"})
        async with self._work.begin(access.team_id) as transaction:
            return image_message(
                await cases.describe_image(
                    transaction,
                    access,
                    image_id,
                    etag=request.image.etag,
                    alt_text=request.image.alt_text if "alt_text" in fields else None,
                )
            )

    async def GetPicture(
        self, request: image_pb2.GetPictureRequest, context: Context
    ) -> picture_pb2.Picture:
        """See the contract."""
        access = Access.of(require_principal(), Permission.IMAGE_READ)
        image_id = parse_id(ImageId, request.image_id, field="image_id")
        options = PictureOptions(
            sizes=request.sizes, priority=request.priority, css_class=request.css_class
        )
        async with self._work.begin(access.team_id) as transaction:
            image, picture = await cases.get_picture(transaction, access, image_id, options)
        return picture_message(image, picture)
