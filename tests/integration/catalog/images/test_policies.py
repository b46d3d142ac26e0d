"""What a profile says besides formats and sizes, from the commit to what a page gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.output import OutputState, Useless
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.picture import PictureOptions
from picstore_catalog.model.work import Claim
from picstore_catalog.usecases.images import get_picture
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.profile import Profile
from picstore_imaging.rules import Fit, FormatRule, Gravity, MetadataPolicy, SizeRule
from picstore_kit.errors import Reason
from tests.integration.catalog.images.catalog import Catalog, MakeCommit, Team, stored_file

USELESS = Useless(size_bytes=2000, better_size_bytes=1000)
COMPARED = Profile(
    formats=tuple(FormatRule(format=format) for format in (Format.AVIF, Format.WEBP, Format.JPEG)),
    sizes=(SizeRule(width=400),),
    skip_if_larger_percent=50,
)


@pytest.fixture
async def compared(catalog: Catalog, team: Team, make_commit: MakeCommit) -> Image:
    """A picture of three formats, of which WebP is compared with AVIF."""
    profile = await catalog.add_profile(team, COMPARED, name="compared")
    return await catalog.commit(team, make_commit(upload_profile=profile))


@pytest.fixture
async def claim(catalog: Catalog, compared: Image) -> Claim:
    return await catalog.claim((await catalog.job_ids(compared.id))["fast"])


async def test_a_worker_is_told_what_to_compare(claim: Claim) -> None:
    by_format = {wanted.spec.format: wanted for wanted in claim.outputs}
    avif, webp = by_format[Format.AVIF], by_format[Format.WEBP]

    assert (webp.better_id, webp.skip_if_larger_percent) == (avif.id, 50)
    assert webp.better_size_bytes == 0
    assert avif.better_id is None
    assert by_format[Format.JPEG].better_id is None, "the fallback is kept in any case"


async def test_a_retry_is_told_how_large_the_better_one_became(
    catalog: Catalog, claim: Claim
) -> None:
    avif = next(wanted for wanted in claim.outputs if wanted.spec.format is Format.AVIF)
    await catalog.complete(claim, avif.id, stored_file(claim, avif))
    await catalog.execute(
        "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s",
        claim.job.id,
    )

    again = await catalog.claim(claim.job.id)

    sizes = {wanted.spec.format: wanted.better_size_bytes for wanted in again.outputs}
    assert sizes == {Format.WEBP: 1000, Format.JPEG: 0}


@pytest.mark.parametrize("last", [Format.WEBP, Format.JPEG])
async def test_a_picture_is_ready_without_what_was_of_no_use(
    catalog: Catalog, team: Team, compared: Image, claim: Claim, last: Format
) -> None:
    ordered = sorted(claim.outputs, key=lambda wanted: wanted.spec.format is last)
    for wanted in ordered:
        useless = wanted.spec.format is Format.WEBP
        result = USELESS if useless else stored_file(claim, wanted)
        for _ in range(2):  # repeating a report changes nothing
            completion = await catalog.complete(claim, wanted.id, result)

    assert completion.job_finished
    assert completion.image_state is ImageState.READY
    image = await catalog.image(team, compared.id)
    outputs = {output.spec.format: output for output in image.outputs}
    assert outputs[Format.WEBP].state is OutputState.SKIPPED
    assert outputs[Format.WEBP].reason == Reason.LARGER_THAN_BETTER
    assert "2000" in outputs[Format.WEBP].message
    assert outputs[Format.AVIF].state is outputs[Format.JPEG].state is OutputState.READY
    async with catalog.uow.begin(team.id) as conn:
        access = team.access(Permission.IMAGE_READ)
        _, picture = await get_picture(conn, access, image.id, PictureOptions())
    assert [source.format for source in picture.sources] == [Format.AVIF]
    assert picture.fallback.format is Format.JPEG


async def test_a_picture_is_cropped_by_its_focal_point_and_later_changes_wait(
    catalog: Catalog, team: Team, make_commit: MakeCommit
) -> None:
    square = SizeRule(width=300, height=300, fit=Fit.COVER)
    profile = replace(
        COMPARED,
        formats=COMPARED.formats[2:],
        sizes=(square, replace(square, width=200, gravity=Gravity.NORTH)),
        skip_if_larger_percent=None,
        metadata=MetadataPolicy.KEEP_COPYRIGHT,
    )
    upload_profile = await catalog.add_profile(team, profile, name="square")
    first = await catalog.commit(team, make_commit(upload_profile=upload_profile))
    await catalog.execute("UPDATE images SET focal_x = 0.25, focal_y = 1 WHERE id = %s", first.id)

    unchanged = await catalog.image(team, first.id)
    assert [output.spec.focal_point for output in unchanged.outputs] == [None, None]

    again = make_commit(upload_profile=upload_profile, image_id=first.id, content=b"another")
    await catalog.commit(team, replace(again, generation=2))

    specs = [output.spec for output in (await catalog.image(team, first.id)).outputs]
    assert [spec.focal_point for spec in specs] == [Point(0.25, 1), None]
    assert [spec.gravity for spec in specs] == [Gravity.CENTRE, Gravity.NORTH]
    assert {spec.metadata for spec in specs} == {MetadataPolicy.KEEP_COPYRIGHT}
    hashes = await catalog.rows(
        "SELECT DISTINCT spec_hash FROM outputs WHERE image_id = %s", first.id
    )
    assert len(hashes) == 3, "a focal point makes another output, where it plays a part"
