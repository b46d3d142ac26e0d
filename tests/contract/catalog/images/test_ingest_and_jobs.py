"""IngestService and JobService, as the upload service and converters call them."""

from __future__ import annotations

import re
from collections.abc import Awaitable

import pytest

from picstore.catalog.v1 import (
    conversion_pb2,
    image_service_pb2,
    ingest_pb2,
    picture_pb2,
    project_pb2,
)
from picstore.catalog.v1.image_pb2 import Image
from picstore.jobs.v1 import job_pb2
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import JobId, LocationId, UploadId, new_id
from tests.contract.catalog.images.conftest import (
    Callers,
    Client,
    commit_of,
    complete_all,
    stored,
)
from tests.contract.catalog.messages import SECRET


async def test_an_upload_is_told_where_its_original_goes(
    resolved: ingest_pb2.ResolveUploadResponse, project: project_pb2.Project
) -> None:
    assert resolved.project_id == project.id
    assert resolved.filename == "A-Lake.jpg"
    assert resolved.location == "2026"
    assert resolved.generation == 1
    assert re.fullmatch(
        rf"blog/originals/{resolved.image_id}/1-[a-z2-7]{{8}}/A-Lake\.jpg", resolved.object_key
    )
    assert resolved.max_bytes == 1000
    assert resolved.originals_location.s3.secret_access_key == SECRET


async def test_an_upload_may_leave_the_profile_to_the_key(
    upload: Client, upload_by_default: Client, project: project_pb2.Project
) -> None:
    request = ingest_pb2.ResolveUploadRequest(project_id=project.id, filename="a.jpg")

    resolved = await upload_by_default.ingest.ResolveUpload(request)

    assert resolved.upload_profile_id.startswith("upr_")
    with pytest.raises(FailedPrecondition) as refused:
        await upload.ingest.ResolveUpload(request)
    assert refused.value.reason is Reason.UPLOAD_PROFILE_REQUIRED


async def test_an_upload_that_cannot_be_meant_is_refused_by_its_fields(upload: Client) -> None:
    request = ingest_pb2.ResolveUploadRequest(project_id="x", upload_profile="a\0")
    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.ResolveUpload(request)
    assert {v.field for v in refused.value.violations} == {"project_id", "upload_profile"}


async def test_an_announced_picture_resolves_by_its_id_alone(
    upload: Client, user: Client, project: project_pb2.Project
) -> None:
    announced = await user.images.CreateImage(
        image_service_pb2.CreateImageRequest(
            image=Image(project_id=project.id, upload_profile="photos", filename="lake.jpg")
        )
    )

    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=announced.id)
    )

    assert resolved.image_id == announced.id
    assert resolved.upload_profile_id == announced.upload_profile
    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.ResolveUpload(
            ingest_pb2.ResolveUploadRequest(
                image_id=announced.id, location="2026", upload_profile="photos"
            )
        )
    assert {v.field for v in refused.value.violations} == {"location", "upload_profile"}


async def test_a_commit_can_be_found_and_repeated(
    upload: Client, callers: Callers, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    for_nobody = await callers.service("upload")
    commit = commit_of(resolved)
    find = ingest_pb2.FindCommitRequest(upload_id=commit.upload_id)
    assert (await for_nobody.ingest.FindCommit(find)).image_id == ""

    committed = await upload.ingest.CommitImage(commit)

    image = committed.image
    assert committed.original_kept
    assert not committed.duplicate
    assert image.state == Image.STATE_CONVERTING
    assert image.id == resolved.image_id
    assert image.has_gps
    assert image.HasField("commit_time")
    assert await upload.ingest.CommitImage(commit) == committed
    assert (await for_nobody.ingest.FindCommit(find)).image_id == image.id
    assert (await upload.ingest.FindCommit(find)).image_id == image.id


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("facts.format", conversion_pb2.SourceFacts(format=conversion_pb2.FORMAT_UNSPECIFIED)),
        ("facts.width", conversion_pb2.SourceFacts(width=0)),
        ("facts.frames", conversion_pb2.SourceFacts(frames=0)),
        ("facts.size_bytes", conversion_pb2.SourceFacts(size_bytes=-1)),
        ("facts.sha256", conversion_pb2.SourceFacts(sha256="no hash")),
        ("facts.trailing_bytes", conversion_pb2.SourceFacts(trailing_bytes=-1)),
    ],
)
async def test_impossible_facts_are_refused(
    upload: Client,
    resolved: ingest_pb2.ResolveUploadResponse,
    field: str,
    wrong: conversion_pb2.SourceFacts,
) -> None:
    commit = commit_of(resolved)
    name = field.removeprefix("facts.")
    setattr(commit.facts, name, getattr(wrong, name))

    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.CommitImage(commit)

    assert [v.field for v in refused.value.violations] == [field]


