"""Recording what became of one output."""

from __future__ import annotations

from dataclasses import dataclass

from picstore.events.v1.event_pb2 import OutputReady
from picstore_catalog.model.image import ImageState
from picstore_catalog.model.job import FINISHED, Failure, check_attempt, finish
from picstore_catalog.model.output import StoredFile, Useless, check_file
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import locked_image
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo.messages import tell
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.settle import end_replaced, settle_generation
from picstore_kit.ids import JobId, OutputId


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How things stand after a report."""

    image_state: ImageState
    job_finished: bool


async def complete_output(
    transaction: Transaction,
    *,
    job_id: JobId,
    attempt: int,
    output_id: OutputId,
    result: StoredFile | Failure | Useless,
) -> Completion:
    """Record a stored, a failed or a useless output.

    The last one closes the job and settles the generation.

    An output that is terminal already stays as it is, so repeating a report changes nothing. A
    report on a generation that is neither served nor pending is ignored, and ends the job for the
    worker, with what it had left.

    Raises:
        NotFound: There is no such job, or it has no such output.
        Aborted: Another attempt has begun (LEASE_LOST).
        InvalidField: The file is not under the job's prefix, or its measures are impossible.
    """
    job = await jobs.lock(transaction, job_id)
    check_attempt(job, attempt)
    if isinstance(result, StoredFile):
        check_file(result, prefix=job.output_key_prefix)
    image = await locked_image.lock(transaction, job.image_id)
    if image.is_stale(job.generation):
        if job.state not in FINISHED:
            await end_replaced(transaction, job)
        return Completion(image_state=image.state, job_finished=True)

    if isinstance(result, StoredFile):
        changed = await outputs.store(transaction, output_id, result, job_id=job.id)
    elif isinstance(result, Useless):
        changed = await outputs.skip(transaction, output_id, result, job_id=job.id)
    else:
        changed = await outputs.fail(transaction, output_id, result, job_id=job.id)
    if not changed:
        return Completion(image_state=image.state, job_finished=job.state in FINISHED)
    if isinstance(result, StoredFile):
        fact = OutputReady(image_id=image.id, output_id=output_id, generation=job.generation)
        await tell(transaction, fact, team_id=image.team_id, project_id=image.project_id)

    job_finished = not await outputs.has_open(transaction, job.id)
    if job_finished:
        await jobs.save(transaction, finish(job))
    state = await settle_generation(transaction, image, job.generation)
    return Completion(image_state=state, job_finished=job_finished)
