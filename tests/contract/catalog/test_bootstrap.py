"""ApplyBootstrap: the operator's document, applied once or as often as one likes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from picstore.auth.v1.bootstrap_pb2 import (
    BOOTSTRAP_ACTION_CREATED,
    BOOTSTRAP_ACTION_UNCHANGED,
    BOOTSTRAP_ACTION_UPDATED,
    BootstrapChange,
)
from picstore.catalog.v1 import conversion_profile_pb2, project_pb2, storage_location_pb2
from picstore_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidFields,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId, new_id
from picstore_kit.pg.database import Database
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import (
    SECRET,
    bucket,
    conversion_profile,
    document,
    location,
    upload_profile,
)


def actions(changes: Iterable[BootstrapChange]) -> set[int]:
    return {change.action for change in changes}


async def test_a_first_run_creates_everything_in_the_order_of_the_document(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    done = await operator.bootstrap.ApplyBootstrap(document(team_id))

    assert actions(done.changes) == {BOOTSTRAP_ACTION_CREATED}
    assert [(change.kind, change.name) for change in done.changes] == [
        ("project", "blog"),
        ("project", "shop"),
        ("storage_location", "store"),
        ("storage_location", "shop-store"),
        ("conversion_profile", "web"),
        ("conversion_profile", "shop-web"),
        ("upload_profile", "blog/photos"),
        ("upload_profile", "shop/photos"),
    ]
    listed = await admin.projects.ListProjects(project_pb2.ListProjectsRequest())
    assert {project.short_name: project.id for project in listed.projects} == done.project_ids
    assert set(done.upload_profile_ids) == {"blog/photos", "shop/photos"}


async def test_a_second_run_changes_nothing(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    first = await operator.bootstrap.ApplyBootstrap(document(team_id))
    before = await admin.locations.ListStorageLocations(
        storage_location_pb2.ListStorageLocationsRequest()
    )
    second = await operator.bootstrap.ApplyBootstrap(document(team_id))

    assert actions(second.changes) == {BOOTSTRAP_ACTION_UNCHANGED}
    assert not any(change.fields for change in second.changes)
    assert second.project_ids == first.project_ids
    assert second.upload_profile_ids == first.upload_profile_ids
    after = await admin.locations.ListStorageLocations(
        storage_location_pb2.ListStorageLocationsRequest()
    )
    assert after == before


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    request.dry_run = True
    trial = await operator.bootstrap.ApplyBootstrap(request)

    assert actions(trial.changes) == {BOOTSTRAP_ACTION_CREATED}
    assert set(trial.project_ids) == {"blog", "shop"}
    listed = await admin.projects.ListProjects(project_pb2.ListProjectsRequest())
    assert not listed.projects


async def test_ids_of_the_document_are_taken_for_new_objects_only(
    operator: Client, team_id: TeamId
) -> None:
    project_id, profile_id = new_id(ProjectId), new_id(UploadProfileId)
    request = document(team_id)
    request.projects[0].id = project_id
    request.upload_profiles[0].id = profile_id
    first = await operator.bootstrap.ApplyBootstrap(request)
    request.projects[0].id = new_id(ProjectId)
    second = await operator.bootstrap.ApplyBootstrap(request)

    assert first.project_ids["blog"] == second.project_ids["blog"] == project_id
    assert second.upload_profile_ids["blog/photos"] == profile_id


async def test_an_id_that_another_team_has_is_refused(operator: Client, team_id: TeamId) -> None:
    request = document(team_id)
    request.projects[0].id = new_id(ProjectId)
    await operator.bootstrap.ApplyBootstrap(request)
    request.team_id = new_id(TeamId)

    with pytest.raises(AlreadyExists) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert refused.value.metadata["field"] == "id"


async def test_differences_are_told_field_by_field(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.projects[0].max_bytes = 2000
    request.storage_locations[0].public_base_url = "https://cdn.example.com/"
    request.conversion_profiles[0].sizes[0].width = 500
    request.upload_profiles[0].outputs_path = "/photos//2026/"
    done = await operator.bootstrap.ApplyBootstrap(request)

    updated = {
        (change.kind, change.name): {
            field.field: (field.old_value, field.new_value) for field in change.fields
        }
        for change in done.changes
        if change.action == BOOTSTRAP_ACTION_UPDATED
    }
    sizes = updated["conversion_profile", "web"].pop("sizes")
    assert '"width": 400' in sizes[0]
    assert '"width": 500' in sizes[1]
    assert updated == {
        ("project", "blog"): {"max_bytes": ("1000", "2000")},
        ("storage_location", "store"): {
            "public_base_url": ("https://img.example.com", "https://cdn.example.com")
        },
        ("conversion_profile", "web"): {},
        ("upload_profile", "blog/photos"): {"outputs_path": ("web", "photos/2026")},
    }
    profiles = await admin.conversion_profiles.ListConversionProfiles(
        conversion_profile_pb2.ListConversionProfilesRequest()
    )
    assert {profile.short_name: profile.revision for profile in profiles.conversion_profiles} == {
        "web": 2,
        "shop-web": 1,
    }


async def test_a_display_name_that_the_document_omits_stays(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    done = await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.projects[0].display_name = ""
    again = await operator.bootstrap.ApplyBootstrap(request)

    assert actions(again.changes) == {BOOTSTRAP_ACTION_UNCHANGED}
    project = await admin.projects.GetProject(
        project_pb2.GetProjectRequest(project_id=done.project_ids["blog"])
    )
    assert project.display_name == "The blog"


async def test_a_secret_is_stored_sealed_and_never_told(
    operator: Client, database: Database, team_id: TeamId
) -> None:
    created = await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.storage_locations[0].s3.secret_access_key = "another/secret"
    changed = await operator.bootstrap.ApplyBootstrap(request)

    told = str(created) + str(changed)
    assert SECRET not in told
    assert "another/secret" not in told
    [change] = [change for change in changed.changes if change.fields]
    assert [field.field for field in change.fields] == ["s3.secret_access_key"]
    async with database.system_transaction() as conn:
        cursor = await conn.execute("SELECT s3_secret_access_key FROM storage_locations")
        sealed = [bytes(value) for (value,) in await cursor.fetchall()]
    assert len(sealed) == 2
    assert not any(SECRET.encode() in value or b"another" in value for value in sealed)


async def test_a_secret_that_the_document_omits_stays(operator: Client, team_id: TeamId) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.storage_locations[0].s3.secret_access_key = ""

    done = await operator.bootstrap.ApplyBootstrap(request)

    assert actions(done.changes) == {BOOTSTRAP_ACTION_UNCHANGED}


async def test_a_new_access_key_id_needs_its_secret(operator: Client, team_id: TeamId) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.storage_locations[0].s3.access_key_id = "AKIAOTHER"
    request.storage_locations[0].s3.secret_access_key = ""

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert refused.value.metadata["fields"] == "storage_locations[0].s3.secret_access_key"


async def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_done(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    request.projects[1].short_name = "blog"
    request.projects[0].base_path = "../elsewhere"
    request.storage_locations[0].s3.endpoint = "ftp://files.example.com"
    request.storage_locations[1].local.directory = "/etc/ssh"
    request.conversion_profiles[0].sizes[1].width = 0
    request.upload_profiles[0].outputs_path = "a/\x00/b"

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert [violation.field for violation in refused.value.violations] == [
        "projects[0].base_path",
        "storage_locations[0].s3.endpoint",
        "storage_locations[1].local.directory",
        "conversion_profiles[0].sizes[1].width",
        "upload_profiles[0].outputs_path",
        "projects[1].short_name",
    ]
    listed = await admin.projects.ListProjects(project_pb2.ListProjectsRequest())
    assert not listed.projects


async def test_references_to_nothing_are_all_named(operator: Client, team_id: TeamId) -> None:
    request = document(team_id)
    del request.projects[1:]
    request.upload_profiles[0].outputs_location_id = "nowhere"
    request.upload_profiles[0].conversion_profile_id = "nothing"

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert [violation.field for violation in refused.value.violations] == [
        "storage_locations[1].project_id",
        "conversion_profiles[1].project_id",
        "upload_profiles[0].outputs_location_id",
        "upload_profiles[0].conversion_profile_id",
        "upload_profiles[1].project_id",
    ]


async def test_references_may_be_to_what_an_earlier_run_made(
    operator: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    for name in ("projects", "storage_locations", "conversion_profiles"):
        request.ClearField(name)
    request.upload_profiles[0].short_name = "avatars"

    done = await operator.bootstrap.ApplyBootstrap(request)

    assert [change.action for change in done.changes] == [
        BOOTSTRAP_ACTION_CREATED,
        BOOTSTRAP_ACTION_UNCHANGED,
    ]


async def test_references_do_not_reach_into_another_team(operator: Client, team_id: TeamId) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(new_id(TeamId))
    request.ClearField("storage_locations")

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert "upload_profiles[0].originals_location_id" in refused.value.metadata["fields"]


async def test_an_upload_profile_cannot_use_what_is_for_another_project(
    operator: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    request.upload_profiles[0].outputs_location_id = "shop-store"

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert refused.value.metadata["fields"] == "upload_profiles[0].outputs_location_id"


async def test_a_location_cannot_be_taken_from_a_project_that_uses_it(
    operator: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.storage_locations[0].project_id = "shop"
    request.ClearField("upload_profiles")

    with pytest.raises(FailedPrecondition) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert refused.value.reason is Reason.RESOURCE_IN_USE
    assert refused.value.metadata["resource_type"] == "StorageLocation"
    assert refused.value.metadata["used_by"].startswith("upr_")


async def test_what_object_keys_depend_on_cannot_change(operator: Client, team_id: TeamId) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.projects[0].base_path = "elsewhere"
    request.conversion_profiles[0].project_id = "blog"

    with pytest.raises(InvalidFields) as refused:
        await operator.bootstrap.ApplyBootstrap(request)

    assert refused.value.metadata["fields"] == (
        "projects[0].base_path,conversion_profiles[0].project_id"
    )


async def test_only_the_operator_bootstraps(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    for client in (admin, await catalog.service("upload")):
        with pytest.raises(PermissionDenied) as refused:
            await client.bootstrap.ApplyBootstrap(document(team_id))
        assert refused.value.reason is Reason.SERVICE_ONLY


async def test_a_bucket_takes_ambient_credentials_where_no_key_is_given(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    ambient = bucket(access_key_id="", secret_access_key="")
    request.storage_locations[0].CopyFrom(location(s3=ambient))
    await operator.bootstrap.ApplyBootstrap(request)

    listed = await admin.locations.ListStorageLocations(
        storage_location_pb2.ListStorageLocationsRequest()
    )

    assert not listed.storage_locations[0].s3.access_key_id


async def test_a_document_can_turn_a_bucket_into_an_allowed_directory(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    request = document(team_id)
    request.storage_locations[0].local.directory = "/srv/pictures/blog/"
    done = await operator.bootstrap.ApplyBootstrap(request)

    [change] = [change for change in done.changes if change.fields]
    differing = {field.field: (field.old_value, field.new_value) for field in change.fields}
    assert differing["local.directory"] == ("", "/srv/pictures/blog")
    assert differing["s3.bucket"] == ("pictures", "")
    assert differing["s3.secret_access_key"] == ("(a secret)", "")


async def test_a_profile_of_one_name_may_be_in_two_projects(
    operator: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    request.conversion_profiles.append(conversion_profile("more", widths=(100,)))
    request.upload_profiles.append(upload_profile("thumbs", conversion="more"))
    request.upload_profiles.append(upload_profile("thumbs", project="shop", conversion="more"))

    done = await operator.bootstrap.ApplyBootstrap(request)

    assert done.upload_profile_ids["blog/thumbs"] != done.upload_profile_ids["shop/thumbs"]
