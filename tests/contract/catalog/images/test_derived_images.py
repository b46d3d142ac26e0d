"""CreateDerivedImage: everything is checked at once, and nothing is left of what is refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import (
    conversion_pb2,
    image_pb2,
    image_service_pb2,
    ingest_pb2,
    overlay_pb2,
    project_pb2,
)
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import CreateDerivedImageRequest
from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    OverlayTemplate,
)
from picstore.jobs.v1.job_pb2 import ConvertJob
from picstore_kit.bus.lanes import Lane
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, ProjectId, TeamId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant, Principal
from tests.contract.catalog.callers import ADMIN
from tests.contract.catalog.images.conftest import Callers, Client, commit_of
from tests.contract.catalog.messages import document, overlay, overlay_template

TITLE = {"title": "Hello"}


async def counts(database: Database) -> tuple[int, ...]:
    """How much there is of everything that a derived picture brings along."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM jobs),"
            " (SELECT count(*) FROM outbox), (SELECT count(*) FROM image_tags),"
            " (SELECT count(*) FROM audit_outbox)"
        )
        row = await cursor.fetchone()
    assert row is not None
    return tuple(row)


async def make_template(client: Client, template: OverlayTemplate) -> OverlayTemplate:
    return await client.overlay_templates.CreateOverlayTemplate(
        CreateOverlayTemplateRequest(overlay_template=template)
    )


async def derive(
    client: Client, image_id: str, *, variables: Mapping[str, str] = TITLE, **fields: Any
) -> Image:
    named = {"overlay_template": "card", **fields}
    return await client.images.CreateDerivedImage(
        CreateDerivedImageRequest(image_id=image_id, variables=dict(variables), **named)
    )


async def upload_for(
    callers: Callers, team_id: TeamId, project_id: str, *, grants: tuple[Grant, ...] = ADMIN
) -> Image:
    """Take in another picture of a project."""
    principal = Principal(team_id=team_id, user_id=new_id(UserId), grants=grants)
    service = await callers.service("upload", acting_for=principal)
    resolved = await service.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(
            project_id=project_id, upload_profile="photos", filename="logo.jpg"
        )
    )
    commit = commit_of(resolved)
    commit.facts.sha256 = uuid.uuid4().hex * 2
    return (await service.ingest.CommitImage(commit)).image


def with_logo(short_name: str = "logo") -> OverlayTemplate:
    """A template whose caller names a picture that is drawn over the base."""
    return OverlayTemplate(
        short_name=short_name,
        overlay=overlay_pb2.Overlay(
            layers=[overlay_pb2.Layer(image=overlay_pb2.ImageLayer(image_id="{{logo}}"))],
            variables=[overlay_pb2.Variable(name="logo")],
        ),
    )


@pytest.fixture
async def template(user: Client) -> OverlayTemplate:
    return await make_template(user, overlay_template())


async def test_a_derived_picture_is_converting_and_says_what_it_is_drawn_from(
    user: Client, image: Image, template: OverlayTemplate, project: project_pb2.Project
) -> None:
    made = await derive(
        user, image.id, overlay_template=template.id, alt_text="A card", tags=["social", "b"]
    )

    assert made.id != image.id
    assert made.state == Image.STATE_CONVERTING
    assert (made.generation, made.pending_generation) == (0, 1)
    assert (made.project_id, made.upload_profile) == (project.id, image.upload_profile)
    assert (made.filename, made.location) == ("A-Lake-card.png", "2026")
    assert (made.alt_text, list(made.tags)) == ("A card", ["b", "social"])
    assert not made.sha256
    assert made.derived_from == image_pb2.DerivedFrom(
        image_id=image.id,
        generation=1,
        sha256=image.sha256,
        overlay_template_id=template.id,
        overlay_template_revision=1,
        variables=TITLE,
    )
    assert not image.HasField("derived_from")
    assert await user.images.GetImage(image_service_pb2.GetImageRequest(image_id=made.id)) == made
    listed = await user.images.ListImages(
        image_service_pb2.ListImagesRequest(project_id=project.id)
    )
    assert [one.derived_from.image_id for one in listed.images] == [image.id, ""]


async def test_a_job_to_draw_it_is_announced(
    user: Client, image: Image, template: OverlayTemplate, database: Database
) -> None:
    made = await derive(user, image.id)

    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT payload FROM outbox WHERE subject LIKE 'picstore.job.%' ORDER BY id DESC"
        )
        (payload,) = await cursor.fetchone() or ()
    assert ConvertJob.FromString(bytes(payload)).image_id == made.id


