"""Committing uploads: the one transaction in which an original becomes a picture's."""

from __future__ import annotations

from datetime import timedelta

from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState, Original
from picstore_catalog.model.ingest import Layout
from picstore_catalog.model.upload import (
    FIRST_GENERATION,
    Commit,
    Committed,
    OnDuplicate,
    UploadTarget,
    check_texts,
)
from picstore_catalog.repo import image as images
from picstore_catalog.repo import locked_image, upload_target
from picstore_catalog.repo import original as originals
from picstore_catalog.repo.image import NewImage
from picstore_catalog.repo.locked_image import LockedImage
from picstore_catalog.repo.original import CommittedOriginal, Upload
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.begin_generation import (
    begin_generation,
    facts_of,
    lay_out_generation,
)
from picstore_kit.audit import record
from picstore_kit.blobs.keys import (
    is_original_of,
    sanitise_filename,
    sanitise_location,
)
from picstore_kit.changes import FieldChange, differences
from picstore_kit.errors import AlreadyExists, InvalidField, NotFound, Reason
from picstore_kit.ids import ImageId
from picstore_kit.pg.access import Access


async def commit_image(
    transaction: Transaction, access: Access, commit: Commit, *, grace: timedelta
) -> Committed:
    """Record an upload: the picture, its outputs, the jobs that make them, and what to tell of it.

    All of it commits or none. The same upload again changes nothing and returns the picture. A
    picture that has an original already gets a new generation, and pages keep what they have until
    that is whole. Bytes that are there already are dealt with as the commit says. `grace` is how
    long the bus gets to bring a job to a worker.

    Raises:
        NotFound, PermissionDenied: See `repo.upload_target.fetch`; the picture is gone.
        FailedPrecondition: No output would come of it (PROFILE_YIELDS_NOTHING).
        AlreadyExists: The upload was committed with other bytes (REQUEST_ID_REUSED), or the bytes
            are there already and that is refused (IMAGE_DUPLICATE).
        InvalidFields: The commit is not as it was resolved.
    """
    await originals.lock_upload(transaction, commit.upload_id)
    earlier = await originals.find_upload(transaction, commit.upload_id)
    if earlier is not None:
        return await _as_before(transaction, access, commit, earlier)
    request, sha256 = commit.upload, commit.original.sha256
    check_texts(filename=request.filename, location=request.location, alt_text=commit.alt_text)
    target = await upload_target.fetch(
        transaction,
        access,
        request.project_id,
        request.upload_profile,
        default=request.default_upload_profile_id,
    )
    await originals.lock_content(transaction, target, sha256)
    image = await locked_image.find(transaction, commit.image_id)
    _check_as_resolved(commit, image, target)
    if commit.on_duplicate is not OnDuplicate.CREATE:
        existing = await _find_duplicate(transaction, access, target, image, sha256)
        if existing is not None:
            return await _answer_duplicate(transaction, access, commit, image, existing)
    if image is None:
        image = await _add(transaction, access, commit, target)
    layout = lay_out_generation(target, facts_of(commit.original), focal_point=image.focal_point)
    return await _begin(transaction, access, commit, target, image, layout, grace=grace)


async def _as_before(
    transaction: Transaction, access: Access, commit: Commit, earlier: Upload
) -> Committed:
    image = await images.fetch(transaction, access, earlier.image_id)
    if earlier.sha256 != commit.original.sha256:
        raise AlreadyExists(
            Reason.REQUEST_ID_REUSED,
            "this upload was committed before with other bytes",
            metadata={"request_id": commit.upload_id},
        )
    return Committed(image=image, original_kept=await _is_kept(transaction, commit.original))


async def _find_duplicate(
    transaction: Transaction,
    access: Access,
    target: UploadTarget,
    image: LockedImage | None,
    sha256: bytes,
) -> ImageId | None:
    """Return the picture that has the bytes; to replace an original, only its own picture counts.

    What failed counts for nothing, so that it can be tried again.
    """
    if image is None or image.state is ImageState.AWAITING_UPLOAD:
        return await originals.find_duplicate(
            transaction, access.team_id, target.upload_profile_id, sha256
        )
    newest = await originals.find(transaction, image.id, image.newest_generation)
    return image.id if newest is not None and newest.original.sha256 == sha256 else None


