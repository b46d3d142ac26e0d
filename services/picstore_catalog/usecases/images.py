"""Showing and describing pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.picture import Picture, PictureOptions, candidate_of, compose
from picstore_catalog.model.stored import Stored
from picstore_catalog.model.upload import check_texts
from picstore_catalog.repo import image as images
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo import project as projects
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import Transaction
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import ImageId, ProjectId


async def get_image(transaction: Transaction, access: Access, image_id: ImageId) -> Stored[Image]:
    """Return a picture with the outputs of its served generation, or else of the pending one.

    Raises:
        NotFound, PermissionDenied: See `picstore_catalog.repo.access`.
    """
    return await _with_outputs(transaction, await images.fetch(transaction, access, image_id))


async def list_images(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    *,
    state: ImageState | None,
    before: ImageId | None,
    limit: int,
) -> list[Stored[Image]]:
    """Return pictures of a project, newest first, without outputs.

    Raises:
        NotFound, PermissionDenied: Of the project; see `picstore_catalog.repo.access`.
    """
    await projects.fetch(transaction, access, project_id)
    return await images.find_all(
        transaction, access, project_id, state=state, before=before, limit=limit
    )


async def look_up_images(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    sha256s: Sequence[bytes],
    *,
    upload_profile: str = "",
) -> list[Stored[Image]]:
    """Return the newest picture that did not fail of each hash that the project knows.

    `upload_profile`, an id or a short name, leaves out what came by another.

    Raises:
        NotFound, PermissionDenied: Of the project; see `picstore_catalog.repo.access`.
    """
    await projects.fetch(transaction, access, project_id)
    return await images.find_by_sha256(
        transaction, access, project_id, sha256s, upload_profile=upload_profile
    )


async def describe_image(
    transaction: Transaction,
    access: Access,
    image_id: ImageId,
    *,
    etag: str,
    alt_text: str | None,
) -> Stored[Image]:
    """Change what a picture is said to show; None leaves it. Return it with its outputs.

    Raises:
        NotFound, PermissionDenied: See `picstore_catalog.repo.access`.
        Aborted: It is not what the caller saw (ETAG_MISMATCH), or changed meanwhile.
        InvalidFields: The text is too long.
    """
    seen = await images.fetch(transaction, access, image_id)
    seen.require_etag(etag, resource=images.resource(image_id))
    if alt_text is not None and alt_text != seen.value.alt_text:
        check_texts(alt_text=alt_text)
        seen = await images.set_alt_text(transaction, access, seen, alt_text)
    return await _with_outputs(transaction, seen)


async def get_picture(
    transaction: Transaction, access: Access, image_id: ImageId, options: PictureOptions
) -> tuple[Image, Picture]:
    """Return what a page needs to show an image, from the READY outputs of what is served.

    Raises:
        NotFound, PermissionDenied: See `picstore_catalog.repo.access`.
        FailedPrecondition: There is nothing to show, or nowhere to load it (STATE_WRONG).
    """
    image = (await images.fetch(transaction, access, image_id)).value
    if image.state is not ImageState.READY or image.original is None:
        raise FailedPrecondition(
            Reason.STATE_WRONG,
            "the picture cannot be shown yet"
            if image.failure is None
            else f"the picture cannot be shown: {image.failure.message}",
            metadata={"state": image.state.value},
        )
    made = await outputs.of_generation(transaction, image.id, image.generation)
    picture = compose(
        [candidate for output in made if (candidate := candidate_of(output))],
        options=options,
        alt_text=image.alt_text,
        has_alpha=image.original.has_alpha,
        dominant_colour=image.placeholder.dominant_colour if image.placeholder else "",
    )
    return image, picture


async def _with_outputs(transaction: Transaction, stored: Stored[Image]) -> Stored[Image]:
    image = stored.value
    made = await outputs.of_generation(
        transaction, image.id, image.generation or image.pending_generation
    )
    return replace(stored, value=replace(image, outputs=tuple(made)))
