"""Taking pictures in: where an upload goes, and the one transaction that commits it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from picstore.events.v1.event_pb2 import ImageCommitted
from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState, Original
from picstore_catalog.model.ingest import lay_out
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import (
    FIRST_GENERATION,
    Commit,
    Resolution,
    UploadRequest,
    UploadTarget,
    check_texts,
)
from picstore_catalog.repo import image as images
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo import storage_location as locations
from picstore_catalog.repo import upload_target
from picstore_catalog.repo.access import Access
from picstore_catalog.repo.image import LockedImage, NewImage
from picstore_catalog.repo.messages import announce_job, tell
from picstore_catalog.uow import Transaction
from picstore_imaging.facts import SourceFacts
from picstore_imaging.plan import plan_outputs
from picstore_kit.audit import record
from picstore_kit.blobs.keys import (
    original_key,
    output_prefix,
    sanitise_filename,
    sanitise_location,
)
from picstore_kit.changes import differences
from picstore_kit.errors import FailedPrecondition, InvalidField, NotFound, Reason
from picstore_kit.ids import ImageId, new_id


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
    await _record(transaction, access, announced.value, description.as_texts())
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
        filename=sanitise_filename(request.filename),
        location=sanitise_location(request.location),
    )


async def resolve_announced(
    transaction: Transaction, access: Access, image_id: ImageId
) -> Resolution:
    """Say where the original of an announced picture goes.

    Raises:
        NotFound, PermissionDenied: There is no such picture, or the caller must not upload it.
        FailedPrecondition: Its bytes have come already (STATE_WRONG).
    """
    image = (await images.fetch(transaction, access, image_id)).value
    if image.state is not ImageState.AWAITING_UPLOAD:
        raise _not_awaiting(image.state)
    target = await upload_target.fetch(
        transaction, access, image.project_id, image.upload_profile_id, default=None
    )
    return await _resolution(
        transaction, target, image_id=image.id, filename=image.filename, location=image.location
    )


async def commit_image(
    transaction: Transaction, access: Access, commit: Commit, *, grace: timedelta
) -> Stored[Image]:
    """Record an upload: the picture, its outputs, the jobs that make them, and what to tell of it.

    All of it commits or none. The same upload again changes nothing and returns the picture.
    `grace` is how long the bus gets to bring a job to a worker.

    Raises:
        NotFound, PermissionDenied: See `repo.upload_target.fetch`.
        FailedPrecondition: No output would come of it (PROFILE_YIELDS_NOTHING), or the picture has
            an original from another upload (STATE_WRONG).
        InvalidFields: The commit is not as it was resolved.
    """
    earlier = await images.find_upload(transaction, commit.upload_id)
    if earlier is not None:
        return await images.fetch(transaction, access, earlier)
    request, original = commit.upload, commit.original
    check_texts(filename=request.filename, location=request.location, alt_text=commit.alt_text)
    target = await _target(transaction, access, request)
    await images.insert(
        transaction,
        access,
        NewImage(
            id=commit.image_id,
            upload_profile_id=target.upload_profile_id,
            filename=sanitise_filename(request.filename),
            location=sanitise_location(request.location),
            description=Description(alt_text=commit.alt_text),
        ),
        project_id=target.project_id,
    )
    image = await images.lock(transaction, commit.image_id)
    if image.upload_id == commit.upload_id:  # by somebody who was faster
        return await images.fetch(transaction, access, image.id)
    _check_as_resolved(commit, image, target)

    facts = _facts(original)
    layout = lay_out(
        plan_outputs(target.profile, facts),
        source=facts.format,
        frames=facts.frames if facts.animated else 1,
    )
    await images.commit_original(
        transaction,
        image.id,
        upload_id=commit.upload_id,
        generation=commit.generation,
        original=original,
        target=target,
        alt_text=commit.alt_text,
    )
    committed = await images.fetch(transaction, access, image.id)
    prefix = output_prefix(
        project=target.base_path,
        path=f"{target.outputs_path}/{committed.value.location}",
        image=image.id,
        filename=committed.value.filename,
    )
    queued = [
        await jobs.insert(
            transaction,
            new,
            team_id=image.team_id,
            image_id=image.id,
            generation=commit.generation,
            outputs_location_id=target.outputs_location_id,
            output_key_prefix=prefix,
            grace=grace,
        )
        for new in layout.jobs
    ]
    await outputs.insert(
        transaction,
        layout.outputs,
        team_id=image.team_id,
        image_id=image.id,
        generation=commit.generation,
        location_id=target.outputs_location_id,
    )
    for job in queued:
        await announce_job(transaction, job)
    await tell(
        transaction,
        ImageCommitted(image_id=image.id, generation=commit.generation),
        team_id=image.team_id,
        project_id=image.project_id,
    )
    await _record(
        transaction,
        access,
        committed.value,
        {
            "alt_text": committed.value.description.alt_text,
            "sha256": original.sha256.hex(),
            "format": original.format.value,
            "size_bytes": str(original.size_bytes),
        },
    )
    return committed


async def _record(
    transaction: Transaction, access: Access, image: Image, facts: Mapping[str, str]
) -> None:
    """Have the audit log say who brought what."""
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
                **facts,
            },
        ),
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
    filename: str,
    location: str,
) -> Resolution:
    found = await locations.find_by_ids(transaction, [target.originals_location_id])
    if not found:
        raise NotFound.of("StorageLocation", target.originals_location_id)
    return Resolution(
        image_id=image_id,
        generation=FIRST_GENERATION,
        target=target,
        originals_location=found[0],
        object_key=original_key(
            project=target.base_path,
            path=target.originals_path,
            image=image_id,
            generation=FIRST_GENERATION,
            filename=filename,
        ),
        filename=filename,
        location=location,
    )


def _check_as_resolved(commit: Commit, image: LockedImage, target: UploadTarget) -> None:
    if image.state is not ImageState.AWAITING_UPLOAD:
        raise _not_awaiting(image.state)
    if image.project_id != target.project_id:
        raise InvalidField("project_id", "must be the picture's")
    if image.upload_profile_id != target.upload_profile_id:
        raise InvalidField("upload_profile_id", "must be the picture's")
    if commit.generation != FIRST_GENERATION:
        raise InvalidField("generation", "must be as resolved")


def _facts(original: Original) -> SourceFacts:
    return SourceFacts(
        format=original.format,
        width=original.width,
        height=original.height,
        has_alpha=original.has_alpha,
        frames=original.frames,
    )


def _not_awaiting(state: ImageState) -> FailedPrecondition:
    return FailedPrecondition(
        Reason.STATE_WRONG,
        "the picture has its original already",
        metadata={"state": state.value},
    )
