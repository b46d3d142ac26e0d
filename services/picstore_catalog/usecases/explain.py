"""Explaining a picture, and handing out the file that it came as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from picstore_catalog.model.explanation import Explanation, SignedOriginal
from picstore_catalog.repo import explanation
from picstore_catalog.repo import image as images
from picstore_catalog.repo import original as originals
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.storage_test import Reach
from picstore_kit.audit import record
from picstore_kit.blobs.base import BlobPresignUnsupported
from picstore_kit.errors import FailedPrecondition, NotFound, Reason
from picstore_kit.ids import ImageId
from picstore_kit.pg.access import Access

GOOD_FOR: Final = timedelta(minutes=10)
"""How long a URL reads an original: time for one large download."""


async def explain_image(
    transaction: Transaction, access: Access, reproducing: Access, image_id: ImageId
) -> Explanation:
    """Return how the outputs of a picture came to be.

    It is abridged where `reproducing`, which is for originals, does not extend to the picture.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
    """
    image = (await images.fetch(transaction, access, image_id)).value
    whole = Explanation(image=image, generations=await explanation.generations(transaction, image))
    return whole if reproducing.allowed.includes(image.project_id) else whole.abridged()


async def sign_original(
    work: UnitOfWork, reach: Reach, access: Access, image_id: ImageId, *, generation: int
) -> SignedOriginal:
    """Return a URL that reads the original of a generation, 0 for the one that is shown.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
        NotFound: The picture never had such a generation.
        FailedPrecondition: It has no original yet (STATE_WRONG), or its storage location has no
            presigned requests (PRESIGN_UNSUPPORTED).
        BlobStoreUnavailable, BlobStoreDenied: The store cannot be asked where its bucket is.
    """
    async with work.begin(access.team_id) as transaction:
        image = (await images.fetch(transaction, access, image_id)).value
        if image.original is None:
            raise FailedPrecondition(Reason.STATE_WRONG, "the picture's bytes have not come yet")
        wanted = generation or image.generation or image.pending_generation
        committed = await originals.find(transaction, image_id, wanted)
        if committed is None:
            raise NotFound.of("Generation", f"{image_id}/{wanted}")
        (location,) = await locations.find_by_ids(transaction, [committed.original.location_id])
        await record(
            transaction,
            team_id=access.team_id,
            resource_type="Image",
            resource_id=image_id,
            project_id=image.project_id,
        )
    # Counted from before it is signed, so that it is good for at least as long as is said.
    expiry = datetime.now(UTC) + GOOD_FOR
    store = reach.open(location.value)
    try:
        url = await store.presign_get(
            committed.original.object_key, expires_s=int(GOOD_FOR.total_seconds())
        )
    except BlobPresignUnsupported:
        raise FailedPrecondition(
            Reason.PRESIGN_UNSUPPORTED,
            "the storage location of the original has no presigned requests: only its operator can "
            "copy the file",
        ) from None
    finally:
        await store.close()
    return SignedOriginal(
        url=url,
        expiry=expiry,
        filename=committed.filename,
        generation=committed.generation,
        original=committed.original,
    )
