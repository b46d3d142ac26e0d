"""CompleteRender: what was drawn becomes an original once, whoever reports it and how often."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import conversion_pb2, image_service_pb2, ingest_pb2, upload_profile_pb2
from picstore.catalog.v1.conversion_pb2 import Recipe
from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
)
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.jobs.v1.job_pb2 import (
    Claim,
    ClaimJobRequest,
    CompleteRenderRequest,
    CompleteRenderResponse,
    ExtendJobRequest,
    FailJobRequest,
)
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, JobId, new_id
from picstore_kit.pg.database import Database
from tests.contract.catalog.images.conftest import Client, commit_of, complete_all
from tests.contract.catalog.images.test_derived_images import derive, make_template
from tests.contract.catalog.messages import overlay_template

DIGEST = "ef" * 32


async def claim_of(
    converter: Client, database: Database, image_id: str, *, lane: str = "fast"
) -> Claim:
    """Claim the newest job of a picture on a lane."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT id FROM jobs WHERE image_id = %s AND lane = %s ORDER BY id DESC LIMIT 1",
            (image_id, lane),
        )
        row = await cursor.fetchone()
    assert row is not None
    return await converter.jobs.ClaimJob(ClaimJobRequest(job_id=row[0], worker="converter-1"))


async def let_lease_end(database: Database, claim: Claim) -> None:
    """Have the worker be silent for longer than its lease, and the pause be over."""
    async with database.system_transaction() as conn:
        await conn.execute(
            "UPDATE jobs SET run_at = clock_timestamp(), sweep_at = clock_timestamp(),"
            " lease_until = CASE state WHEN 'RUNNING' THEN clock_timestamp() END WHERE id = %s",
            (claim.job_id,),
        )


async def jobs_of(database: Database, image_id: str) -> list[tuple[str, str]]:
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT kind, state FROM jobs WHERE image_id = %s ORDER BY id", (image_id,)
        )
        return [(kind, state) for kind, state in await cursor.fetchall()]


def report(
    claim: Claim, *, job_id: str = "", object_key: str = "", recipe: Recipe | None = None
) -> CompleteRenderRequest:
    """The report of a card that is stored."""
    facts = conversion_pb2.SourceFacts(
        format=conversion_pb2.FORMAT_PNG,
        width=1200,
        height=630,
        frames=1,
        size_bytes=54_321,
        sha256=DIGEST,
        has_alpha=True,
    )
    return CompleteRenderRequest(
        job_id=job_id or claim.job_id,
        attempt=claim.attempt,
        object_key=object_key or claim.render.object_key,
        facts=facts,
        recipe=recipe,
    )


async def complete(converter: Client, claim: Claim, **fields: Any) -> CompleteRenderResponse:
    return await converter.jobs.CompleteRender(report(claim, **fields))


async def look(user: Client, image_id: str) -> Image:
    return await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image_id))


@pytest.fixture
async def derived(user: Client, image: Image) -> Image:
    """A picture that is to be drawn over another."""
    await make_template(user, overlay_template())
    return await derive(user, image.id)


@pytest.fixture
async def drawing(converter: Client, derived: Image, database: Database) -> Claim:
    """A worker's claim of the job that draws it."""
    return await claim_of(converter, database, derived.id)


async def test_a_claim_says_all_that_drawing_needs(
    user: Client, image: Image, drawing: Claim, derived: Image
) -> None:
    assert drawing.image_id == derived.id
    assert drawing.facts.sha256 == image.sha256
    assert drawing.object_key.split("/")[-3] == image.id
    assert drawing.render.object_key.split("/")[:3] == ["blog", "originals", derived.id]
    assert drawing.render.object_key.endswith("/A-Lake-card.png")
    assert '"Hello"' in drawing.render.overlay
    assert not drawing.outputs
    assert not drawing.render.abandoned_object_keys
    assert drawing.outputs_location_id == drawing.originals_location_id


