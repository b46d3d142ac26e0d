"""What becomes of a commit: originals that replace others, and bytes that are there already."""

from __future__ import annotations

import pytest

from picstore.catalog.v1 import (
    conversion_pb2,
    image_pb2,
    image_service_pb2,
    ingest_pb2,
    project_pb2,
)
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.ingest_pb2 import CommitImageResponse
from picstore.jobs.v1 import job_pb2
from picstore_kit.errors import AlreadyExists, InvalidFields, Reason
from picstore_kit.ids import LocationId, new_id
from picstore_kit.pg.database import Database
from tests.contract.catalog.images.conftest import Callers, Client, commit_of, complete_all


async def test_an_object_tells_whose_original_it_is(
    upload: Client, callers: Callers, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    for_nobody = await callers.service("upload")
    find = ingest_pb2.FindOriginalRequest(
        storage_location_id=resolved.originals_location.id, object_key=resolved.object_key
    )
    assert (await for_nobody.ingest.FindOriginal(find)).image_id == ""

    image = (await upload.ingest.CommitImage(commit_of(resolved))).image

    for service in (for_nobody, upload):
        assert (await service.ingest.FindOriginal(find)).image_id == image.id


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("storage_location_id", ingest_pb2.FindOriginalRequest(object_key="a")),
        ("object_key", ingest_pb2.FindOriginalRequest(storage_location_id=new_id(LocationId))),
        (
            "object_key",
            ingest_pb2.FindOriginalRequest(
                storage_location_id=new_id(LocationId), object_key="a\0"
            ),
        ),
    ],
)
async def test_what_names_no_object_is_refused(
    upload: Client, field: str, request_: ingest_pb2.FindOriginalRequest
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.FindOriginal(request_)
    assert [v.field for v in refused.value.violations] == [field]


async def test_what_names_no_upload_is_refused(upload: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.FindCommit(ingest_pb2.FindCommitRequest())
    assert [v.field for v in refused.value.violations] == ["upload_id"]


async def test_a_picture_is_replaced_and_pages_have_it_all_the_while(
    upload: Client, converter: Client, user: Client, claim: job_pb2.Claim, database: Database
) -> None:
    await complete_all(converter, claim)
    before = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=claim.image_id))

    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=before.id, filename="Other.png")
    )
    commit = commit_of(resolved)
    commit.facts.sha256 = "cd" * 32
    commit.facts.trailing_bytes = 7
    committed = await upload.ingest.CommitImage(commit)

    assert (resolved.generation, resolved.filename) == (2, "Other.png")
    image = committed.image
    assert committed.original_kept
    assert (image.state, image.pending_generation) == (Image.STATE_READY, 2)
    assert (image.sha256, image.filename) == (before.sha256, before.filename)
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT id FROM jobs WHERE generation = 2 AND lane = 'fast'")
        ((job_id,),) = await cursor.fetchall()
    again = await converter.jobs.ClaimJob(job_pb2.ClaimJobRequest(job_id=job_id, worker="x"))
    assert (again.object_key, again.facts.trailing_bytes) == (resolved.object_key, 7)
    await complete_all(converter, again)
    after = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=before.id))
    assert (after.generation, after.pending_generation) == (2, 0)
    assert (after.sha256, after.filename) == ("cd" * 32, "Other.png")
    assert (after.frames, after.trailing_bytes) == (1, 7)


async def test_a_picture_that_could_not_be_replaced_says_why(
    upload: Client, converter: Client, user: Client, claim: job_pb2.Claim, database: Database
) -> None:
    await complete_all(converter, claim)
    resolved = await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(image_id=claim.image_id)
    )
    commit = commit_of(resolved)
    commit.facts.sha256 = "cd" * 32
    await upload.ingest.CommitImage(commit)
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT id FROM jobs WHERE generation = 2 AND lane = 'fast'")
        ((job_id,),) = await cursor.fetchall()
    again = await converter.jobs.ClaimJob(job_pb2.ClaimJobRequest(job_id=job_id, worker="x"))

    await converter.jobs.FailJob(
        job_pb2.FailJobRequest(
            job_id=job_id, attempt=again.attempt, reason="IMAGE_CORRUPT", message="it is broken"
        )
    )

    kept = await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=claim.image_id))
    assert (kept.state, kept.generation) == (Image.STATE_READY, 1)
    assert (kept.failure_reason, kept.failure_message) == ("IMAGE_CORRUPT", "it is broken")
    await user.images.GetPicture(image_service_pb2.GetPictureRequest(image_id=claim.image_id))


async def test_bytes_that_are_there_already_are_dealt_with_as_the_caller_says(
    upload: Client, project: project_pb2.Project, image: Image
) -> None:
    async def commit(
        on_duplicate: image_pb2.OnDuplicate.ValueType,
    ) -> ingest_pb2.CommitImageResponse:
        resolved = await upload.ingest.ResolveUpload(
            ingest_pb2.ResolveUploadRequest(project_id=project.id, upload_profile="photos")
        )
        request = commit_of(resolved)
        request.on_duplicate = on_duplicate
        return await upload.ingest.CommitImage(request)

    for returning in (
        image_pb2.ON_DUPLICATE_UNSPECIFIED,
        image_pb2.ON_DUPLICATE_RETURN_EXISTING,
    ):
        returned = await commit(returning)
        assert returned == CommitImageResponse(image=image, duplicate=True)
    with pytest.raises(AlreadyExists) as refused:
        await commit(image_pb2.ON_DUPLICATE_REFUSE)
    assert refused.value.reason is Reason.IMAGE_DUPLICATE
    assert refused.value.metadata == {"image": image.id}
    made = await commit(image_pb2.ON_DUPLICATE_CREATE)
    assert made.original_kept
    assert made.image.id != image.id


async def test_an_upload_id_with_other_bytes_is_refused(
    upload: Client, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    commit = commit_of(resolved)
    await upload.ingest.CommitImage(commit)
    commit.facts.sha256 = "cd" * 32

    with pytest.raises(AlreadyExists) as refused:
        await upload.ingest.CommitImage(commit)

    assert refused.value.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize(
    ("format", "name"),
    [
        (number, name)
        for name, number in conversion_pb2.Format.items()
        if number != conversion_pb2.FORMAT_UNSPECIFIED
    ],
)
async def test_an_original_may_have_every_format_of_the_contract(
    upload: Client,
    resolved: ingest_pb2.ResolveUploadResponse,
    format: conversion_pb2.Format.ValueType,
    name: str,
) -> None:
    commit = commit_of(resolved)
    commit.facts.format = format

    assert (await upload.ingest.CommitImage(commit)).image.format == format, name


async def test_a_commit_says_what_is_to_happen_by_a_value_of_the_contract(
    upload: Client, resolved: ingest_pb2.ResolveUploadResponse
) -> None:
    commit = commit_of(resolved)
    commit.on_duplicate = 99  # type: ignore[assignment]
    with pytest.raises(InvalidFields, match="on_duplicate"):
        await upload.ingest.CommitImage(commit)