def with_fills(canvas: overlay_pb2.Canvas, count: int) -> OverlayTemplate:
    """A template of plain surfaces."""
    fill = overlay_pb2.Layer(fill=overlay_pb2.FillLayer(colour="#00000010"))
    return OverlayTemplate(
        short_name="fills", overlay=overlay_pb2.Overlay(canvas=canvas, layers=[fill] * count)
    )


async def test_a_dear_one_is_drawn_in_the_slow_lane(
    user: Client, image: Image, template: OverlayTemplate, database: Database
) -> None:
    canvas = overlay_pb2.Canvas(width=4000, height=4000)
    await make_template(user, with_fills(canvas, 4))
    quick = await derive(user, image.id)
    dear = await derive(user, image.id, overlay_template="fills", variables={})

    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT image_id, lane, (SELECT subject FROM outbox WHERE position("
            "convert_to(image_id, 'UTF8') IN payload) > 0 AND subject LIKE 'picstore.job.%%')"
            " FROM jobs WHERE image_id = ANY(%s)",
            [[quick.id, dear.id]],
        )
        lanes = {row[0]: row[1:] for row in await cursor.fetchall()}
    assert lanes == {
        quick.id: ("fast", Lane.FAST.subject),
        dear.id: ("slow", Lane.SLOW.subject),
    }


async def test_one_that_would_take_too_long_is_refused(
    user: Client, image: Image, database: Database
) -> None:
    canvas = overlay_pb2.Canvas(width=10_000, height=10_000)
    with pytest.raises(InvalidFields) as refused:
        await make_template(user, with_fills(canvas, 50))
    assert [one.field for one in refused.value.violations] == ["overlay_template.overlay.layers"]

    # Without a canvas it depends on the base picture.
    width = overlay_pb2.Length(px=100)
    text = overlay_pb2.TextLayer(
        text="word " * 700,
        font="Inter",
        size=overlay_pb2.Length(px=100),
        outline=overlay_pb2.TextLayer.Outline(colour="#000000", width=width),
        shadow=overlay_pb2.TextLayer.Shadow(colour="#000000", blur=width),
    )
    soft = overlay_pb2.Overlay(layers=[overlay_pb2.Layer(text=text)] * 50)
    await make_template(user, OverlayTemplate(short_name="soft", overlay=soft))
    before = await counts(database)
    with pytest.raises(InvalidFields) as refused:
        await derive(user, image.id, overlay_template="soft", variables={})
    assert [one.field for one in refused.value.violations] == ["overlay_template"]
    assert await counts(database) == before


async def test_a_repeated_request_derives_one_picture(
    user: Client, image: Image, template: OverlayTemplate, database: Database
) -> None:
    request_id = str(uuid.uuid4())

    first = await derive(user, image.id, request_id=request_id)
    before = await counts(database)

    assert await derive(user, image.id, request_id=request_id) == first
    assert await counts(database) == before


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"variables": {}}, {"variables.title"}),
        ({"variables": {"title": "x", "more": "y"}}, {"variables.more"}),
        ({"variables": {"title": "x" * 2001}}, {"variables.title"}),
        ({"variables": {"title": "\0"}}, {"variables.title"}),
        ({"overlay_template": ""}, {"overlay_template"}),
        ({"filename": "x" * 1001, "alt_text": "\0"}, {"filename", "alt_text"}),
        ({"tags": ["x" * 65]}, {"tags[0]"}),
        (
            {"overlay_template": "logo", "variables": {"logo": "no id"}},
            {"layers[0].image.image_id"},
        ),
    ],
)
async def test_wrong_fields_are_named_and_leave_nothing(
    user: Client,
    image: Image,
    template: OverlayTemplate,
    database: Database,
    fields: dict[str, Any],
    wrong: set[str],
) -> None:
    await make_template(user, with_logo())
    before = await counts(database)

    with pytest.raises(InvalidFields) as refused:
        await derive(user, image.id, **fields)

    assert {violation.field for violation in refused.value.violations} == wrong
    assert await counts(database) == before


