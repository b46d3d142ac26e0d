"""AuthorizeImport: who may import into a project, and who may have all of a location."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picstore.catalog.v1 import ingest_pb2, project_pb2, storage_location_pb2
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import LocationId, ProjectId, new_id
from picstore_kit.rpc.auth import Grant, Principal
from tests.contract.catalog.images.conftest import Callers, Client
from tests.contract.catalog.messages import location


def request(project_id: str, location_id: str = "") -> ingest_pb2.AuthorizeImportRequest:
    return ingest_pb2.AuthorizeImportRequest(project_id=project_id, storage_location_id=location_id)


@pytest.fixture
async def own(user: Client) -> storage_location_pb2.StorageLocation:
    """A location that the team has set up itself."""
    return await user.locations.CreateStorageLocation(
        storage_location_pb2.CreateStorageLocationRequest(storage_location=location("old-site"))
    )


async def test_whoever_may_upload_and_write_the_location_may_import(
    upload: Client, project: project_pb2.Project, own: storage_location_pb2.StorageLocation
) -> None:
    await upload.ingest.AuthorizeImport(request(project.id))
    await upload.ingest.AuthorizeImport(request(project.id, own.id))


async def test_what_the_operator_has_set_up_is_not_read_as_a_whole(
    upload: Client, user: Client, project: project_pb2.Project
) -> None:
    listed = await user.locations.ListStorageLocations(
        storage_location_pb2.ListStorageLocationsRequest(short_name="store")
    )
    with pytest.raises(FailedPrecondition) as refused:
        await upload.ingest.AuthorizeImport(request(project.id, listed.storage_locations[0].id))
    assert refused.value.reason is Reason.OPERATOR_MANAGED


@pytest.mark.parametrize(
    ("missing", "location_too"),
    [("image:create", False), ("image:create", True), ("storage_location:write", True)],
)
async def test_each_permission_is_needed(
    callers: Callers,
    principal: Principal,
    project: project_pb2.Project,
    own: storage_location_pb2.StorageLocation,
    missing: str,
    location_too: bool,
) -> None:
    grants = tuple(
        Grant(permission=permission)
        for permission in ("image:create", "storage_location:write", "image:read")
        if permission != missing
    )
    limited = await callers.service("upload", acting_for=replace(principal, grants=grants))
    with pytest.raises(PermissionDenied) as refused:
        await limited.ingest.AuthorizeImport(request(project.id, own.id if location_too else ""))
    assert refused.value.metadata == {"permission": missing}


async def test_a_grant_on_the_project_does_not_open_a_location_of_the_whole_team(
    callers: Callers,
    principal: Principal,
    project: project_pb2.Project,
    own: storage_location_pb2.StorageLocation,
) -> None:
    grants = tuple(
        Grant(permission=permission, project_id=ProjectId(project.id))
        for permission in ("image:create", "storage_location:write")
    )
    limited = await callers.service("upload", acting_for=replace(principal, grants=grants))
    await limited.ingest.AuthorizeImport(request(project.id))
    with pytest.raises(PermissionDenied):
        await limited.ingest.AuthorizeImport(request(project.id, own.id))


async def test_what_is_not_there_is_not_found(
    callers: Callers, upload: Client, project: project_pb2.Project
) -> None:
    for wrong in (
        request(new_id(ProjectId)),
        request(project.id, new_id(LocationId)),
    ):
        with pytest.raises(NotFound):
            await upload.ingest.AuthorizeImport(wrong)


async def test_ids_are_checked(upload: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await upload.ingest.AuthorizeImport(request("blog", "store"))
    assert [violation.field for violation in refused.value.violations] == [
        "project_id",
        "storage_location_id",
    ]