async def test_what_was_drawn_is_the_original_and_its_outputs_are_queued(
    user: Client, converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    answer = await complete(converter, drawing)

    assert answer.original_kept
    assert answer.image_state == Image.STATE_CONVERTING
    seen = await look(user, derived.id)
    assert (seen.width, seen.height, seen.size_bytes) == (1200, 630, 54_321)
    assert (seen.format, seen.sha256) == (conversion_pb2.FORMAT_PNG, DIGEST)
    assert (seen.generation, seen.pending_generation) == (0, 1)
    assert seen.HasField("commit_time")
    assert seen.conversion_profile_revision == 1
    assert {output.state for output in seen.outputs} == {Output.STATE_QUEUED}
    assert {output.spec.width for output in seen.outputs} == {400, 800}
    assert await jobs_of(database, derived.id) == [("render", "DONE"), ("convert", "QUEUED")]


async def test_it_is_converted_like_any_other(
    user: Client, converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    await complete(converter, drawing)

    claim = await claim_of(converter, database, derived.id)
    assert not claim.HasField("render")
    assert claim.object_key == drawing.render.object_key
    assert claim.output_key_prefix == f"blog/web/2026/A-Lake-card-{derived.id}"
    last = await complete_all(converter, claim)
    assert last.image_state == Image.STATE_READY
    seen = await look(user, derived.id)
    assert (seen.state, seen.generation) == (Image.STATE_READY, 1)
    assert seen.derived_from == derived.derived_from


async def test_a_repeated_report_changes_nothing(
    user: Client, converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    await complete(converter, drawing)
    before = await look(user, derived.id), await jobs_of(database, derived.id)

    answer = await complete(converter, drawing)

    assert answer.original_kept
    assert (await look(user, derived.id), await jobs_of(database, derived.id)) == before


async def test_another_object_is_not_kept_beside_the_first(
    converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    await complete(converter, drawing)

    other = drawing.render.object_key.replace("/1-", "/1-x")
    assert not (await complete(converter, drawing, object_key=other)).original_kept


async def test_an_attempt_that_was_overtaken_is_refused_and_the_next_clears_up_after_it(
    converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    await let_lease_end(database, drawing)
    second = await claim_of(converter, database, derived.id)

    assert second.attempt == 2
    assert second.render.object_key != drawing.render.object_key
    assert list(second.render.abandoned_object_keys) == [drawing.render.object_key]
    with pytest.raises(Aborted) as refused:
        await complete(converter, drawing)
    assert refused.value.reason is Reason.LEASE_LOST
    assert (await complete(converter, second)).original_kept


async def test_an_attempt_that_gave_up_can_not_report(
    user: Client, converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    await converter.jobs.FailJob(
        FailJobRequest(
            job_id=drawing.job_id,
            attempt=drawing.attempt,
            reason=Reason.CHILD_CRASHED.value,
            retryable=True,
        )
    )

    with pytest.raises(Aborted) as refused:
        await complete(converter, drawing)

    assert refused.value.reason is Reason.LEASE_LOST
    assert await jobs_of(database, derived.id) == [("render", "QUEUED")]
    assert (await look(user, derived.id)).state == Image.STATE_CONVERTING


async def test_what_can_not_be_drawn_is_failed_with_the_reason(
    user: Client, converter: Client, drawing: Claim, derived: Image
) -> None:
    answer = await converter.jobs.FailJob(
        FailJobRequest(
            job_id=drawing.job_id,
            attempt=drawing.attempt,
            reason=Reason.FONT_UNKNOWN.value,
            message='there is no font "Futura"',
        )
    )

    assert not answer.HasField("retry_time")
    seen = await look(user, derived.id)
    assert (seen.state, seen.failure_reason) == (Image.STATE_FAILED, Reason.FONT_UNKNOWN)
    assert seen.failure_message == 'there is no font "Futura"'
    assert not seen.HasField("commit_time")
    assert not (await complete(converter, drawing)).original_kept


async def test_an_upload_replaces_what_is_still_to_be_drawn(
    user: Client, upload: Client, converter: Client, drawing: Claim, derived: Image
) -> None:
    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=derived.id, filename="by hand.jpg")
    )
    assert resolved.generation == 2
    await upload.ingest.CommitImage(commit_of(resolved))

    assert not (await complete(converter, drawing)).original_kept
    with pytest.raises(Aborted):
        await converter.jobs.ExtendJob(
            ExtendJobRequest(job_id=drawing.job_id, attempt=drawing.attempt)
        )
    seen = await look(user, derived.id)
    assert (seen.pending_generation, seen.format) == (2, conversion_pb2.FORMAT_JPEG)
    assert seen.derived_from == derived.derived_from


async def test_an_upload_mends_a_picture_that_could_not_be_drawn(
    user: Client, upload: Client, converter: Client, drawing: Claim, derived: Image
) -> None:
    await converter.jobs.FailJob(
        FailJobRequest(
            job_id=drawing.job_id, attempt=drawing.attempt, reason=Reason.TEXT_OVERFLOWS.value
        )
    )
    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=derived.id)
    )

    committed = await upload.ingest.CommitImage(commit_of(resolved))

    assert committed.image.state == Image.STATE_CONVERTING
    assert not committed.image.failure_reason


async def test_a_drawn_original_is_replaced_like_any_other(
    user: Client,
    upload: Client,
    converter: Client,
    drawing: Claim,
    derived: Image,
    database: Database,
) -> None:
    await complete(converter, drawing)
    await complete_all(converter, await claim_of(converter, database, derived.id))
    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=derived.id)
    )
    await upload.ingest.CommitImage(commit_of(resolved))

    seen = await look(user, derived.id)

    assert (seen.state, seen.generation, seen.pending_generation) == (Image.STATE_READY, 1, 2)
    assert seen.format == conversion_pb2.FORMAT_PNG


