"""Deriving pictures: everything is checked at once, and a converter draws the original later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from picstore_catalog.model.derived import DerivedFrom, DeriveRequest
from picstore_catalog.model.description import Description
from picstore_catalog.model.image import Image, ImageState, Original
from picstore_catalog.model.ingest import NewJob
from picstore_catalog.model.job import Lane
from picstore_catalog.model.render import LayerSource, Render
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import FIRST_GENERATION, UploadTarget
from picstore_catalog.repo import image as images
from picstore_catalog.repo import job as jobs
from picstore_catalog.repo import overlay_template as templates
from picstore_catalog.repo import upload_target
from picstore_catalog.repo.image import NewImage
from picstore_catalog.repo.messages import announce_job
from picstore_catalog.uow import Transaction
from picstore_catalog.usecases.begin_generation import lay_out_generation
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import MAX_SIDE, SourceFormat
from picstore_imaging.geometry import MAX_OUTPUT_PIXELS, Point, Size
from picstore_imaging.limits import Limits, check_pixels, check_side
from picstore_imaging.overlay.boxes import canvas_size
from picstore_imaging.overlay.cost import MAX_CPU_MS, estimate_overlay_cpu_ms, is_dear_overlay
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.overlay.validate import too_dear
from picstore_imaging.overlay.variables import fill, images_of
from picstore_kit.audit import record
from picstore_kit.blobs.keys import sanitise_filename, stem_of
from picstore_kit.changes import differences
from picstore_kit.errors import FailedPrecondition, InvalidField, Reason
from picstore_kit.ids import ImageId, JobId, new_id
from picstore_kit.pg.access import Access


async def derive_image(
    transaction: Transaction,
    access: Access,
    reading: Access,
    request: DeriveRequest,
    *,
    grace: timedelta,
) -> Stored[Image]:
    """Make a picture that is CONVERTING, and the job that draws its original.

    `access` is for the base picture and its project, `reading` for the pictures that are drawn over
    it. `grace` is how long the bus gets to bring the job to a worker.

    Raises:
        NotFound, PermissionDenied: Of the base picture, the template, a picture that is drawn over
            it, or the upload profile.
        FailedPrecondition: A picture has no original that was found to be good (STATE_WRONG), or no
            output would come of it (PROFILE_YIELDS_NOTHING).
        InvalidFields: Variables are missing or wrong, or the template would take too long to draw
            over this picture.
        InvalidArgument: It would be too large (LIMIT_SIDE, LIMIT_PIXELS).
    """
    base = (await images.fetch(transaction, access, request.base_id)).value
    original = _original_of(base)
    template = (
        await templates.fetch_for(transaction, access, base.project_id, request.template)
    ).value
    overlay = fill(template.overlay, request.variables)
    layers = [
        LayerSource(
            image_id=image_id,
            original=_original_of((await images.fetch(transaction, reading, image_id)).value),
        )
        for image_id in images_of(overlay)
    ]
    target = await upload_target.fetch(
        transaction,
        access,
        base.project_id,
        request.upload_profile or base.upload_profile_id,
        default=None,
    )
    _check_outcome(target, overlay, original)
    lane = _lane(overlay, original, layers)
    filename = sanitise_filename(
        request.filename or f"{stem_of(base.filename)}-{template.short_name}.png"
    )
    new = NewImage(
        id=new_id(ImageId),
        upload_profile_id=target.upload_profile_id,
        filename=filename,
        location=base.location,
        description=Description(alt_text=request.alt_text, tags=request.tags),
        derived_from=DerivedFrom(
            image_id=base.id,
            generation=base.generation or base.pending_generation,
            sha256=original.sha256,
            overlay_template_id=template.id,
            overlay_template_revision=template.revision,
            variables=request.variables,
        ),
    )
    await images.insert(transaction, access, new, project_id=base.project_id)
    await images.begin_generation(transaction, new.id, FIRST_GENERATION, alt_text="")
    render = _render(overlay, base, original, layers, target, filename)
    job = await jobs.insert(
        transaction,
        NewJob(id=new_id(JobId), lane=lane, render=render),
        team_id=access.team_id,
        image_id=new.id,
        generation=FIRST_GENERATION,
        outputs_location_id=target.originals_location_id,
        output_key_prefix="",
        grace=grace,
    )
    await announce_job(transaction, job)
    made = await images.fetch(transaction, access, new.id)
    await _record(transaction, access, made.value)
    return made


def _original_of(image: Image) -> Original:
    """Return the original that a picture is shown by.

    Raises:
        FailedPrecondition: It has none, or nothing could be made of it (STATE_WRONG).
    """
    if image.original is None or image.state is ImageState.FAILED:
        raise FailedPrecondition(
            Reason.STATE_WRONG,
            f"{image.id} has no original that another picture could be drawn from",
            metadata={"state": image.state.value, "image": image.id},
        )
    return image.original


def _check_outcome(target: UploadTarget, overlay: Overlay, base: Original) -> None:
    """Refuse what would be too large, or come to nothing."""
    width, height = canvas_size(overlay.canvas, Size(base.width, base.height))
    limits = Limits(
        side=MAX_SIDE, pixels=min(target.max_pixels or MAX_OUTPUT_PIXELS, MAX_OUTPUT_PIXELS)
    )
    check_side(limits, max(width, height))
    check_pixels(limits, width * height, SourceFormat.PNG, decoded_whole=False)
    facts = SourceFacts(
        format=SourceFormat.PNG, width=width, height=height, has_alpha=False, frames=1
    )
    lay_out_generation(target, facts, focal_point=None)


def _lane(overlay: Overlay, base: Original, layers: Sequence[LayerSource]) -> Lane:
    """Choose where the original is drawn, so that a dear one holds up no quick one.

    Raises:
        InvalidFields: It would take too long.
    """
    expected = estimate_overlay_cpu_ms(
        overlay,
        _facts_of(base),
        {str(layer.image_id): _facts_of(layer.original) for layer in layers},
    )
    if expected > MAX_CPU_MS:
        raise InvalidField("overlay_template", too_dear(expected))
    return Lane.SLOW if is_dear_overlay(expected) else Lane.FAST


def _facts_of(original: Original) -> SourceFacts:
    return SourceFacts(format=original.format, width=original.width, height=original.height)


def _render(
    overlay: Overlay,
    base: Image,
    original: Original,
    layers: Sequence[LayerSource],
    target: UploadTarget,
    filename: str,
) -> Render:
    point = base.description.focal_point
    return Render(
        overlay=overlay,
        base=original,
        focal_point=None if point is None else Point(point.x, point.y),
        images=tuple(layers),
        base_path=target.base_path,
        originals_path=target.originals_path,
        filename=filename,
    )


async def _record(transaction: Transaction, access: Access, image: Image) -> None:
    derived = image.derived_from
    assert derived is not None  # it was made so
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
                "derived_from": derived.image_id,
                "overlay_template": derived.overlay_template_id,
                "overlay_template_revision": str(derived.overlay_template_revision),
                **image.description.as_texts(),
            },
        ),
    )