async def test_what_is_not_there_is_not_found_and_leaves_nothing(
    callers: Callers,
    user: Client,
    stranger: Client,
    team_id: TeamId,
    image: Image,
    template: OverlayTemplate,
    project: project_pb2.Project,
    database: Database,
) -> None:
    other_team = new_id(TeamId)
    operator = await callers.service("operator")
    await operator.bootstrap.ApplyBootstrap(document(other_team))
    foreigner = await callers.user(other_team)
    listed = await foreigner.projects.ListProjects(
        project_pb2.ListProjectsRequest(short_name="blog")
    )
    foreign = await upload_for(callers, other_team, listed.projects[0].id)
    await make_template(foreigner, overlay_template("foreign"))
    shop = await user.projects.ListProjects(project_pb2.ListProjectsRequest(short_name="shop"))
    await make_template(user, overlay_template("of-the-shop", project=shop.projects[0].id))
    await make_template(user, with_logo())
    before = await counts(database)

    for image_id, fields, kind in (
        (new_id(ImageId), {}, "Image"),
        (foreign.id, {}, "Image"),
        (image.id, {"overlay_template": "nothing"}, "OverlayTemplate"),
        (image.id, {"overlay_template": "foreign"}, "OverlayTemplate"),
        (image.id, {"overlay_template": "of-the-shop"}, "OverlayTemplate"),
        (image.id, {"upload_profile": "nothing"}, "UploadProfile"),
        (image.id, {"overlay_template": "logo", "variables": {"logo": foreign.id}}, "Image"),
        (image.id, {"overlay_template": "logo", "variables": {"logo": new_id(ImageId)}}, "Image"),
    ):
        with pytest.raises(NotFound) as missing:
            await derive(user, image_id, **fields)
        assert missing.value.metadata["resource_type"] == kind
    with pytest.raises(NotFound):
        await derive(stranger, image.id)
    assert await counts(database) == before


async def test_pictures_without_an_original_are_refused(
    user: Client,
    image: Image,
    template: OverlayTemplate,
    project: project_pb2.Project,
    database: Database,
) -> None:
    await make_template(user, with_logo())
    announced = await user.images.CreateImage(
        image_service_pb2.CreateImageRequest(
            image=Image(project_id=project.id, upload_profile="photos", filename="later.jpg")
        )
    )
    derived = await derive(user, image.id)
    before = await counts(database)

    for without in (announced, derived):
        for image_id, fields in (
            (without.id, {}),
            (image.id, {"overlay_template": "logo", "variables": {"logo": without.id}}),
        ):
            with pytest.raises(FailedPrecondition) as refused:
                await derive(user, image_id, **fields)  # type: ignore[arg-type]  # for brevity
            assert refused.value.reason is Reason.STATE_WRONG
            assert refused.value.metadata["image"] == without.id
    assert await counts(database) == before


async def test_what_the_caller_must_not_see_is_not_drawn(
    callers: Callers,
    team_id: TeamId,
    user: Client,
    image: Image,
    template: OverlayTemplate,
    project: project_pb2.Project,
) -> None:
    await make_template(user, with_logo())
    logo = {"overlay_template": "logo", "variables": {"logo": image.id}}
    creating = Grant(permission="image:create")
    creator = await callers.user(team_id, [creating])
    reader = await callers.user(
        team_id, [Grant(permission="image:read", project_id=ProjectId(project.id))]
    )
    in_project = await callers.user(team_id, [replace(creating, project_id=ProjectId(project.id))])

    for client, fields, permission in (
        (creator, logo, "image:read"),
        (reader, {}, "image:create"),
    ):
        with pytest.raises(PermissionDenied) as refused:
            await derive(client, image.id, **fields)  # type: ignore[arg-type]  # for brevity
        assert refused.value.metadata["permission"] == permission
    # Whoever may upload to the project may use its templates, and the team's.
    assert (await derive(in_project, image.id)).derived_from.image_id == image.id


async def test_a_canvas_that_the_project_does_not_allow_is_refused(
    user: Client, image: Image, template: OverlayTemplate, project: project_pb2.Project
) -> None:
    await user.projects.UpdateProject(
        project_pb2.UpdateProjectRequest(
            project=project_pb2.Project(id=project.id, max_pixels=1200 * 630 - 1),
            update_mask=FieldMask(paths=["max_pixels"]),
        )
    )

    with pytest.raises(InvalidArgument) as refused:
        await derive(user, image.id)

    assert refused.value.reason is Reason.LIMIT_PIXELS


async def test_the_base_pictures_own_size_is_the_canvas_where_none_is_said(
    user: Client, image: Image, project: project_pb2.Project
) -> None:
    endless = overlay()
    endless.ClearField("canvas")
    await make_template(user, OverlayTemplate(short_name="card", overlay=endless))
    await user.projects.UpdateProject(
        project_pb2.UpdateProjectRequest(
            project=project_pb2.Project(id=project.id, max_pixels=1200 * 800 - 1),
            update_mask=FieldMask(paths=["max_pixels"]),
        )
    )

    with pytest.raises(InvalidArgument) as refused:
        await derive(user, image.id)

    assert refused.value.metadata["actual"] == str(1200 * 800)
    assert image.format == conversion_pb2.FORMAT_JPEG