async def test_a_profile_that_yields_nothing_any_more_fails_the_picture(
    user: Client, converter: Client, drawing: Claim, derived: Image, database: Database
) -> None:
    profile = await user.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(
            conversion_profile=ConversionProfile(
                short_name="never",
                formats=[
                    conversion_pb2.FormatRule(
                        format=conversion_pb2.FORMAT_WEBP,
                        only_from=[conversion_pb2.FORMAT_JPEG],
                    )
                ],
                sizes=[conversion_pb2.SizeRule(width=400)],
            )
        )
    )
    await user.upload_profiles.UpdateUploadProfile(
        upload_profile_pb2.UpdateUploadProfileRequest(
            upload_profile=upload_profile_pb2.UploadProfile(
                id=derived.upload_profile, conversion_profile_id=profile.id
            ),
            update_mask=FieldMask(paths=["conversion_profile_id"]),
        )
    )

    answer = await complete(converter, drawing)

    assert (answer.image_state, answer.original_kept) == (Image.STATE_FAILED, False)
    seen = await look(user, derived.id)
    assert seen.failure_reason == Reason.PROFILE_YIELDS_NOTHING
    assert await jobs_of(database, derived.id) == [("render", "FAILED")]
    # And who asks then is told at once.
    with pytest.raises(FailedPrecondition) as refused:
        await derive(user, derived.derived_from.image_id)
    assert refused.value.reason is Reason.PROFILE_YIELDS_NOTHING


async def test_impossible_reports_are_refused_by_their_fields(
    converter: Client, drawing: Claim, image: Image, derived: Image, database: Database
) -> None:
    for key in ("elsewhere.png", f"blog/originals/{new_id(ImageId)}/1-x/card.png"):
        with pytest.raises(InvalidFields) as refused:
            await complete(converter, drawing, object_key=key)
        assert refused.value.metadata["fields"] == "object_key"
    for field, value in (("width", 0), ("sha256", "ab"), ("size_bytes", 0)):
        request = report(drawing)
        setattr(request.facts, field, value)
        with pytest.raises(InvalidFields) as refused:
            await converter.jobs.CompleteRender(request)
        assert refused.value.metadata["fields"] == f"facts.{field}"
    converting = await claim_of(converter, database, image.id)
    with pytest.raises(InvalidFields) as refused:
        await complete(converter, drawing, job_id=converting.job_id)
    assert refused.value.metadata["fields"] == "job_id"
    with pytest.raises(NotFound):
        await complete(converter, drawing, job_id=new_id(JobId))


async def test_only_converters_report(
    user: Client, upload: Client, converter: Client, drawing: Claim
) -> None:
    for client in (user, upload):
        with pytest.raises(PermissionDenied) as refused:
            await client.jobs.CompleteRender(report(drawing))
        assert refused.value.reason is Reason.SERVICE_ONLY
