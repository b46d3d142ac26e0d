"""Deleting projects and profiles: what is gone is gone everywhere, and its name is free again."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    DeleteConversionProfileRequest,
    GetConversionProfileRequest,
    ListConversionProfileRevisionsRequest,
    ListConversionProfilesRequest,
    RollbackConversionProfileRequest,
    UpdateConversionProfileRequest,
)
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2 import CreateImageRequest
from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    GetProjectRequest,
    ListProjectsRequest,
    Project,
    UpdateProjectRequest,
)
from picstore.catalog.v1.upload_profile_pb2 import (
    CreateUploadProfileRequest,
    DeleteUploadProfileRequest,
    GetUploadProfileRequest,
    ListUploadProfilesRequest,
    UpdateUploadProfileRequest,
    UploadProfile,
)
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ProjectId, TeamId
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import conversion_profile, document


async def make_project(client: Client, short_name: str = "new") -> Project:
    request = CreateProjectRequest(project=Project(short_name=short_name))
    return await client.projects.CreateProject(request)


async def make_conversion_profile(
    client: Client, short_name: str = "new", *, project: str = ""
) -> ConversionProfile:
    return await client.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(
            conversion_profile=conversion_profile(short_name, project=project)
        )
    )


async def delete_project(client: Client, project_id: str, *, etag: str = "") -> None:
    await client.projects.DeleteProject(DeleteProjectRequest(project_id=project_id, etag=etag))


async def delete_conversion_profile(client: Client, profile_id: str, *, etag: str = "") -> None:
    await client.conversion_profiles.DeleteConversionProfile(
        DeleteConversionProfileRequest(conversion_profile_id=profile_id, etag=etag)
    )


async def delete_upload_profile(client: Client, profile_id: str, *, etag: str = "") -> None:
    await client.upload_profiles.DeleteUploadProfile(
        DeleteUploadProfileRequest(upload_profile_id=profile_id, etag=etag)
    )


@pytest.fixture
async def photos(operator: Client, admin: Client, team_id: TeamId) -> UploadProfile:
    """The upload profile of a team that was set up."""
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    return await admin.upload_profiles.GetUploadProfile(
        GetUploadProfileRequest(upload_profile_id=made.upload_profile_ids["blog/photos"])
    )


async def refuse_as_missing(*attempts: Awaitable[object]) -> None:
    for attempt in attempts:
        with pytest.raises(NotFound):
            await attempt


async def test_a_deleted_project_is_gone_and_its_name_is_free(admin: Client) -> None:
    made = await make_project(admin)

    await delete_project(admin, made.id, etag=made.etag)

    changed = Project(id=made.id, max_bytes=1)
    await refuse_as_missing(
        admin.projects.GetProject(GetProjectRequest(project_id=made.id)),
        admin.projects.UpdateProject(UpdateProjectRequest(project=changed)),
        delete_project(admin, made.id),
        make_conversion_profile(admin, project=made.id),
        admin.upload_profiles.ListUploadProfiles(ListUploadProfilesRequest(project_id=made.id)),
        admin.images.CreateImage(
            CreateImageRequest(image=Image(project_id=made.id, filename="a.jpg"))
        ),
    )
    assert not (await admin.projects.ListProjects(ListProjectsRequest())).projects
    assert (await make_project(admin)).id != made.id


async def test_a_deleted_conversion_profile_is_gone_and_its_name_is_free(
    admin: Client, photos: UploadProfile
) -> None:
    made = await make_conversion_profile(admin)

    await delete_conversion_profile(admin, made.id, etag=made.etag)

    profiles = admin.conversion_profiles
    changed = ConversionProfile(id=made.id, background="#000000")
    photos.conversion_profile_id = made.id
    await refuse_as_missing(
        profiles.GetConversionProfile(GetConversionProfileRequest(conversion_profile_id=made.id)),
        profiles.UpdateConversionProfile(
            UpdateConversionProfileRequest(conversion_profile=changed)
        ),
        profiles.ListConversionProfileRevisions(
            ListConversionProfileRevisionsRequest(conversion_profile_id=made.id)
        ),
        profiles.RollbackConversionProfile(
            RollbackConversionProfileRequest(conversion_profile_id=made.id, revision=1)
        ),
        delete_conversion_profile(admin, made.id),
        admin.upload_profiles.UpdateUploadProfile(
            UpdateUploadProfileRequest(upload_profile=photos)
        ),
    )
    listed = await profiles.ListConversionProfiles(ListConversionProfilesRequest())
    assert made.id not in {profile.id for profile in listed.conversion_profiles}
    assert (await make_conversion_profile(admin)).id != made.id


async def test_deleted_objects_are_gone_and_unusable_for_uploads(
    admin: Client, photos: UploadProfile
) -> None:
    await delete_upload_profile(admin, photos.id, etag=photos.etag)

    await refuse_as_missing(
        admin.upload_profiles.GetUploadProfile(
            GetUploadProfileRequest(upload_profile_id=photos.id)
        ),
        admin.upload_profiles.UpdateUploadProfile(
            UpdateUploadProfileRequest(
                upload_profile=UploadProfile(id=photos.id, display_name="Back")
            )
        ),
        delete_upload_profile(admin, photos.id),
        *(
            admin.images.CreateImage(
                CreateImageRequest(
                    image=Image(project_id=photos.project_id, upload_profile=name, filename="a.jpg")
                )
            )
            for name in (photos.id, photos.short_name)
        ),
    )
    again = UploadProfile()
    again.CopyFrom(photos)
    request = CreateUploadProfileRequest(upload_profile=again)
    assert (await admin.upload_profiles.CreateUploadProfile(request)).id != photos.id


async def test_an_upload_profile_that_pictures_came_by_says_which(
    admin: Client, photos: UploadProfile
) -> None:
    image = await admin.images.CreateImage(
        CreateImageRequest(
            image=Image(project_id=photos.project_id, upload_profile=photos.id, filename="a.jpg")
        )
    )

    with pytest.raises(FailedPrecondition) as refused:
        await delete_upload_profile(admin, photos.id)

    assert refused.value.reason is Reason.RESOURCE_IN_USE
    assert refused.value.metadata == {
        "resource_type": "UploadProfile",
        "resource_name": photos.id,
        "used_by": image.id,
        "used_by_count": "1",
    }
    assert "pictures (1)" in refused.value.message


async def test_what_has_changed_since_it_was_seen_is_not_deleted(
    admin: Client, photos: UploadProfile
) -> None:
    project, conversion = await make_project(admin), await make_conversion_profile(admin)

    for attempt in (
        delete_project(admin, project.id, etag="0"),
        delete_conversion_profile(admin, conversion.id, etag="0"),
        delete_upload_profile(admin, photos.id, etag="0"),
    ):
        with pytest.raises(Aborted) as refused:
            await attempt
        assert refused.value.reason is Reason.ETAG_MISMATCH


async def test_deleting_takes_the_permission_to_write(
    catalog: Catalog, admin: Client, stranger: Client, team_id: TeamId, photos: UploadProfile
) -> None:
    project_id = ProjectId(photos.project_id)
    conversion = await make_conversion_profile(admin, project=project_id)
    reader = await catalog.user(team_id, [Grant(permission="project:read", project_id=project_id)])

    for client, refusal in ((reader, PermissionDenied), (stranger, NotFound)):
        for attempt in (
            delete_project(client, project_id),
            delete_conversion_profile(client, conversion.id),
            delete_upload_profile(client, photos.id),
        ):
            with pytest.raises(refusal):
                await attempt


async def test_an_id_of_another_kind_is_a_wrong_field(admin: Client) -> None:
    for attempt, field in (
        (delete_project(admin, "cpr_1"), "project_id"),
        (delete_conversion_profile(admin, "prj_1"), "conversion_profile_id"),
        (delete_upload_profile(admin, ""), "upload_profile_id"),
    ):
        with pytest.raises(InvalidFields) as refused:
            await attempt
        assert refused.value.metadata["fields"] == field


async def test_objects_of_the_whole_team_are_fetched_updated_and_deleted(
    catalog: Catalog, team_id: TeamId
) -> None:
    writer = await catalog.user(
        team_id,
        [Grant(permission="conversion_profile:write"), Grant(permission="project:read")],
    )
    made = await make_conversion_profile(writer)
    assert not made.project_id

    profiles = writer.conversion_profiles
    asked = GetConversionProfileRequest(conversion_profile_id=made.id)
    assert await profiles.GetConversionProfile(asked) == made
    changed = ConversionProfile(id=made.id, background="#000000", etag=made.etag)
    updated = await profiles.UpdateConversionProfile(
        UpdateConversionProfileRequest(conversion_profile=changed)
    )
    assert updated.background == "#000000"
    await delete_conversion_profile(writer, made.id, etag=updated.etag)
    await refuse_as_missing(profiles.GetConversionProfile(asked))


async def test_an_object_of_the_whole_team_is_deleted_by_grants_on_the_team_only(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    project_id = ProjectId((await make_project(admin)).id)
    made = await make_conversion_profile(admin)
    on_one = await catalog.user(
        team_id, [Grant(permission="conversion_profile:write", project_id=project_id)]
    )

    with pytest.raises(PermissionDenied) as refused:
        await delete_conversion_profile(on_one, made.id)

    assert refused.value.metadata == {"permission": "conversion_profile:write"}


async def test_an_object_is_made_in_the_team_of_who_makes_it(
    admin: Client, stranger: Client
) -> None:
    mine, theirs = [await make_conversion_profile(client) for client in (admin, stranger)]

    for client, own, foreign in ((admin, mine, theirs), (stranger, theirs, mine)):
        listed = await client.conversion_profiles.ListConversionProfiles(
            ListConversionProfilesRequest()
        )
        assert [profile.id for profile in listed.conversion_profiles] == [own.id]
        await refuse_as_missing(delete_conversion_profile(client, foreign.id))
