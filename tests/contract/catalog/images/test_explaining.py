"""How outputs came to be, and what there is to reproduce what failed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from picstore.auth.v1.audit_pb2 import AuditEvent
from picstore.catalog.v1 import conversion_pb2, explanation_pb2, image_service_pb2, project_pb2
from picstore.catalog.v1.explanation_pb2 import ExplainedGeneration, ExplainedJob
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.jobs.v1.job_pb2 import Claim, ClaimJobRequest, FailJobRequest
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    InvalidField,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, JobId, OutputId, ProjectId, TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import ADMIN
from tests.contract.catalog.images.conftest import Callers, Client, stored

RECIPE = conversion_pb2.Recipe(
    steps=["load jpeg 1200x800", "scale 1200x800 → 400x267 lanczos3", "encode by libwebp: Q 80"],
    encoder="libwebp",
    encoder_version="libvips 8.18.7",
    quality=80,
    effort=2,
    encodes=1,
    cpu_ms=17,
    decode_cpu_ms=4,
    peak_rss_bytes=60_000_000,
)


def death(claim: Claim) -> conversion_pb2.ChildDeath:
    return conversion_pb2.ChildDeath(
        signal=11,
        output="Segmentation fault\n\x1b[31mred\0",
        peak_rss_bytes=70_000_000,
        output_ids=[wanted.output_id for wanted in claim.outputs],
        limits=conversion_pb2.ChildLimits(memory_bytes=2**31, cpu_seconds=600, open_files=64),
        versions={"pyvips-binary": "8.18.7"},
        sandbox={"seccomp": "active: 99 calls denied"},
    )


async def explain_whole(client: Client, image_id: str) -> explanation_pb2.ExplainImageResponse:
    return await client.images.ExplainImage(explanation_pb2.ExplainImageRequest(image_id=image_id))


async def explain(client: Client, image_id: str) -> list[ExplainedGeneration]:
    return list((await explain_whole(client, image_id)).generations)


async def die(converter: Client, claim: Claim) -> None:
    """Have the child of an attempt crash."""
    await converter.jobs.FailJob(
        FailJobRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            reason=Reason.CHILD_CRASHED,
            message="the sandboxed process was ended by SIGSEGV",
            retryable=True,
            death=death(claim),
        )
    )


async def test_each_output_keeps_how_it_was_made(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    first, *others = claim.outputs
    report = stored(claim, first)
    report.stored.recipe.CopyFrom(RECIPE)
    await converter.jobs.CompleteOutput(report)
    for wanted in others:
        await converter.jobs.CompleteOutput(stored(claim, wanted))

    (generation,) = await explain(user, image.id)

    assert (generation.generation, generation.served, generation.pending) == (1, True, False)
    assert (generation.source.width, generation.source.sha256) == (1200, "ab" * 32)
    assert generation.conversion_profile_id.startswith("cpr_")
    assert generation.conversion_profile_revision == 1
    made = {explained.output.id: explained for explained in generation.outputs}
    assert made[first.output_id].recipe == RECIPE
    assert made[first.output_id].job_id == claim.job_id
    assert made[first.output_id].awaited
    # A converter from before there were recipes.
    assert not any(made[wanted.output_id].HasField("recipe") for wanted in others)
    assert {explained.output.state for explained in made.values()} == {Output.STATE_READY}
    (job,) = generation.jobs
    assert (job.id, job.lane, job.state, job.attempt) == (
        claim.job_id,
        "fast",
        ExplainedJob.STATE_DONE,
        1,
    )
    assert not generation.HasField("quarantine")


async def test_where_a_search_for_a_quality_began_is_kept(
    user: Client, converter: Client, image: Image, claim: Claim
) -> None:
    sought = conversion_pb2.Recipe(
        quality=61, metric="ssimulacra2", score=80.2, encodes=3, start_quality=68
    )
    report = stored(claim, claim.outputs[0])
    report.stored.recipe.CopyFrom(sought)
    await converter.jobs.CompleteOutput(report)

    (generation,) = await explain(user, image.id)

    made = {explained.output.id: explained for explained in generation.outputs}
    assert made[claim.outputs[0].output_id].recipe == sought


NO_RECIPES = (
    conversion_pb2.Recipe(steps=["x"] * 65),
    conversion_pb2.Recipe(steps=["two\nlines"]),
    conversion_pb2.Recipe(encoder="a" * 101),
    conversion_pb2.Recipe(quality=101),
    conversion_pb2.Recipe(score=float("nan")),
    conversion_pb2.Recipe(cpu_ms=-1),
    conversion_pb2.Recipe(start_quality=101),
)


async def test_a_recipe_that_is_none_is_refused(converter: Client, claim: Claim) -> None:
    for nonsense in NO_RECIPES:
        report = stored(claim, claim.outputs[0])
        report.stored.recipe.CopyFrom(nonsense)
        with pytest.raises(InvalidArgument, match="recipe"):
            await converter.jobs.CompleteOutput(report)


async def test_children_that_died_at_another_job_of_the_picture_count(
    user: Client, converter: Client, image: Image, claim: Claim, database: Database
) -> None:
    async with database.system_transaction() as conn:
        await conn.execute(
            "INSERT INTO jobs (id, team_id, image_id, generation, lane, kind, outputs_location_id,"
            " output_key_prefix, state, child_deaths)"
            " SELECT %s, team_id, image_id, generation, 'slow', kind, outputs_location_id,"
            " output_key_prefix, 'DONE', 1 FROM jobs WHERE id = %s",
            (new_id(JobId), claim.job_id),
        )

    await die(converter, claim)

    (generation,) = await explain(user, image.id)
    assert generation.HasField("quarantine")
    assert list(generation.quarantine.job_ids) == [claim.job_id]


async def test_a_picture_that_kills_two_children_is_quarantined_with_what_reproduces_it(
    user: Client, converter: Client, image: Image, claim: Claim, database: Database
) -> None:
    await die(converter, claim)
    (generation,) = await explain(user, image.id)
    assert generation.pending
    assert not generation.HasField("quarantine")
    async with database.system_transaction() as conn:
        await conn.execute("UPDATE jobs SET run_at = clock_timestamp()")
    again = await converter.jobs.ClaimJob(
        ClaimJobRequest(job_id=claim.job_id, worker="converter-2")
    )
    await die(converter, again)

    (generation,) = await explain(user, image.id)

    assert not generation.served
    (job,) = generation.jobs
    assert (job.state, job.child_deaths) == (ExplainedJob.STATE_FAILED, 2)
    assert [(one.attempt, one.worker) for one in job.deaths] == [
        (1, "converter-1"),
        (2, "converter-2"),
    ]
    last = job.deaths[1]
    told = death(again)
    assert last.output == "Segmentation fault\n[31mred"
    assert (last.signal, last.reason) == (11, Reason.CHILD_CRASHED)
    assert (last.limits, last.versions, last.sandbox) == (
        told.limits,
        told.versions,
        told.sandbox,
    )
    assert list(last.output_ids) == [wanted.output_id for wanted in again.outputs]
    quarantine = generation.quarantine
    assert list(quarantine.job_ids) == [claim.job_id]
    assert quarantine.reason == Reason.CHILD_CRASHED
    assert list(quarantine.suspect_output_ids) == [again.outputs[0].output_id]
    assert {
        (explained.output.state, explained.output.reason) for explained in generation.outputs
    } == {(Output.STATE_FAILED, Reason.CHILD_CRASHED)}


async def test_what_a_child_printed_is_for_those_who_may_reproduce_it(
    callers: Callers,
    team_id: TeamId,
    project: project_pb2.Project,
    converter: Client,
    image: Image,
    claim: Claim,
) -> None:
    await die(converter, claim)
    told = death(claim)
    on_project = {"project_id": ProjectId(project.id)}
    elsewhere = {"project_id": new_id(ProjectId)}
    reads = Grant(permission="image:read", **on_project)

    for others in (
        [],
        [Grant(permission="image:edit", **on_project)],
        [Grant(permission="image:original", **elsewhere)],
    ):
        reader = await callers.user(team_id, [reads, *others])
        answer = await explain_whole(reader, image.id)
        assert answer.abridged
        (seen,) = answer.generations[0].jobs[0].deaths
        assert (seen.reason, seen.signal, seen.attempt) == (Reason.CHILD_CRASHED, 11, 1)
        assert (seen.limits, seen.peak_rss_bytes) == (told.limits, told.peak_rss_bytes)
        assert seen.HasField("death_time")
        assert (seen.output, dict(seen.versions), dict(seen.sandbox)) == ("", {}, {})

    for more in (Grant(permission="image:original", **on_project), *ADMIN):
        reproducing = await callers.user(team_id, [reads, more])
        answer = await explain_whole(reproducing, image.id)
        assert not answer.abridged
        (seen,) = answer.generations[0].jobs[0].deaths
        assert "Segmentation fault" in seen.output
        assert (seen.versions, seen.sandbox) == (told.versions, told.sandbox)


NO_DEATHS = (
    conversion_pb2.ChildDeath(limit="patience"),
    conversion_pb2.ChildDeath(signal=-1),
    conversion_pb2.ChildDeath(output_ids=["no id"]),
    conversion_pb2.ChildDeath(output_ids=[new_id(OutputId)] * 1001),
    conversion_pb2.ChildDeath(versions={"a\n": "1"}),
    conversion_pb2.ChildDeath(sandbox={str(number): "" for number in range(21)}),
)


async def test_a_death_that_makes_no_sense_is_refused(converter: Client, claim: Claim) -> None:
    for nonsense in NO_DEATHS:
        request = FailJobRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            reason=Reason.CHILD_CRASHED,
            retryable=True,
            death=nonsense,
        )
        with pytest.raises(InvalidField, match="death"):
            await converter.jobs.FailJob(request)


async def test_a_picture_of_others_is_not_explained(
    callers: Callers, stranger: Client, team_id: TeamId, image: Image
) -> None:
    for image_id in (image.id, new_id(ImageId)):
        with pytest.raises(NotFound):
            await explain(stranger, image_id)
    elsewhere = await callers.user(
        team_id, [Grant(permission="image:read", project_id=new_id(ProjectId))]
    )
    with pytest.raises(NotFound):
        await explain(elsewhere, image.id)


async def test_reading_an_original_needs_a_permission_of_its_own_and_is_recorded(
    callers: Callers,
    team_id: TeamId,
    project: project_pb2.Project,
    image: Image,
    stranger: Client,
    database: Database,
) -> None:
    def grants(permission: str) -> list[Grant]:
        return [Grant(permission=permission, project_id=ProjectId(project.id))]

    request = image_service_pb2.SignOriginalRequest(image_id=image.id)
    for permission in ("image:read", "image:edit", "project:write"):
        denied = await callers.user(team_id, grants(permission))
        with pytest.raises(PermissionDenied, match="image:original"):
            await denied.images.SignOriginal(request)
    with pytest.raises(NotFound):
        await stranger.images.SignOriginal(request)
    allowed = await callers.user(team_id, grants("image:original"))
    with pytest.raises(NotFound):
        await allowed.images.SignOriginal(
            image_service_pb2.SignOriginalRequest(image_id=image.id, generation=7)
        )

    signed = await allowed.images.SignOriginal(request)

    query = parse_qs(urlsplit(signed.url).query)
    assert query["X-Amz-Expires"] == ["600"]
    assert (signed.sha256, signed.size_bytes) == ("ab" * 32, 123_456)
    assert (signed.filename, signed.generation) == ("A-Lake.jpg", 1)
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT event FROM audit_outbox ORDER BY id DESC LIMIT 1")
        ((event,),) = await cursor.fetchall()
    recorded = AuditEvent.FromString(bytes(event))
    assert recorded.method.endswith("SignOriginal")
    assert recorded.resource_id == image.id


async def test_an_original_in_a_directory_has_no_url(
    user: Client, image: Image, database: Database
) -> None:
    async with database.system_transaction() as conn:
        await conn.execute(
            """
            UPDATE storage_locations
            SET provider = 'local', local_directory = '/srv', s3_endpoint = NULL, s3_region = NULL,
                s3_bucket = NULL, s3_prefix = NULL, s3_access_key_id = NULL,
                s3_secret_access_key = NULL
            """
        )
    with pytest.raises(FailedPrecondition) as refused:
        await user.images.SignOriginal(image_service_pb2.SignOriginalRequest(image_id=image.id))
    assert refused.value.reason is Reason.PRESIGN_UNSUPPORTED
    assert "/srv" not in refused.value.message
