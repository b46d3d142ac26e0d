"""What is told of a derived picture's original: what it is drawn from, how, or why it is not."""

from __future__ import annotations

import json

import pytest

from picstore.catalog.v1 import conversion_pb2, ingest_pb2, project_pb2
from picstore.catalog.v1.explanation_pb2 import ExplainedJob
from picstore.catalog.v1.image_pb2 import Image
from picstore.jobs.v1.job_pb2 import Claim, FailJobRequest
from picstore_imaging.overlay.template import Overlay
from picstore_kit.errors import InvalidArgument, Reason
from picstore_kit.ids import ProjectId, TeamId
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.images.conftest import Callers, Client, commit_of
from tests.contract.catalog.images.test_derived_images import (
    derive,
    make_template,
    upload_for,
    with_logo,
)
from tests.contract.catalog.images.test_explaining import NO_RECIPES, die, explain, explain_whole
from tests.contract.catalog.images.test_renders import (
    DIGEST,
    claim_of,
    complete,
    let_lease_end,
)
from tests.contract.catalog.messages import overlay_template

RECIPE = conversion_pb2.Recipe(
    steps=["load jpeg 1200x800", "canvas 1200x630, cover", "font Inter: of fontpkg_inter"],
    encoder="libpng",
    encoder_version="libvips 8.18.7",
    effort=3,
    encodes=1,
    cpu_ms=170,
    peak_rss_bytes=90_000_000,
)


@pytest.fixture
async def derived(user: Client, image: Image) -> Image:
    """A picture that is to be drawn over another."""
    await make_template(user, overlay_template())
    return await derive(user, image.id)


@pytest.fixture
async def drawing(converter: Client, derived: Image, database: Database) -> Claim:
    """A worker's claim of the job that draws it."""
    return await claim_of(converter, database, derived.id)


async def test_what_is_to_be_drawn_is_told_before_it_is(
    user: Client, image: Image, derived: Image, drawing: Claim
) -> None:
    (generation,) = await explain(user, derived.id)

    assert (generation.generation, generation.pending, generation.served) == (1, True, False)
    assert generation.filename == "A-Lake-card.png"
    assert not generation.HasField("source")
    assert not generation.HasField("commit_time")
    assert not generation.conversion_profile_id
    assert not generation.outputs
    (job,) = generation.jobs
    assert (job.id, job.state, job.attempt) == (drawing.job_id, ExplainedJob.STATE_RUNNING, 1)
    render = job.render
    template = derived.derived_from
    assert (render.overlay_template_id, render.overlay_template_revision) == (
        template.overlay_template_id,
        template.overlay_template_revision,
    )
    assert render.variables == template.variables
    assert Overlay.from_json(json.loads(render.overlay)) == Overlay.from_json(
        json.loads(drawing.render.overlay)
    )
    assert (render.base.image_id, render.base.generation) == (image.id, 1)
    assert render.base.source == drawing.facts
    assert not render.HasField("recipe")


async def test_pictures_that_are_drawn_over_it_are_told(
    callers: Callers,
    team_id: TeamId,
    project: project_pb2.Project,
    user: Client,
    image: Image,
) -> None:
    logo = await upload_for(callers, team_id, project.id)
    await make_template(user, with_logo())
    made = await derive(user, image.id, overlay_template="logo", variables={"logo": logo.id})

    (generation,) = await explain(user, made.id)

    (layer,) = generation.jobs[0].render.images
    assert (layer.image_id, layer.generation) == (logo.id, 1)
    assert (layer.source.sha256, layer.source.width) == (logo.sha256, logo.width)
    assert generation.jobs[0].render.base.image_id == image.id


async def test_a_drawing_that_kills_two_children_is_quarantined_with_what_reproduces_it(
    user: Client, converter: Client, derived: Image, drawing: Claim, database: Database
) -> None:
    await die(converter, drawing)
    await let_lease_end(database, drawing)
    await die(converter, await claim_of(converter, database, derived.id))

    answer = await explain_whole(user, derived.id)

    assert (answer.state, answer.failure_reason) == (Image.STATE_FAILED, Reason.CHILD_CRASHED)
    (generation,) = answer.generations
    assert (generation.served, generation.pending) == (False, False)
    (job,) = generation.jobs
    assert (job.state, job.attempt, job.child_deaths) == (ExplainedJob.STATE_FAILED, 2, 2)
    assert job.failure_reason == Reason.CHILD_CRASHED
    assert [death.attempt for death in job.deaths] == [1, 2]
    assert job.HasField("render")
    assert list(generation.quarantine.job_ids) == [drawing.job_id]
    assert not generation.quarantine.suspect_output_ids


