"""Showing and describing pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from picstore_catalog.model.description import DescriptionChange
from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.image_list import ImageFilter, ImageOrder, ListedImage, Position
from picstore_catalog.model.picture import (
    Picture,
    PictureOptions,
    candidate_of,
    compose,
    widest_left_out,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import image as images
from picstore_catalog.repo import image_list, image_lookup
from picstore_catalog.repo import image_references as references
from picstore_catalog.repo import output as outputs
from picstore_catalog.repo import project as projects
from picstore_catalog.uow import Transaction
from picstore_kit.audit import record
from picstore_kit.changes import differences
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import ImageId, ProjectId
from picstore_kit.pg.access import Access


async def get_image(transaction: Transaction, access: Access, image_id: ImageId) -> Stored[Image]:
    """Return a picture with the outputs of its served generation, or else of the pending one.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
    """
    return await _with_outputs(transaction, await images.fetch(transaction, access, image_id))


async def list_images(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId,
    wanted: ImageFilter,
    *,
    order: ImageOrder,
    after: Position | None,
    limit: int,
) -> list[ListedImage]:
    """Return pictures of a project without outputs, from where the last page ended.

    Raises:
        NotFound, PermissionDenied: Of the project; see `picstore_kit.pg.access`.
        NotFound: A profile that the filter names.
    """
    await projects.fetch(transaction, access, project_id)
    upload_profile_id = None
    if wanted.upload_profile:
        (upload_profile_id,) = await references.find_upload_profiles(
            transaction, access, project_id, wanted.upload_profile
        )
    if wanted.conversion_profile_id is not None:
        await references.require_conversion_profile(
            transaction, access, wanted.conversion_profile_id
        )
    return await image_list.find(
        transaction,
        access,
        project_id,
        wanted,
        upload_profile_id=upload_profile_id,
        order=order,
        after=after,
        limit=limit,
    )


async def look_up_images(
    transaction: Transaction,
    access: Access,
    project_id: ProjectId | None,
    sha256s: Sequence[bytes],
    *,
    upload_profile: str = "",
) -> list[Stored[Image]]:
    """Return the best picture of each hash that is known; see `picstore_catalog.repo.image_lookup`.

    It is looked for in the project or, if that is None, in all where the caller holds the
    permission. `upload_profile`, an id or a short name, leaves out what came by another.

    Raises:
        NotFound, PermissionDenied: Of the project; see `picstore_kit.pg.access`.
        NotFound: There is no such upload profile.
        PermissionDenied: The caller holds the permission nowhere.
    """
    upload_profile_ids = None
    if upload_profile:
        if project_id is not None:
            await projects.fetch(transaction, access, project_id)
        upload_profile_ids = await references.find_upload_profiles(
            transaction, access, project_id, upload_profile
        )
    if project_id is not None:
        return await image_lookup.find_in_project(
            transaction, access, project_id, sha256s, upload_profile_ids=upload_profile_ids
        )
    access.require_somewhere()
    return await image_lookup.find_everywhere(
        transaction, access, sha256s, upload_profile_ids=upload_profile_ids
    )


async def describe_image(
    transaction: Transaction,
    access: Access,
    image_id: ImageId,
    change: DescriptionChange,
    *,
    etag: str = "",
) -> Stored[Image]:
    """Change what is said of a picture. Return it with its outputs.

    The picture is locked before it is read, so that changes of different entries, made at the same
    time, both stay.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
        Aborted: It is not what the caller saw (ETAG_MISMATCH).
        InvalidFields: With what was there before, there would be too many entries.
    """
    seen = await images.fetch_locked(transaction, access, image_id)
    seen.require_etag(etag, resource=images.resource(image_id))
    before = seen.value.description
    after = change.applied_to(before)
    if after != before:
        seen = await images.describe(transaction, access, image_id, after)
        await record(
            transaction,
            team_id=access.team_id,
            resource_type="Image",
            resource_id=image_id,
            project_id=seen.value.project_id,
            changes=differences(before.as_texts(), after.as_texts()),
        )
    return await _with_outputs(transaction, seen)


async def get_picture(
    transaction: Transaction,
    access: Access,
    image_id: ImageId,
    options: PictureOptions,
    *,
    locale: str = "",
) -> tuple[Image, Picture]:
    """Return what a page needs to show an image, from the READY outputs of what is served.

    `locale` is a canonical BCP 47 tag, for the alt text; empty takes the default.

    Raises:
        NotFound, PermissionDenied: See `picstore_kit.pg.access`.
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
        alt_text=image.description.text_for(locale),
        has_alpha=image.original.has_alpha,
        dominant_colour=image.placeholder.dominant_colour if image.placeholder else "",
        left_out=widest_left_out(made),
    )
    return image, picture


async def _with_outputs(transaction: Transaction, stored: Stored[Image]) -> Stored[Image]:
    image = stored.value
    made = await outputs.of_generation(
        transaction, image.id, image.generation or image.pending_generation
    )
    return replace(stored, value=replace(image, outputs=tuple(made)))