async def _answer_duplicate(
    transaction: Transaction,
    access: Access,
    commit: Commit,
    image: LockedImage | None,
    existing: ImageId,
) -> Committed:
    if commit.on_duplicate is OnDuplicate.REFUSE:
        raise AlreadyExists(
            Reason.IMAGE_DUPLICATE,
            "the project has the same bytes already",
            metadata={"image": existing},
        )
    if image is not None and image.id != existing:
        await images.delete_announced(transaction, image.id)
        await record(
            transaction,
            team_id=access.team_id,
            resource_type="Image",
            resource_id=image.id,
            project_id=image.project_id,
            changes=differences({"filename": image.filename}, {"duplicate_of": existing}),
        )
    return Committed(
        image=await images.fetch(transaction, access, existing),
        original_kept=await _is_kept(transaction, commit.original),
        duplicate=True,
    )


async def _is_kept(transaction: Transaction, original: Original) -> bool:
    """Return whether an object is some picture's original, so that nobody takes it away."""
    found = await originals.find_object(transaction, original.location_id, original.object_key)
    return found is not None


async def _add(
    transaction: Transaction, access: Access, commit: Commit, target: UploadTarget
) -> LockedImage:
    """Add the picture; if somebody else has added it meanwhile, take that one."""
    new = NewImage(
        id=commit.image_id,
        upload_profile_id=target.upload_profile_id,
        filename=sanitise_filename(commit.upload.filename),
        location=sanitise_location(commit.upload.location),
        description=Description(alt_text=commit.alt_text),
    )
    added = await images.insert(transaction, access, new, project_id=target.project_id)
    image = await locked_image.lock(transaction, new.id)
    if not added:
        _check_as_resolved(commit, image, target)
    return image


async def _begin(
    transaction: Transaction,
    access: Access,
    commit: Commit,
    target: UploadTarget,
    image: LockedImage,
    layout: Layout,
    *,
    grace: timedelta,
) -> Committed:
    """Make the original that of a new generation, in place of the one that was pending."""
    generation = image.next_generation
    before = await originals.find(transaction, image.id, image.shown_generation)
    filename = commit.upload.filename
    original = CommittedOriginal(
        generation=generation,
        upload_id=commit.upload_id,
        filename=sanitise_filename(filename) if filename else image.filename,
        original=commit.original,
        conversion_profile_id=target.conversion_profile_id,
        conversion_profile_revision=target.conversion_profile_revision,
    )
    await begin_generation(
        transaction, image, target, original, layout, alt_text=commit.alt_text, grace=grace
    )
    committed = await images.fetch(transaction, access, image.id)
    await record(
        transaction,
        team_id=access.team_id,
        resource_type="Image",
        resource_id=image.id,
        project_id=image.project_id,
        changes=_changes(image, committed.value, before, original),
    )
    return Committed(image=committed, original_kept=True)


def _changes(
    was: LockedImage, image: Image, before: CommittedOriginal | None, after: CommittedOriginal
) -> tuple[FieldChange, ...]:
    """Say what was brought and, if it is to replace something, in place of what."""
    of_picture = {"location": image.location, "upload_profile": image.upload_profile_id}
    old = {**of_picture, "alt_text": was.alt_text, **_as_texts(before)} if before else {}
    new = {**of_picture, "alt_text": image.description.alt_text, **_as_texts(after)}
    return differences(old, new)


def _as_texts(committed: CommittedOriginal) -> dict[str, str]:
    original = committed.original
    return {
        "filename": committed.filename,
        "sha256": original.sha256.hex(),
        "format": original.format.value,
        "size_bytes": str(original.size_bytes),
    }


def _check_as_resolved(commit: Commit, image: LockedImage | None, target: UploadTarget) -> None:
    if not is_original_of(commit.image_id, commit.original.object_key):
        raise InvalidField("object_key", "must be as resolved")
    if commit.generation < FIRST_GENERATION:
        raise InvalidField("generation", "must be as resolved")
    if image is None:
        if commit.generation > FIRST_GENERATION:  # it was there when the upload began
            raise NotFound.of("Image", commit.image_id)
        return
    if image.project_id != target.project_id:
        raise InvalidField("project_id", "must be the picture's")
    if image.upload_profile_id != target.upload_profile_id:
        raise InvalidField("upload_profile_id", "must be the picture's")
    if commit.generation > image.next_generation:
        raise InvalidField("generation", "must be as resolved")
