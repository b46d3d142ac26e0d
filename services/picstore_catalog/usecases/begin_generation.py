"""Beginning a generation: a stored original becomes a picture's, and work for converters."""

from __future__ import annotations

from datetime import timedelta

from picstore.events.v1.event_pb2 import ImageCommitted
from picstore_catalog.model.image import Original
from picstore_catalog.model.ingest import Layout, lay_out
from picstore_catalog.model.upload import UploadTarget
from picstore_catalog.repo import image as images
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import original as originals
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo.locked_image import LockedImage
from picstore_catalog.repo.messages import announce_job, tell
from picstore_catalog.repo.original import CommittedOriginal
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.settle import end_stale
from picstore_imaging.facts import SourceFacts
from picstore_imaging.geometry import Point
from picstore_imaging.plan import plan_outputs
from picstore_kit.blobs.keys import output_prefix


def lay_out_generation(
    target: UploadTarget, facts: SourceFacts, *, focal_point: Point | None
) -> Layout:
    """Say which outputs an original gets by an upload profile, and which jobs make them.

    Raises:
        FailedPrecondition: None would be made (PROFILE_YIELDS_NOTHING).
    """
    return lay_out(
        plan_outputs(target.profile, facts, focal_point=focal_point),
        source=facts.format,
        frames=facts.frames if facts.animated else 1,
    )


def facts_of(original: Original) -> SourceFacts:
    """Return what planning needs to know of an original."""
    return SourceFacts(
        format=original.format,
        width=original.width,
        height=original.height,
        has_alpha=original.has_alpha,
        frames=original.frames,
    )


async def begin_generation(
    transaction: Transaction,
    image: LockedImage,
    target: UploadTarget,
    original: CommittedOriginal,
    layout: Layout,
    *,
    alt_text: str = "",
    grace: timedelta,
) -> None:
    """Make an original that of a generation, in place of the one that was pending.

    Its outputs, the jobs that make them and what to tell of it come in the same transaction. An
    empty alt text changes none. `grace` is how long the bus gets to bring a job to a worker.
    """
    generation = original.generation
    await originals.insert(transaction, original, team_id=image.team_id, image_id=image.id)
    if not image.serves:
        await images.show_original(transaction, image.id, generation)
    await images.begin_generation(transaction, image.id, generation, alt_text=alt_text)
    await end_stale(transaction, image.id)
    prefix = output_prefix(
        project=target.base_path,
        path=f"{target.outputs_path}/{image.location}",
        image=image.id,
        filename=original.filename,
    )
    queued = [
        await jobs.insert(
            transaction,
            new,
            team_id=image.team_id,
            image_id=image.id,
            generation=generation,
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
        generation=generation,
        location_id=target.outputs_location_id,
        skip_if_larger_percent=target.profile.skip_if_larger_percent,
    )
    for job in queued:
        await announce_job(transaction, job)
    await tell(
        transaction,
        ImageCommitted(image_id=image.id, generation=generation),
        team_id=image.team_id,
        project_id=image.project_id,
    )
