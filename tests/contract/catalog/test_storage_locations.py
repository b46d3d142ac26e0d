"""StorageLocationService: what callers see of where objects are kept."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.storage_location_pb2 import (
    GetStorageLocationRequest,
    ListStorageLocationsRequest,
    StorageLocation,
)
from picstore_kit.errors import NotFound, PermissionDenied
from picstore_kit.ids import LocationId, ProjectId, TeamId, new_id
from picstore_kit.rpc.auth import Grant
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import SECRET, document


async def list_all(client: Client) -> dict[str, StorageLocation]:
    listed = await client.locations.ListStorageLocations(ListStorageLocationsRequest())
    return {location.short_name: location for location in listed.storage_locations}


async def get(client: Client, location_id: str) -> StorageLocation:
    return await client.locations.GetStorageLocation(
        GetStorageLocationRequest(storage_location_id=location_id)
    )


async def test_a_location_is_shown_without_its_secret(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    listed = await list_all(admin)

    location = await get(admin, listed["store"].id)

    assert location == listed["store"]
    assert location.s3.access_key_id == "AKIAIOSFODNN7"
    assert location.s3.prefix == "pic"
    assert not location.s3.secret_access_key
    assert SECRET not in str(listed)


async def test_the_locations_of_the_team_and_of_ones_projects_are_listed(
    catalog: Catalog, operator: Client, team_id: TeamId
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    blog, shop = (ProjectId(made.project_ids[name]) for name in ("blog", "shop"))
    blogger = await catalog.user(team_id, [Grant(permission="project:read", project_id=blog)])
    seller = await catalog.user(team_id, [Grant(permission="project:read", project_id=shop)])

    assert set(await list_all(blogger)) == {"store"}
    assert set(await list_all(seller)) == {"store", "shop-store"}


async def test_no_team_sees_anothers_locations(
    operator: Client, admin: Client, stranger: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))

    assert not await list_all(stranger)
    for location in (await list_all(admin)).values():
        with pytest.raises(NotFound):
            await get(stranger, location.id)


async def test_a_location_that_is_for_another_project_is_hidden(
    catalog: Catalog, operator: Client, admin: Client, team_id: TeamId
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    blog = ProjectId(made.project_ids["blog"])
    blogger = await catalog.user(team_id, [Grant(permission="project:read", project_id=blog)])
    listed = await list_all(admin)

    assert (await get(blogger, listed["store"].id)).short_name == "store"
    with pytest.raises(NotFound):
        await get(blogger, listed["shop-store"].id)


async def test_a_location_of_the_team_is_denied_to_who_may_read_no_project(
    catalog: Catalog, operator: Client, admin: Client, team_id: TeamId
) -> None:
    made = await operator.bootstrap.ApplyBootstrap(document(team_id))
    blog = ProjectId(made.project_ids["blog"])
    uploader = await catalog.user(team_id, [Grant(permission="image:create", project_id=blog)])
    listed = await list_all(admin)

    with pytest.raises(PermissionDenied) as refused:
        await get(uploader, listed["store"].id)
    assert refused.value.metadata == {"permission": "project:read"}
    with pytest.raises(PermissionDenied):
        await list_all(uploader)


async def test_a_missing_location_is_not_found(admin: Client) -> None:
    with pytest.raises(NotFound) as refused:
        await get(admin, new_id(LocationId))

    assert refused.value.metadata["resource_type"] == "StorageLocation"


async def test_pages_hold_all_locations_once(
    operator: Client, admin: Client, team_id: TeamId
) -> None:
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    first = await admin.locations.ListStorageLocations(ListStorageLocationsRequest(page_size=1))
    second = await admin.locations.ListStorageLocations(
        ListStorageLocationsRequest(page_size=1, page_token=first.next_page_token)
    )

    assert [page.storage_locations[0].short_name for page in (first, second)] == [
        "store",
        "shop-store",
    ]
    assert not second.next_page_token
