"""ProjectService: who may do what, and what they are told."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    GetProjectRequest,
    ListProjectsRequest,
    Project,
    UpdateProjectRequest,
)
from picstore_kit.errors import (
    Aborted,
    AlreadyExists,
    InvalidArgument,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client


async def create(client: Client, short_name: str = "blog", **fields: int | str) -> Project:
    project = Project(short_name=short_name, **fields)  # type: ignore[arg-type]  # for brevity
    return await client.projects.CreateProject(CreateProjectRequest(project=project))


async def get(client: Client, project_id: str) -> Project:
    return await client.projects.GetProject(GetProjectRequest(project_id=project_id))


async def test_a_project_is_returned_as_it_was_made(admin: Client) -> None:
    made = await create(admin, display_name="The blog", base_path="/web//blog/", max_bytes=10**10)

    assert made.id.startswith("prj_")
    assert made.base_path == "web/blog"
    assert made.max_bytes == 10**10
    assert made.etag
    assert made.create_time == made.update_time
    assert await get(admin, made.id) == made


async def test_the_base_path_is_the_short_name_if_none_is_given(admin: Client) -> None:
    assert (await create(admin)).base_path == "blog"


async def test_a_second_project_of_a_short_name_is_refused_by_field(admin: Client) -> None:
    await create(admin)

    with pytest.raises(AlreadyExists) as refused:
        await create(admin)

    assert refused.value.reason is Reason.RESOURCE_EXISTS
    assert refused.value.metadata == {
        "resource_type": "Project",
        "field": "short_name",
        "value": "blog",
    }


async def test_two_teams_may_use_the_same_short_name(admin: Client, stranger: Client) -> None:
    assert (await create(admin)).id != (await create(stranger)).id


async def test_all_wrong_fields_are_named_at_once(admin: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create(
            admin,
            "No Short Name",
            display_name="a\nb",
            base_path="a/../b",
            max_bytes=-1,
            max_pixels=-1,
        )

    assert [violation.field for violation in refused.value.violations] == [
        "project.short_name",
        "project.base_path",
        "project.display_name",
        "project.max_bytes",
        "project.max_pixels",
    ]


async def test_without_a_short_name_nothing_is_made(admin: Client) -> None:
    with pytest.raises(InvalidFields):
        await create(admin, "")


async def test_a_repeated_request_is_answered_as_the_first_time(admin: Client) -> None:
    request = CreateProjectRequest(project=Project(short_name="blog"), request_id=str(uuid.uuid4()))
    first = await admin.projects.CreateProject(request)
    await update(admin, first, ["max_bytes"], max_bytes=5)

    assert await admin.projects.CreateProject(request) == first
    request.project.short_name = "shop"
    with pytest.raises(AlreadyExists) as refused:
        await admin.projects.CreateProject(request)
    assert refused.value.reason is Reason.REQUEST_ID_REUSED


async def test_request_ids_of_two_callers_have_nothing_in_common(
    admin: Client, stranger: Client
) -> None:
    request = CreateProjectRequest(project=Project(short_name="blog"), request_id=str(uuid.uuid4()))

    made = [await client.projects.CreateProject(request) for client in (admin, stranger)]

    assert made[0].id != made[1].id


async def test_making_a_project_takes_the_permission_on_the_team(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    project_id = ProjectId((await create(admin)).id)
    on_one = await catalog.user(team_id, [Grant(permission="team:admin", project_id=project_id)])

    with pytest.raises(PermissionDenied) as refused:
        await create(on_one, "shop")

    assert refused.value.metadata == {"permission": "project:create"}


async def test_what_is_missing_and_what_is_another_teams_look_the_same(
    admin: Client, stranger: Client
) -> None:
    foreign = await create(stranger)
    messages = []
    for project_id in (foreign.id, new_id(ProjectId)):
        with pytest.raises(NotFound) as refused:
            await get(admin, project_id)
        assert refused.value.reason is Reason.RESOURCE_NOT_FOUND
        messages.append(refused.value.message.replace(project_id, "…"))

    assert messages[0] == messages[1]


async def test_a_project_is_hidden_from_who_has_no_grant_on_it(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    blog, shop = await create(admin, "blog"), await create(admin, "shop")
    reader = await catalog.user(
        team_id, [Grant(permission="project:read", project_id=ProjectId(blog.id))]
    )

    assert (await get(reader, blog.id)).short_name == "blog"
    with pytest.raises(NotFound):
        await get(reader, shop.id)


async def test_who_sees_a_project_without_the_permission_is_told_which_one(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    blog = await create(admin)
    uploader = await catalog.user(
        team_id, [Grant(permission="image:create", project_id=ProjectId(blog.id))]
    )

    with pytest.raises(PermissionDenied) as refused:
        await get(uploader, blog.id)

    assert refused.value.reason is Reason.PERMISSION_MISSING
    assert refused.value.metadata == {"permission": "project:read"}


async def test_an_id_of_another_kind_is_an_invalid_field(admin: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await get(admin, "img_01h455vb4pex5vsknk084sn02q")

    assert refused.value.metadata["fields"] == "project_id"


async def test_a_service_that_acts_for_nobody_reads_nothing(catalog: Catalog) -> None:
    upload = await catalog.service("upload")

    with pytest.raises(Unauthenticated):
        await get(upload, new_id(ProjectId))


async def test_a_list_has_what_the_caller_may_read(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    made = [await create(admin, name) for name in ("blog", "shop", "wiki")]
    reader = await catalog.user(
        team_id,
        [
            Grant(permission="project:read", project_id=ProjectId(made[0].id)),
            Grant(permission="project:read", project_id=ProjectId(made[2].id)),
            Grant(permission="image:read", project_id=ProjectId(made[1].id)),
        ],
    )

    listed = await reader.projects.ListProjects(ListProjectsRequest())

    assert [project.short_name for project in listed.projects] == ["blog", "wiki"]


async def test_a_list_without_the_permission_anywhere_is_refused(
    catalog: Catalog, team_id: TeamId
) -> None:
    nobody = await catalog.user(team_id, [])

    with pytest.raises(PermissionDenied) as refused:
        await nobody.projects.ListProjects(ListProjectsRequest())

    assert refused.value.metadata == {"permission": "project:read"}


async def test_a_list_can_be_of_one_short_name(admin: Client) -> None:
    for name in ("blog", "shop"):
        await create(admin, name)

    listed = await admin.projects.ListProjects(ListProjectsRequest(short_name="shop"))

    assert [project.short_name for project in listed.projects] == ["shop"]


async def test_pages_neither_repeat_nor_miss_projects_that_others_make_meanwhile(
    admin: Client, stranger: Client
) -> None:
    for number in range(5):
        await create(admin, f"project-{number}")
    await create(stranger, "not-ours")
    seen: list[str] = []
    token = ""
    while True:
        page = await admin.projects.ListProjects(ListProjectsRequest(page_size=2, page_token=token))
        seen += [project.short_name for project in page.projects]
        token = page.next_page_token
        if not token:
            break
        if len(seen) == 2:
            await create(admin, "latecomer")

    assert seen == [*(f"project-{number}" for number in range(5)), "latecomer"]


async def test_a_page_token_is_bound_to_its_list(admin: Client, stranger: Client) -> None:
    for client in (admin, stranger):
        for name in ("blog", "shop"):
            await create(client, name)
    page = await admin.projects.ListProjects(ListProjectsRequest(page_size=1))

    for client, short_name in ((admin, "shop"), (stranger, "")):
        with pytest.raises(InvalidArgument) as refused:
            await client.projects.ListProjects(
                ListProjectsRequest(page_token=page.next_page_token, short_name=short_name)
            )
        assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


async def update(
    client: Client, project: Project, paths: list[str], *, etag: str = "", **fields: int | str
) -> Project:
    changed = Project(
        id=project.id,
        short_name=project.short_name,
        etag=etag,
        **fields,  # type: ignore[arg-type]  # for brevity
    )
    return await client.projects.UpdateProject(
        UpdateProjectRequest(project=changed, update_mask=FieldMask(paths=paths))
    )


async def test_an_update_changes_what_the_mask_names(admin: Client) -> None:
    made = await create(admin, display_name="The blog", max_bytes=7, max_pixels=8)

    updated = await update(admin, made, ["max_bytes", "display_name"], max_bytes=9, max_pixels=10)

    assert (updated.display_name, updated.max_bytes, updated.max_pixels) == ("", 9, 8)
    assert updated.etag != made.etag
    assert await get(admin, made.id) == updated


async def test_an_update_without_a_mask_changes_what_is_set(admin: Client) -> None:
    made = await create(admin, display_name="The blog", max_bytes=7)

    updated = await update(admin, made, [], max_pixels=10)

    assert (updated.display_name, updated.max_bytes, updated.max_pixels) == ("The blog", 7, 10)


async def test_a_star_changes_everything_that_can_change(admin: Client) -> None:
    made = await create(admin, display_name="The blog", max_bytes=7)

    updated = await update(admin, made, ["*"], max_pixels=10)

    assert (updated.display_name, updated.max_bytes, updated.max_pixels) == ("", 0, 10)
    assert updated.base_path == "blog"


@pytest.mark.parametrize("path", ["short_name", "base_path", "id", "etag", "nothing"])
async def test_a_mask_names_nothing_that_cannot_change(admin: Client, path: str) -> None:
    made = await create(admin)

    with pytest.raises(InvalidFields) as refused:
        await update(admin, made, [path])

    assert refused.value.metadata["fields"] == "update_mask"


async def test_an_update_of_what_has_changed_since_is_refused(admin: Client) -> None:
    made = await create(admin)
    await update(admin, made, [], etag=made.etag, max_bytes=1)

    with pytest.raises(Aborted) as refused:
        await update(admin, made, [], etag=made.etag, max_bytes=2)

    assert refused.value.reason is Reason.ETAG_MISMATCH
    assert refused.value.metadata == {"resource_name": made.id}


async def test_an_update_that_changes_nothing_leaves_the_etag(admin: Client) -> None:
    made = await create(admin, max_bytes=1)

    assert await update(admin, made, [], max_bytes=1) == made


async def test_an_update_takes_the_permission_to_write(
    catalog: Catalog, admin: Client, stranger: Client, team_id: TeamId
) -> None:
    made = await create(admin)
    reader = await catalog.user(
        team_id, [Grant(permission="project:read", project_id=ProjectId(made.id))]
    )
    writer = await catalog.user(
        team_id, [Grant(permission="project:write", project_id=ProjectId(made.id))]
    )

    with pytest.raises(PermissionDenied) as refused:
        await update(reader, made, [], max_bytes=1)
    assert refused.value.metadata == {"permission": "project:write"}
    with pytest.raises(NotFound):
        await update(stranger, made, [], max_bytes=1)
    assert (await update(writer, made, [], max_bytes=1)).max_bytes == 1


async def test_a_wrong_new_value_is_an_invalid_field(admin: Client) -> None:
    made = await create(admin)

    with pytest.raises(InvalidFields) as refused:
        await update(admin, made, [], max_bytes=-1)

    assert refused.value.metadata["fields"] == "project.max_bytes"
