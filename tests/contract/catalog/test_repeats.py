"""The same request many times at once: one object, one answer, and for its caller only."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from picstore.catalog.v1.conversion_profile_pb2 import (
    CreateConversionProfileRequest,
    ListConversionProfilesRequest,
)
from picstore.catalog.v1.project_pb2 import CreateProjectRequest, ListProjectsRequest, Project
from picstore.catalog.v1.upload_profile_pb2 import (
    CreateUploadProfileRequest,
    GetUploadProfileRequest,
    ListUploadProfilesRequest,
)
from picstore_kit.errors import AlreadyExists, Reason
from picstore_kit.ids import TeamId
from tests.contract.catalog.callers import ADMIN, Catalog, Client
from tests.contract.catalog.messages import conversion_profile, document

CALLS = 50


async def test_fifty_creates_of_a_project_at_once_make_one(admin: Client) -> None:
    request = CreateProjectRequest(project=Project(short_name="blog"), request_id=str(uuid.uuid4()))

    made = await asyncio.gather(*(admin.projects.CreateProject(request) for _ in range(CALLS)))

    assert len({answer.SerializeToString() for answer in made}) == 1
    assert list((await admin.projects.ListProjects(ListProjectsRequest())).projects) == made[:1]


async def test_fifty_creates_of_a_conversion_profile_at_once_make_one(admin: Client) -> None:
    profiles = admin.conversion_profiles
    request = CreateConversionProfileRequest(
        conversion_profile=conversion_profile(), request_id=str(uuid.uuid4())
    )

    made = await asyncio.gather(*(profiles.CreateConversionProfile(request) for _ in range(CALLS)))

    assert len({answer.SerializeToString() for answer in made}) == 1
    listed = await profiles.ListConversionProfiles(ListConversionProfilesRequest())
    assert list(listed.conversion_profiles) == made[:1]


async def test_fifty_creates_of_an_upload_profile_at_once_make_one(
    admin: Client, operator: Client, team_id: TeamId
) -> None:
    profiles = admin.upload_profiles
    ids = await operator.bootstrap.ApplyBootstrap(document(team_id))
    wanted = await profiles.GetUploadProfile(
        GetUploadProfileRequest(upload_profile_id=ids.upload_profile_ids["blog/photos"])
    )
    wanted.short_name = "avatars"
    request = CreateUploadProfileRequest(upload_profile=wanted, request_id=str(uuid.uuid4()))

    made = await asyncio.gather(*(profiles.CreateUploadProfile(request) for _ in range(CALLS)))

    assert len({answer.SerializeToString() for answer in made}) == 1
    listed = await profiles.ListUploadProfiles(
        ListUploadProfilesRequest(project_id=wanted.project_id, short_name="avatars")
    )
    assert list(listed.upload_profiles) == made[:1]


async def test_of_fifty_that_want_the_same_name_one_gets_it(admin: Client) -> None:
    async def create() -> Reason | None:
        request = CreateProjectRequest(
            project=Project(short_name="blog"), request_id=str(uuid.uuid4())
        )
        try:
            await admin.projects.CreateProject(request)
        except AlreadyExists as refused:
            return refused.reason
        return None

    outcomes = await asyncio.gather(*(create() for _ in range(CALLS)))

    assert outcomes.count(None) == 1
    assert outcomes.count(Reason.RESOURCE_EXISTS) == CALLS - 1


async def test_a_request_id_is_its_callers_also_within_a_team(
    catalog: Catalog, admin: Client, team_id: TeamId
) -> None:
    colleague = await catalog.user(team_id, ADMIN)
    request = CreateProjectRequest(project=Project(short_name="blog"), request_id=str(uuid.uuid4()))
    await admin.projects.CreateProject(request)

    with pytest.raises(AlreadyExists) as refused:
        await colleague.projects.CreateProject(request)

    assert refused.value.reason is Reason.RESOURCE_EXISTS


async def test_a_request_id_is_one_methods(admin: Client) -> None:
    request_id = str(uuid.uuid4())
    await admin.projects.CreateProject(
        CreateProjectRequest(project=Project(short_name="blog"), request_id=request_id)
    )

    made = await admin.conversion_profiles.CreateConversionProfile(
        CreateConversionProfileRequest(
            conversion_profile=conversion_profile(), request_id=request_id
        )
    )

    assert made.id.startswith("cpr_")


async def test_a_conversion_profiles_request_id_is_not_for_another_payload(admin: Client) -> None:
    request = CreateConversionProfileRequest(
        conversion_profile=conversion_profile(), request_id=str(uuid.uuid4())
    )
    await admin.conversion_profiles.CreateConversionProfile(request)
    request.conversion_profile.background = "#000000"

    with pytest.raises(AlreadyExists) as refused:
        await admin.conversion_profiles.CreateConversionProfile(request)

    assert refused.value.reason is Reason.REQUEST_ID_REUSED
