"""Recording the original of a derived picture that a worker has drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from picstore_catalog.model.image import ImageState, Original
from picstore_catalog.model.job import (
    FINISHED,
    Failure,
    Job,
    JobKind,
    check_attempt,
    check_running,
    fail,
    finish,
)
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import locked_image, upload_target
from picstore_catalog.repo import original as originals
from picstore_catalog.repo.locked_image import LockedImage
from picstore_catalog.repo.original import CommittedOriginal
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.begin_generation import (
    begin_generation,
    facts_of,
    lay_out_generation,
)
from picstore_catalog.usecases.settle import end_replaced, give_up
from picstore_imaging.recipe import Recipe
from picstore_kit.blobs.keys import is_original_of
from picstore_kit.errors import FailedPrecondition, InvalidField
from picstore_kit.ids import ImageId, JobId, UploadId, derived_id
from picstore_kit.pg.access import Access

_CALLER: Final = "converter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """How things stand after a report."""

    image_state: ImageState
    original_kept: bool
    """Whether the object is an original now; if not, nobody will need it."""


async def complete_render(
    transaction: Transaction,
    *,
    job_id: JobId,
    attempt: int,
    original: Original,
    recipe: Recipe | None,
    grace: timedelta,
) -> Rendered:
    """Make what was drawn the original of the job's generation, plan its outputs, close the job.

    All of it commits or none. Repeating a report changes nothing. Where a newer original has come
    meanwhile, or nothing is to be made of this one any more, it is not kept. Its location is the
    job's, whatever it says itself. `recipe` says how it was drawn. `grace` is how long the bus gets
    to bring a job to a worker.

    Raises:
        NotFound: There is no such job.
        Aborted: The attempt is over, or another has begun (LEASE_LOST).
        InvalidField: The job draws nothing, or the key is not one of its picture's originals.
    """
    job = await jobs.lock(transaction, job_id)
    check_attempt(job, attempt)
    if job.kind is not JobKind.RENDER:
        raise InvalidField("job_id", "must be a job that draws an original")
    if not is_original_of(job.image_id, original.object_key):
        raise InvalidField("object_key", "must be as claimed")
    original = replace(original, location_id=job.outputs_location_id)
    image = await locked_image.lock(transaction, job.image_id)
    owner = await _owner(transaction, original)
    if owner is not None or job.state in FINISHED:
        return Rendered(image_state=image.state, original_kept=owner == image.id)
    check_running(job)
    if image.is_stale(job.generation):
        await end_replaced(transaction, job)
        return Rendered(image_state=image.state, original_kept=False)
    kept = await _begin(transaction, job, image, original, grace=grace)
    if kept and recipe is not None:
        await jobs.set_recipe(transaction, job.id, recipe)
    image = await locked_image.lock(transaction, job.image_id)
    return Rendered(image_state=image.state, original_kept=kept)


async def _begin(
    transaction: Transaction, job: Job, image: LockedImage, original: Original, *, grace: timedelta
) -> bool:
    """Begin the job's generation with what was drawn; return whether anything comes of it."""
    access = Access.unlimited(job.team_id, Permission.IMAGE_CREATE, caller=_CALLER)
    target = await upload_target.fetch(
        transaction, access, image.project_id, image.upload_profile_id, default=None
    )
    facts = facts_of(original)
    try:
        layout = lay_out_generation(target, facts, focal_point=image.focal_point)
    except FailedPrecondition as error:  # the profile was changed meanwhile
        failure = Failure(reason=error.reason, message=error.message)
        now = await jobs.clock(transaction)
        failed = fail(job, failure, retryable=False, now=now)
        await jobs.save(transaction, failed)
        await give_up(transaction, failed)
        return False
    committed = CommittedOriginal(
        generation=job.generation,
        # It came by no upload; of each job there is one original at most.
        upload_id=derived_id(UploadId, job.id),
        filename=image.filename,
        original=original,
        conversion_profile_id=target.conversion_profile_id,
        conversion_profile_revision=target.conversion_profile_revision,
    )
    await jobs.save(transaction, finish(job))
    await begin_generation(transaction, image, target, committed, layout, grace=grace)
    return True


async def _owner(transaction: Transaction, original: Original) -> ImageId | None:
    return await originals.find_object(transaction, original.location_id, original.object_key)
