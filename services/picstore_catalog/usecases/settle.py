"""Closing what is done: jobs whose outputs are terminal, generations that pages may see."""

from __future__ import annotations

from picstore.events.v1.event_pb2 import ImageFailed, ImageReady
from picstore_catalog.model.image import ImageState, settle
from picstore_catalog.model.job import Failure, Job, finish
from picstore_catalog.repo import image as images
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import locked_image
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo.locked_image import LockedImage
from picstore_catalog.repo.messages import tell
from picstore_catalog.uow import Transaction
from picstore_kit.ids import ImageId


async def settle_generation(
    transaction: Transaction,
    image: LockedImage,
    generation: int,
    *,
    otherwise: Failure | None = None,
) -> ImageState:
    """Flip a locked picture to its pending generation if that one is whole; return its state.

    What is said of the original changes with the outputs. If nothing could be made of it, and pages
    have a generation already, they keep that one.

    A generation that is not pending changes nothing: it was flipped already, and this output joins
    it, or it is stale. `otherwise` is why it fails if none of its outputs says so.
    """
    if generation != image.pending_generation:
        return image.state
    tally = await outputs.tally(transaction, image.id, generation)
    settled = settle(tally, serves=image.serves, otherwise=otherwise)
    if settled is None:
        return image.state
    if settled.failure is None:
        await images.show_original(transaction, image.id, generation)
    await images.settle(transaction, image.id, settled)
    await end_stale(transaction, image.id)
    if settled.failure is None:
        fact: ImageReady | ImageFailed = ImageReady(image_id=image.id, generation=generation)
    else:
        fact = ImageFailed(
            image_id=image.id, generation=generation, reason=settled.failure.reason.value
        )
    await tell(transaction, fact, team_id=image.team_id, project_id=image.project_id)
    return settled.state


async def give_up(transaction: Transaction, job: Job) -> None:
    """Make what a FAILED job left undone FAILED with its reason, and settle its generation."""
    if job.failure is None:
        raise ValueError(f"{job.id} did not fail")
    image = await locked_image.lock(transaction, job.image_id)
    await outputs.fail_rest(transaction, job.id, job.failure)
    await settle_generation(transaction, image, job.generation, otherwise=job.failure)


async def end_stale(transaction: Transaction, image_id: ImageId) -> None:
    """End all of a locked picture's jobs that newer outputs have replaced, and what they had left.

    Those that somebody has locked end by `end_replaced`, at the worker's next report or the next
    sweep.
    """
    if closed := await jobs.close_stale(transaction, image_id):
        await outputs.skip_replaced(transaction, closed)


async def end_replaced(transaction: Transaction, job: Job) -> Job:
    """End a locked job that newer outputs have replaced, and what it had left; return it."""
    ended = finish(job)
    await jobs.save(transaction, ended)
    await outputs.skip_replaced(transaction, [job.id])
    return ended
