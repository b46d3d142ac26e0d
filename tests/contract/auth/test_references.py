"""Ids of the catalog's objects in grants and keys name something that the team has."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import api_key_pb2, role_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_READ
from picstore_kit.errors import NotFound, Unavailable
from picstore_kit.ids import ProjectId, RoleId, UploadProfileId, UserId, new_id
from tests.contract.auth.calls import (
    create_key,
    create_role,
    create_user,
    refusal,
    update_key,
    update_role,
    update_user,
)
from tests.contract.auth.catalog import Catalog
from tests.contract.auth.clients import Client

READ = Grant(permission=PERMISSION_IMAGE_READ)


def on(project_id: str) -> Grant:
    return Grant(permission=PERMISSION_IMAGE_READ, project_id=project_id)


@pytest.fixture
async def reader(admin: Client) -> user_pb2.User:
    """Somebody who may read all images of the team."""
    role = await create_role(admin, "reader", READ)
    return await create_user(admin, "reader@example.org", role_ids=[role.id])


async def test_role_is_granted_on_projects_that_the_team_has(
    admin: Client, catalog: Catalog
) -> None:
    role = await create_role(admin, "viewer", on(catalog.project()))
    missing = new_id(ProjectId)
    changed = role_pb2.Role(id=role.id, grants=[*role.grants, on(missing)])
    for attempt in (
        create_role(admin, "other", on(missing)),
        update_role(admin, changed, "grants"),
    ):
        error = await refusal(attempt)
        assert isinstance(error, NotFound)
        assert error.metadata == {"resource_type": "Project", "resource_name": missing}


async def test_key_is_granted_on_projects_that_the_team_has(
    admin: Client, reader: user_pb2.User, catalog: Catalog
) -> None:
    key = api_key_pb2.ApiKey(user_id=reader.id, grants=[on(catalog.project())])
    made = (await create_key(admin, key)).api_key
    missing = new_id(ProjectId)
    for attempt in (
        create_key(admin, api_key_pb2.ApiKey(user_id=reader.id, grants=[on(missing)])),
        update_key(admin, api_key_pb2.ApiKey(id=made.id, grants=[on(missing)]), "grants"),
    ):
        error = await refusal(attempt)
        assert isinstance(error, NotFound)
        assert error.metadata == {"resource_type": "Project", "resource_name": missing}


async def test_key_has_an_upload_profile_that_the_team_has(
    admin: Client, reader: user_pb2.User, catalog: Catalog
) -> None:
    key = api_key_pb2.ApiKey(user_id=reader.id, grants=[READ])
    made = (await create_key(admin, key)).api_key
    assert catalog.asked == 0
    missing = new_id(UploadProfileId)
    path = "default_upload_profile_id"
    for attempt in (
        create_key(
            admin,
            api_key_pb2.ApiKey(user_id=reader.id, grants=[READ], default_upload_profile_id=missing),
        ),
        update_key(admin, api_key_pb2.ApiKey(id=made.id, default_upload_profile_id=missing), path),
    ):
        error = await refusal(attempt)
        assert isinstance(error, NotFound)
        assert error.metadata == {"resource_type": "UploadProfile", "resource_name": missing}
    profile_id = catalog.upload_profile()
    changed = api_key_pb2.ApiKey(id=made.id, default_upload_profile_id=profile_id)
    assert (await update_key(admin, changed, path)).default_upload_profile_id == profile_id


async def test_grant_on_a_project_that_is_gone_may_stay(admin: Client, catalog: Catalog) -> None:
    project_id = catalog.project()
    role = await create_role(admin, "viewer", on(project_id))
    catalog.forget(project_id)
    changed = role_pb2.Role(id=role.id, grants=[on(project_id), on(catalog.project())])
    assert len((await update_role(admin, changed, "grants")).grants) == 2


async def test_without_the_catalog_only_what_names_its_objects_waits(
    admin: Client, catalog: Catalog
) -> None:
    project_id = catalog.project()
    catalog.is_away = True
    await create_role(admin, "everywhere", READ)
    error = await refusal(create_role(admin, "somewhere", on(project_id)))
    assert isinstance(error, Unavailable)


async def test_role_or_owner_that_the_team_lacks_is_not_found(
    admin: Client, reader: user_pb2.User
) -> None:
    role_id, user_id = new_id(RoleId), new_id(UserId)
    for attempt, missing in (
        (create_user(admin, "ann@example.org", role_ids=[role_id]), role_id),
        (update_user(admin, user_pb2.User(id=reader.id, role_ids=[role_id]), "role_ids"), role_id),
        (create_key(admin, api_key_pb2.ApiKey(user_id=user_id, inherit=True)), user_id),
    ):
        error = await refusal(attempt)
        assert isinstance(error, NotFound)
        assert error.metadata["resource_name"] == missing
