"""The way that a file goes: what is known is not sent, the rest by whatever suits its size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import LookupImagesRequest
from picstore_client.connection import Connection
from picstore_client.meter import Meter
from picstore_client.methods import LOOKUP_IMAGES
from picstore_client.plan import OnDuplicate, UploadPlan, Via
from picstore_client.presigned import PresignedUpload
from picstore_client.quick import QuickUpload
from picstore_client.resumable import ResumableUpload
from picstore_client.sources import Source
from picstore_client.wire import HTTPWire
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Reason,
)

MAX_QUICK_BYTES: Final = 8 * 1024 * 1024
"""The largest file that goes in one request if nobody says how."""

_WITH_BYTES: Final = frozenset({Image.STATE_CONVERTING, Image.STATE_READY})


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedImage:
    """What an upload has become."""

    image: Image
    """The picture; a message of the contract."""
    known: bool
    """Whether it was there already and no byte was sent."""
    upload_id: str
    """Of the upload that its bytes came by; empty where they came in one request, or not at all."""


async def upload_source(
    connection: Connection,
    plan: UploadPlan,
    source: Source,
    *,
    via: Via,
    skip_known: bool,
    meter: Meter,
    state: Path | None,
    patience_s: float,
) -> UploadedImage:
    """Upload a content as the plan says.

    Raises:
        PicstoreError: It is refused, or did not get on for `patience_s` seconds.
    """
    may_be_known = plan.on_duplicate is OnDuplicate.RETURN_EXISTING and not plan.image_id
    if skip_known and may_be_known:
        known = await _known(connection, plan)
        if known is not None:
            meter.set(plan.size)
            return UploadedImage(image=known, known=True, upload_id="")
    if via is Via.AUTO:
        # A request for a picture that is there has no `request_id` to be repeated safely with.
        small = plan.size <= MAX_QUICK_BYTES and not plan.image_id
        via = Via.QUICK if small else Via.RESUMABLE
    if via is not Via.QUICK and plan.size == 0:
        raise InvalidArgument(Reason.UPLOAD_EMPTY, "the file has no bytes")
    if via is Via.QUICK:
        image = await QuickUpload(connection, plan, source, meter).run(patience_s)
        upload_id = ""
    else:
        work: ResumableUpload | PresignedUpload
        if via is Via.RESUMABLE:
            work = ResumableUpload(HTTPWire(connection), plan, source, meter, state=state)
        else:
            work = PresignedUpload(connection, plan, source, meter, state=state)
        image = await work.run(patience_s)
        upload_id = work.upload_id
    verify(plan, image)
    return UploadedImage(image=image, known=False, upload_id=upload_id)


async def _known(connection: Connection, plan: UploadPlan) -> Image | None:
    """Return the picture that has these bytes, if there is one and the caller may know."""
    request = LookupImagesRequest(
        project_id=plan.project_id, sha256s=[plan.sha256], upload_profile=plan.upload_profile
    )
    try:
        found = await connection.call(LOOKUP_IMAGES, request)
    except PermissionDenied:
        return None  # whoever may only upload does just that
    return next((image for image in found.images if image.state in _WITH_BYTES), None)


def verify(plan: UploadPlan, image: Image) -> None:
    """See to it that the picture has the bytes that were sent.

    A picture that is replaced shows its old original until the outputs of the new one are whole.

    Raises:
        FailedPrecondition: It has others (UPLOAD_DIGEST_WRONG).
    """
    if image.sha256 == plan.sha256 or plan.image_id:
        return
    raise FailedPrecondition(
        Reason.UPLOAD_DIGEST_WRONG,
        f"{image.id} has other bytes than {plan.filename or 'what was sent'}",
        metadata={"expected": plan.sha256, "received": image.sha256},
    )
