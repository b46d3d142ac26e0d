"""OverlayTemplateService: what is drawn over pictures, in revisions."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1 import conversion_pb2, overlay_pb2
from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    DeleteOverlayTemplateRequest,
    GetOverlayTemplateRequest,
    ListOverlayTemplateRevisionsRequest,
    ListOverlayTemplatesRequest,
    OverlayTemplate,
    RollbackOverlayTemplateRequest,
    UpdateOverlayTemplateRequest,
)
from picstore.catalog.v1.project_pb2 import CreateProjectRequest, DeleteProjectRequest, Project
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, OverlayTemplateId, ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import overlay, overlay_template

WRITE = "overlay_template:write"


async def create(client: Client, template: OverlayTemplate) -> OverlayTemplate:
    return await client.overlay_templates.CreateOverlayTemplate(
        CreateOverlayTemplateRequest(overlay_template=template)
    )


async def get(client: Client, template_id: str, revision: int = 0) -> OverlayTemplate:
    return await client.overlay_templates.GetOverlayTemplate(
        GetOverlayTemplateRequest(overlay_template_id=template_id, revision=revision)
    )


async def update(client: Client, template: OverlayTemplate, *paths: str) -> OverlayTemplate:
    return await client.overlay_templates.UpdateOverlayTemplate(
        UpdateOverlayTemplateRequest(overlay_template=template, update_mask=FieldMask(paths=paths))
    )


async def delete(client: Client, template_id: str, etag: str = "") -> None:
    await client.overlay_templates.DeleteOverlayTemplate(
        DeleteOverlayTemplateRequest(overlay_template_id=template_id, etag=etag)
    )


async def roll_back(client: Client, template_id: str, revision: int) -> OverlayTemplate:
    return await client.overlay_templates.RollbackOverlayTemplate(
        RollbackOverlayTemplateRequest(overlay_template_id=template_id, revision=revision)
    )


async def names(client: Client, short_name: str = "") -> list[str]:
    listed = await client.overlay_templates.ListOverlayTemplates(
        ListOverlayTemplatesRequest(short_name=short_name)
    )
    return [template.short_name for template in listed.overlay_templates]


async def make_project(client: Client, short_name: str = "blog") -> ProjectId:
    request = CreateProjectRequest(project=Project(short_name=short_name))
    return ProjectId((await client.projects.CreateProject(request)).id)


def everything() -> overlay_pb2.Overlay:
    """An overlay in which every field is said, and none as it is by default."""
    percent, pixels = overlay_pb2.Length(percent=10), overlay_pb2.Length(px=12)
    text = overlay_pb2.TextLayer(
        text="By {{author}}",
        font="Inter",
        size=overlay_pb2.Length(px=48),
        weight=700,
        italic=True,
        colour="#ffffff80",
        alignment=overlay_pb2.TextLayer.TEXT_ALIGNMENT_CENTRE,
        vertical_alignment=overlay_pb2.TextLayer.VERTICAL_ALIGNMENT_BOTTOM,
        line_height=1.25,
        overflow=overlay_pb2.TextLayer.OVERFLOW_REFUSE,
        min_size=pixels,
        max_lines=3,
        outline=overlay_pb2.TextLayer.Outline(colour="#000000", width=overlay_pb2.Length(px=2)),
        shadow=overlay_pb2.TextLayer.Shadow(
            colour="#00000080", x=pixels, y=pixels, blur=overlay_pb2.Length(px=3)
        ),
    )
    box = overlay_pb2.Box(
        anchor=conversion_pb2.GRAVITY_SOUTH_EAST, x=percent, y=pixels, width=percent, height=percent
    )
    return overlay_pb2.Overlay(
        canvas=overlay_pb2.Canvas(
            width=1200,
            height=630,
            fit=conversion_pb2.FIT_CONTAIN,
            gravity=conversion_pb2.GRAVITY_NORTH,
            background="#112233",
        ),
        layers=[
            overlay_pb2.Layer(
                fill=overlay_pb2.FillLayer(colour="#00000099", radius=pixels),
                box=box,
                opacity=0.5,
                blend=overlay_pb2.BLEND_SOFT_LIGHT,
            ),
            overlay_pb2.Layer(
                image=overlay_pb2.ImageLayer(
                    image_id=new_id(ImageId),
                    fit=conversion_pb2.FIT_FILL,
                    tile=True,
                    tile_width=percent,
                    tile_gap=pixels,
                ),
                box=box,
                opacity=0,
                blend=overlay_pb2.BLEND_MULTIPLY,
            ),
            overlay_pb2.Layer(text=text, box=box, opacity=0.9, blend=overlay_pb2.BLEND_SCREEN),
        ],
        variables=[overlay_pb2.Variable(name="author", default_value="", max_length=80)],
    )


async def test_every_field_survives_the_database(admin: Client) -> None:
    wanted = everything()

    made = await create(admin, OverlayTemplate(short_name="all", overlay=wanted))

    assert made.overlay == wanted
    assert made.id.startswith("ovt_")
    assert made.revision == 1
    assert await get(admin, made.id) == made


async def test_a_template_is_returned_with_its_defaults_spelt_out(admin: Client) -> None:
    made = await create(admin, overlay_template())

    text = made.overlay.layers[1].text
    assert made.overlay.canvas.fit == conversion_pb2.FIT_COVER
    assert text.weight == 400
    assert text.overflow == overlay_pb2.TextLayer.OVERFLOW_SHRINK
    assert made.overlay.layers[0].opacity == 1
    assert made.overlay.layers[0].blend == overlay_pb2.BLEND_OVER
    assert made.overlay.variables[0].max_length == 2000
    assert not made.overlay.variables[0].HasField("default_value")


async def test_what_was_read_can_be_written_and_changes_nothing(admin: Client) -> None:
    made = await create(admin, overlay_template())

    assert await update(admin, made, "*") == made


async def test_every_wrong_field_is_named_by_its_path_in_the_request(admin: Client) -> None:
    wrong = overlay_template("No Short Name")
    wrong.overlay.canvas.width = 0
    wrong.overlay.layers[0].fill.colour = "white"
    wrong.overlay.layers[1].text.size.ClearField("px")
    wrong.overlay.layers[1].text.text = "{{nobody}}"
    wrong.overlay.layers.add(blend=99, box=overlay_pb2.Box(anchor=conversion_pb2.GRAVITY_ATTENTION))
    wrong.overlay.layers.add(image=overlay_pb2.ImageLayer(image_id="logo"), opacity=float("nan"))

    with pytest.raises(InvalidFields) as refused:
        await create(admin, wrong)

    path = "overlay_template.overlay"
    assert {violation.field for violation in refused.value.violations} == {
        "overlay_template.short_name",
        f"{path}.canvas.width",
        f"{path}.layers[0].fill.colour",
        f"{path}.layers[1].text.size",
        f"{path}.layers[1].text.text",
        f"{path}.layers[2]",
        f"{path}.layers[2].blend",
        f"{path}.layers[2].box.anchor",
        f"{path}.layers[3].image.image_id",
        f"{path}.layers[3].opacity",
        f"{path}.variables[0].name",
    }


async def test_a_change_of_what_it_draws_is_a_new_revision(admin: Client) -> None:
    made = await create(admin, overlay_template())
    made.overlay.layers[1].text.text = "Read: {{title}}"
    made.display_name = "not in the mask"

    updated = await update(admin, made, "overlay")

    assert updated.revision == 2
    assert updated.overlay.layers[1].text.text == "Read: {{title}}"
    assert not updated.display_name
    assert (await get(admin, made.id, 1)).overlay.layers[1].text.text == "{{title}}"


async def test_another_name_is_not_a_new_revision(admin: Client) -> None:
    made = await create(admin, overlay_template())

    updated = await update(admin, OverlayTemplate(id=made.id, display_name="Cards"))

    assert (updated.revision, updated.display_name) == (1, "Cards")
    assert updated.etag != made.etag


async def test_rolling_back_makes_the_old_content_a_new_revision(admin: Client) -> None:
    made = await create(admin, overlay_template())
    changed = overlay()
    changed.canvas.background = "#000000"
    await update(admin, OverlayTemplate(id=made.id, overlay=changed))

    returned = await roll_back(admin, made.id, 1)

    assert (returned.revision, returned.overlay) == (3, made.overlay)
    listed = await admin.overlay_templates.ListOverlayTemplateRevisions(
        ListOverlayTemplateRevisionsRequest(overlay_template_id=made.id, page_size=2)
    )
    assert [kept.revision for kept in listed.revisions] == [3, 2]
    assert {kept.creator[:4] for kept in listed.revisions} == {"usr_"}
    rest = await admin.overlay_templates.ListOverlayTemplateRevisions(
        ListOverlayTemplateRevisionsRequest(
            overlay_template_id=made.id, page_size=2, page_token=listed.next_page_token
        )
    )
    assert [kept.overlay for kept in rest.revisions] == [made.overlay]
    for attempt in (get(admin, made.id, 9), roll_back(admin, made.id, 9)):
        with pytest.raises(NotFound):
            await attempt


async def test_a_change_of_an_older_version_is_refused(admin: Client) -> None:
    made = await create(admin, overlay_template())
    await update(admin, OverlayTemplate(id=made.id, display_name="Cards"))

    for attempt in (update(admin, made), delete(admin, made.id, made.etag)):
        with pytest.raises(Aborted) as refused:
            await attempt
        assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_a_short_name_is_unique_in_the_team(admin: Client, stranger: Client) -> None:
    await create(admin, overlay_template())
    await create(stranger, overlay_template())

    with pytest.raises(AlreadyExists) as refused:
        await create(admin, overlay_template(project=await make_project(admin)))

    assert refused.value.metadata["field"] == "short_name"


async def test_a_repeated_request_makes_one_template(admin: Client) -> None:
    request = CreateOverlayTemplateRequest(
        overlay_template=overlay_template(), request_id=str(uuid.uuid4())
    )

    first = await admin.overlay_templates.CreateOverlayTemplate(request)

    assert await admin.overlay_templates.CreateOverlayTemplate(request) == first


async def test_a_deleted_template_is_gone_with_its_revisions(admin: Client) -> None:
    made = await create(admin, overlay_template())

    await delete(admin, made.id, made.etag)

    for attempt in (get(admin, made.id), get(admin, made.id, 1), delete(admin, made.id)):
        with pytest.raises(NotFound):
            await attempt
    assert await names(admin) == []


async def test_a_project_with_a_template_is_in_use(admin: Client) -> None:
    project_id = await make_project(admin)
    made = await create(admin, overlay_template(project=project_id))

    with pytest.raises(FailedPrecondition) as refused:
        await admin.projects.DeleteProject(DeleteProjectRequest(project_id=project_id))

    assert refused.value.reason is Reason.RESOURCE_IN_USE
    assert made.id in str(refused.value.metadata)


async def test_a_template_of_the_team_is_written_by_grants_on_the_team_only(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    project_id = await make_project(admin)
    shared = await create(admin, overlay_template("shared"))
    grants = [Grant(permission=name, project_id=project_id) for name in (WRITE, "project:read")]
    writer = await catalog.user(team_id, grants)

    assert await get(writer, shared.id) == shared
    renamed = OverlayTemplate(id=shared.id, display_name="Mine")
    for attempt in (
        create(writer, overlay_template("mine")),
        update(writer, renamed),
        delete(writer, shared.id),
        roll_back(writer, shared.id, 1),
    ):
        with pytest.raises(PermissionDenied) as refused:
            await attempt
        assert refused.value.metadata == {"permission": WRITE}


async def test_a_template_of_a_project_is_written_by_grants_on_it(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    blog, shop = await make_project(admin, "blog"), await make_project(admin, "shop")
    writer = await catalog.user(team_id, [Grant(permission=WRITE, project_id=blog)])

    made = await create(writer, overlay_template(project=blog))

    renamed = OverlayTemplate(id=made.id, display_name="Mine")
    assert (await update(writer, renamed)).display_name == "Mine"
    with pytest.raises(NotFound):
        await create(writer, overlay_template("other", project=shop))
    with pytest.raises(PermissionDenied):
        await get(writer, made.id)


async def test_another_teams_template_does_not_exist(admin: Client, stranger: Client) -> None:
    foreign = await create(stranger, overlay_template())

    for template_id in (foreign.id, new_id(OverlayTemplateId)):
        for attempt in (
            get(admin, template_id),
            update(admin, OverlayTemplate(id=template_id, display_name="Mine")),
            delete(admin, template_id),
            roll_back(admin, template_id, 1),
        ):
            with pytest.raises(NotFound):
                await attempt
    with pytest.raises(NotFound):
        await create(admin, overlay_template(project=await make_project(stranger)))


async def test_a_list_has_the_teams_templates_and_those_of_ones_projects(
    catalog: Catalog, admin: Client, stranger: Client, team_id: TeamId
) -> None:
    blog, shop = await make_project(admin, "blog"), await make_project(admin, "shop")
    await create(admin, overlay_template("shared"))
    await create(admin, overlay_template("for-blog", project=blog))
    await create(admin, overlay_template("for-shop", project=shop))
    await create(stranger, overlay_template("foreign"))
    reader = await catalog.user(team_id, [Grant(permission="project:read", project_id=shop)])

    assert await names(reader) == ["shared", "for-shop"]
    assert await names(reader, "shared") == ["shared"]
    assert await names(reader, "for-blog") == []