async def test_a_location_is_opened_to_services_by_its_id(
    upload: Client, converter: Client, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    request = ingest_pb2.GetStorageAccessRequest(storage_location_id=resolved.originals_location.id)

    for service in (upload, converter):
        opened = await service.ingest.GetStorageAccess(request)
        assert opened.s3.secret_access_key == SECRET
    with pytest.raises(NotFound):
        await converter.ingest.GetStorageAccess(
            ingest_pb2.GetStorageAccessRequest(storage_location_id=new_id(LocationId))
        )


async def test_users_cannot_call_what_is_for_services(
    user: Client, resolved: ingest_pb2.ResolveUploadResponse, job: job_pb2.ConvertJob
) -> None:
    location_id = resolved.originals_location.id
    calls: list[Awaitable[object]] = [
        user.ingest.ResolveUpload(ingest_pb2.ResolveUploadRequest(project_id=resolved.project_id)),
        user.ingest.CommitImage(commit_of(resolved)),
        user.ingest.FindCommit(ingest_pb2.FindCommitRequest(upload_id=new_id(UploadId))),
        user.ingest.GetStorageAccess(
            ingest_pb2.GetStorageAccessRequest(storage_location_id=location_id)
        ),
        user.jobs.ClaimJob(job_pb2.ClaimJobRequest(job_id=job.job_id, worker="me")),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied) as refused:
            await call
        assert refused.value.reason is Reason.SERVICE_ONLY


async def test_a_service_that_acts_for_nobody_cannot_upload(
    callers: Callers, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    for_nobody = await callers.service("upload")
    with pytest.raises(Unauthenticated) as refused:
        await for_nobody.ingest.CommitImage(commit_of(resolved))

    assert refused.value.reason is Reason.CREDENTIAL_MISSING


async def test_a_claim_says_all_that_a_converter_needs(
    resolved: ingest_pb2.ResolveUploadResponse,
    image: Image,
    job: job_pb2.ConvertJob,
    claim: job_pb2.Claim,
) -> None:
    assert (job.image_id, job.generation, job.lane) == (image.id, 1, job_pb2.LANE_FAST)
    assert claim.attempt == 1
    assert claim.lease_seconds == 30
    assert claim.object_key == resolved.object_key
    assert claim.output_key_prefix == f"blog/web/2026/A-Lake-{image.id}"
    assert claim.cache_control == "public, max-age=31536000, immutable"
    assert claim.facts.sha256 == image.sha256
    assert claim.wants_placeholder
    assert {(w.spec.format, w.spec.width) for w in claim.outputs} == {
        (format, width)
        for format in (conversion_pb2.FORMAT_AVIF, conversion_pb2.FORMAT_JPEG)
        for width in (400, 800)
    }


async def test_a_busy_job_says_when_to_come_back(converter: Client, claim: job_pb2.Claim) -> None:
    with pytest.raises(Aborted) as refused:
        await converter.jobs.ClaimJob(
            job_pb2.ClaimJobRequest(job_id=claim.job_id, worker="converter-2")
        )

    assert refused.value.reason is Reason.JOB_BUSY
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= claim.lease_seconds


async def test_a_lease_can_be_extended(converter: Client, claim: job_pb2.Claim) -> None:
    extended = await converter.jobs.ExtendJob(
        job_pb2.ExtendJobRequest(job_id=claim.job_id, attempt=claim.attempt)
    )

    before = claim.lease_expire_time.ToDatetime()
    assert extended.lease_expire_time.ToDatetime() > before


async def test_the_last_output_makes_the_picture_ready(
    converter: Client, claim: job_pb2.Claim
) -> None:
    await converter.jobs.RecordPlaceholder(
        job_pb2.RecordPlaceholderRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            placeholder=picture_pb2.Placeholder(thumbhash="AQID", dominant_colour="#1a2b3c"),
        )
    )

    last = await complete_all(converter, claim)

    assert last.image_state == Image.STATE_READY
    assert last.job_finished
    with pytest.raises(FailedPrecondition) as refused:
        await converter.jobs.ClaimJob(job_pb2.ClaimJobRequest(job_id=claim.job_id, worker="x"))
    assert refused.value.reason is Reason.JOB_FINISHED


PREVIEW = "data:image/webp;base64,UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA="


def placeholder_of(claim: job_pb2.Claim, **fields: object) -> job_pb2.RecordPlaceholderRequest:
    known: dict[str, object] = {
        "thumbhash": "AQID",
        "dominant_colour": "#1a2b3c",
        "palette": ["#1a2b3c", "#ffffff"],
        "preview_uri": PREVIEW,
    }
    return job_pb2.RecordPlaceholderRequest(
        job_id=claim.job_id,
        attempt=claim.attempt,
        placeholder=picture_pb2.Placeholder(**(known | fields)),  # type: ignore[arg-type]  # named above
    )


async def test_a_page_gets_the_preview_and_the_palette(
    converter: Client, user: Client, image: Image, claim: job_pb2.Claim
) -> None:
    request = placeholder_of(claim)
    await converter.jobs.RecordPlaceholder(request)
    await complete_all(converter, claim)

    found = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image.id))
    assert found.placeholder == request.placeholder
    listed = await user.images.ListImages(
        image_service_pb2.ListImagesRequest(project_id=image.project_id)
    )
    assert [each.placeholder for each in listed.images] == [request.placeholder]
    picture = await user.images.GetPicture(image_service_pb2.GetPictureRequest(image_id=image.id))
    assert picture.placeholder == request.placeholder


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("palette", ["red"]),
        ("palette", ["#1a2b3c"] * 6),
        ("preview_uri", "data:image/svg+xml;base64,PHN2Zz4="),
        ("preview_uri", "data:image/webp;base64,PHN2Zz4="),
        ("preview_uri", "data:image/webp;base64,!"),
        ("preview_uri", "data:image/webp;base64,\u00e9"),
        ("preview_uri", PREVIEW + "A" * 400),
    ],
)
async def test_a_placeholder_that_no_page_should_show_is_refused(
    converter: Client, claim: job_pb2.Claim, field: str, wrong: object
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await converter.jobs.RecordPlaceholder(placeholder_of(claim, **{field: wrong}))

    assert refused.value.metadata["fields"] == f"placeholder.{field}"


async def test_what_is_kept_in_any_case_cannot_be_skipped(
    converter: Client, claim: job_pb2.Claim
) -> None:
    request = job_pb2.CompleteOutputRequest(
        job_id=claim.job_id,
        attempt=claim.attempt,
        output_id=claim.outputs[0].output_id,
        skipped=job_pb2.SkippedOutput(size_bytes=2, better_size_bytes=1),
    )
    with pytest.raises(InvalidFields) as refused:
        await converter.jobs.CompleteOutput(request)
    assert refused.value.metadata["fields"] == "skipped"

    request.skipped.better_size_bytes = 0
    with pytest.raises(InvalidFields) as refused:
        await converter.jobs.CompleteOutput(request)
    assert refused.value.metadata["fields"] == "skipped.size_bytes"


async def test_a_report_of_another_attempt_says_that_the_lease_is_lost(
    converter: Client, claim: job_pb2.Claim
) -> None:
    late = stored(claim, claim.outputs[0])
    late.attempt = 2

    with pytest.raises(Aborted) as refused:
        await converter.jobs.CompleteOutput(late)

    assert refused.value.reason is Reason.LEASE_LOST


async def test_a_failed_attempt_is_told_when_the_next_begins(
    converter: Client, user: Client, image: Image, claim: job_pb2.Claim
) -> None:
    request = job_pb2.FailJobRequest(
        job_id=claim.job_id,
        attempt=claim.attempt,
        reason="STORAGE_UNAVAILABLE",
        message="the store does not answer",
        retryable=True,
    )
    assert (await converter.jobs.FailJob(request)).HasField("retry_time")


async def test_a_job_that_failed_for_good_fails_the_picture_with_the_reason(
    converter: Client, user: Client, image: Image, claim: job_pb2.Claim
) -> None:
    response = await converter.jobs.FailJob(
        job_pb2.FailJobRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            reason="IMAGE_CORRUPT",
            message="the picture cannot be read",
        )
    )

    assert not response.HasField("retry_time")
    failed = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=image.id))
    assert failed.state == Image.STATE_FAILED
    assert failed.failure_reason == "IMAGE_CORRUPT"
    assert failed.failure_message == "the picture cannot be read"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("result", job_pb2.CompleteOutputRequest()),
        (
            "failed.reason",
            job_pb2.CompleteOutputRequest(failed=job_pb2.FailedOutput(reason="BAD_LUCK")),
        ),
        (
            "stored.sha256",
            job_pb2.CompleteOutputRequest(stored=job_pb2.StoredOutput(sha256="00")),
        ),
        (
            "stored.object_key",
            job_pb2.CompleteOutputRequest(
                stored=job_pb2.StoredOutput(object_key="blog/web/other.jpg", sha256="00" * 32)
            ),
        ),
    ],
)
async def test_an_impossible_report_is_refused(
    converter: Client, claim: job_pb2.Claim, field: str, change: job_pb2.CompleteOutputRequest
) -> None:
    change.job_id, change.attempt = claim.job_id, claim.attempt
    change.output_id = claim.outputs[0].output_id

    with pytest.raises(InvalidFields) as refused:
        await converter.jobs.CompleteOutput(change)

    assert [v.field for v in refused.value.violations] == [field]


async def test_a_job_that_is_not_there_is_not_found(converter: Client) -> None:
    job_id = new_id(JobId)
    calls: list[Awaitable[object]] = [
        converter.jobs.ClaimJob(job_pb2.ClaimJobRequest(job_id=job_id, worker="x")),
        converter.jobs.ExtendJob(job_pb2.ExtendJobRequest(job_id=job_id, attempt=1)),
        converter.jobs.FailJob(
            job_pb2.FailJobRequest(job_id=job_id, attempt=1, reason="IMAGE_CORRUPT")
        ),
    ]
    for call in calls:
        with pytest.raises(PicstoreError) as refused:
            await call
        assert refused.value.reason is Reason.RESOURCE_NOT_FOUND