async def test_what_is_refused_is_told_of_with_its_reason_and_is_no_quarantine(
    user: Client, converter: Client, derived: Image, drawing: Claim
) -> None:
    await converter.jobs.FailJob(
        FailJobRequest(
            job_id=drawing.job_id,
            attempt=drawing.attempt,
            reason=Reason.LIMIT_PIXELS,
            message="drawing it would take about 4000 MiB of memory",
        )
    )

    (generation,) = await explain(user, derived.id)

    (job,) = generation.jobs
    assert (job.state, job.child_deaths) == (ExplainedJob.STATE_FAILED, 0)
    assert (job.failure_reason, job.failure_message) == (
        Reason.LIMIT_PIXELS,
        "drawing it would take about 4000 MiB of memory",
    )
    assert not generation.HasField("quarantine")


async def test_a_drawing_keeps_how_it_was_made(
    user: Client, converter: Client, derived: Image, drawing: Claim
) -> None:
    await complete(converter, drawing, recipe=RECIPE)
    await complete(converter, drawing, recipe=RECIPE)

    (generation,) = await explain(user, derived.id)

    assert generation.source.sha256 == DIGEST
    assert generation.conversion_profile_revision == 1
    drawn, converting = generation.jobs
    assert drawn.id == drawing.job_id
    assert drawn.render.recipe == RECIPE
    assert not converting.HasField("render")
    assert {explained.job_id for explained in generation.outputs} == {converting.id}


async def test_a_converter_that_tells_no_recipe_is_heard(
    user: Client, converter: Client, derived: Image, drawing: Claim
) -> None:
    assert (await complete(converter, drawing)).original_kept
    (generation,) = await explain(user, derived.id)
    assert not generation.jobs[0].render.HasField("recipe")


async def test_a_recipe_that_is_none_is_refused(converter: Client, drawing: Claim) -> None:
    for nonsense in NO_RECIPES:
        with pytest.raises(InvalidArgument, match="recipe"):
            await complete(converter, drawing, recipe=nonsense)


async def test_an_original_that_was_replaced_is_still_named_and_one_that_is_gone_is_not(
    user: Client,
    upload: Client,
    converter: Client,
    image: Image,
    derived: Image,
    drawing: Claim,
    database: Database,
) -> None:
    resolved = await upload.ingest.ResolveUpload(ingest_pb2.ResolveUploadRequest(image_id=image.id))
    await upload.ingest.CommitImage(commit_of(resolved))
    (generation,) = await explain(user, derived.id)
    assert generation.jobs[0].render.base.generation == 1

    async with database.system_transaction() as conn:
        await conn.execute("UPDATE originals SET object_key = 'elsewhere' WHERE generation = 1")
    (generation,) = await explain(user, derived.id)
    base = generation.jobs[0].render.base
    assert (base.image_id, base.generation) == (image.id, 0)
    assert base.source.sha256 == drawing.facts.sha256


async def test_what_is_known_of_the_originals_is_for_those_who_may_read_them(
    callers: Callers,
    team_id: TeamId,
    project: project_pb2.Project,
    image: Image,
    derived: Image,
    drawing: Claim,
) -> None:
    def grants(*permissions: str) -> list[Grant]:
        return [Grant(permission=one, project_id=ProjectId(project.id)) for one in permissions]

    reader = await callers.user(team_id, grants("image:read"))
    answer = await explain_whole(reader, derived.id)
    assert answer.abridged
    base = answer.generations[0].jobs[0].render.base
    assert (base.image_id, base.generation) == (image.id, 1)
    assert not base.HasField("source")

    reproducing = await callers.user(team_id, grants("image:read", "image:original"))
    answer = await explain_whole(reproducing, derived.id)
    assert answer.generations[0].jobs[0].render.base.HasField("source")
