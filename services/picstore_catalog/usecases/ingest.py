"""Taking pictures in: announcing them, and where the original of an upload goes."""

from __future__ import annotations

from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import (
    FIRST_GENERATION,
    Resolution,
    UploadRequest,
    UploadTarget,
    check_texts,
)
from picstore_catalog.repo import image as images
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.repo import upload_target
from picstore_catalog.repo.image import NewImage
from picstore_catalog.uow import Transaction
from picstore_kit.audit import record
from picstore_kit.blobs.keys import (
    original_key,
    sanitise_filename,
    sanitise_location,
)
from picstore_kit.changes import differences
from picstore_kit.errors import NotFound
from picstore_kit.ids import ImageId, new_id
from picstore_kit.pg.access import Access


async def announce_image(
    transaction: Transaction, access: Access, request: UploadRequest, description: Description
) -> Stored[Image]:
    """Make a picture that is AWAITING_UPLOAD. Its texts have been checked.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: See `repo.upload_target.fetch`.
    """
    target = await _target(transaction, access, request)
    new = NewImage(
        id=new_id(ImageId),
        upload_profile_id=target.upload_profile_id,
        filename=sanitise_filename(request.filename),
        location=sanitise_location(request.location),
        description=description,
    )
    await images.insert(transaction, access, new, project_id=target.project_id)
    announced = await images.fetch(transaction, access, new.id)
    image = announced.value
    await record(
        transaction,
        team_id=access.team_id,
        resource_type="Image",
        resource_id=image.id,
        project_id=image.project_id,
        changes=differences(
            {},
            {
                "filename": image.filename,
                "location": image.location,
                "upload_profile": image.upload_profile_id,
                **description.as_texts(),
            },
        ),
    )
    return announced


async def resolve_upload(
    transaction: Transaction, access: Access, request: UploadRequest
) -> Resolution:
    """Say where the original of a new picture goes.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: See `repo.upload_target.fetch`.
        InvalidFields: A text is too long.
    """
    check_texts(filename=request.filename, location=request.location)
    target = await _target(transaction, access, request)
    return await _resolution(
        transaction,
        target,
        image_id=new_id(ImageId),
        generation=FIRST_GENERATION,
        filename=sanitise_filename(request.filename),
        location=sanitise_location(request.location),
    )


async def resolve_existing(
    transaction: Transaction, access: Access, image_id: ImageId, *, filename: str = ""
) -> Resolution:
    """Say where the next original of a picture goes: the first, or one that replaces another.

    `filename` is what the file is called; empty for the name that the picture has.

    Raises:
        NotFound, PermissionDenied: There is no such picture, or the caller must not upload it.
        InvalidFields: The name is too long.
    """
    check_texts(filename=filename)
    image = (await images.fetch(transaction, access, image_id)).value
    target = await upload_target.fetch(
        transaction, access, image.project_id, image.upload_profile_id, default=None
    )
    return await _resolution(
        transaction,
        target,
        image_id=image.id,
        generation=await images.next_generation(transaction, image.id),
        filename=sanitise_filename(filename) if filename else image.filename,
        location=image.location,
    )


async def _target(transaction: Transaction, access: Access, request: UploadRequest) -> UploadTarget:
    return await upload_target.fetch(
        transaction,
        access,
        request.project_id,
        request.upload_profile,
        default=request.default_upload_profile_id,
    )


async def _resolution(
    transaction: Transaction,
    target: UploadTarget,
    *,
    image_id: ImageId,
    generation: int,
    filename: str,
    location: str,
) -> Resolution:
    found = await locations.find_by_ids(transaction, [target.originals_location_id])
    if not found:
        raise NotFound.of("StorageLocation", target.originals_location_id)
    return Resolution(
        image_id=image_id,
        generation=generation,
        target=target,
        originals_location=found[0],
        object_key=original_key(
            project=target.base_path,
            path=target.originals_path,
            image=image_id,
            generation=generation,
            filename=filename,
        ),
        filename=filename,
        location=location,
    )
