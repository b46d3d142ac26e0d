"""ReferenceService: what auth keeps ids of, and whether it is still there."""

from __future__ import annotations

import pytest

from picstore.catalog.v1.project_pb2 import DeleteProjectRequest
from picstore.catalog.v1.reference_pb2 import FindMissingRequest
from picstore_kit.errors import InvalidFields, PermissionDenied, Reason
from picstore_kit.ids import ProjectId, TeamId, UploadProfileId, new_id
from tests.contract.catalog.callers import Catalog, Client
from tests.contract.catalog.messages import document


@pytest.fixture
async def auth(catalog: Catalog) -> Client:
    return await catalog.service("auth")


async def test_only_what_the_team_lacks_is_missing(
    auth: Client, operator: Client, team_id: TeamId
) -> None:
    ours = await operator.bootstrap.ApplyBootstrap(document(team_id))
    foreign = await operator.bootstrap.ApplyBootstrap(document(new_id(TeamId)))
    nothing = new_id(ProjectId), new_id(UploadProfileId)

    answer = await auth.references.FindMissing(
        FindMissingRequest(
            team_id=team_id,
            project_ids=[*ours.project_ids.values(), foreign.project_ids["blog"], nothing[0]],
            upload_profile_ids=[
                *ours.upload_profile_ids.values(),
                foreign.upload_profile_ids["blog/photos"],
                nothing[1],
                nothing[1],
            ],
        )
    )

    assert set(answer.missing_project_ids) == {foreign.project_ids["blog"], nothing[0]}
    assert list(answer.missing_upload_profile_ids) == sorted(
        [foreign.upload_profile_ids["blog/photos"], nothing[1]]
    )


async def test_what_is_deleted_is_missing(
    auth: Client, operator: Client, admin: Client, team_id: TeamId
) -> None:
    request = document(team_id)
    del request.upload_profiles[:]
    made = await operator.bootstrap.ApplyBootstrap(request)
    project_id = made.project_ids["blog"]
    asked = FindMissingRequest(team_id=team_id, project_ids=[project_id])
    assert not (await auth.references.FindMissing(asked)).missing_project_ids

    await admin.projects.DeleteProject(DeleteProjectRequest(project_id=project_id))

    assert (await auth.references.FindMissing(asked)).missing_project_ids == [project_id]


async def test_every_wrong_field_is_named_at_once(auth: Client) -> None:
    with pytest.raises(InvalidFields) as refused:
        await auth.references.FindMissing(
            FindMissingRequest(
                team_id="prj_1",
                project_ids=[new_id(ProjectId)] * 1001,
                upload_profile_ids=[new_id(UploadProfileId), new_id(ProjectId)],
            )
        )

    assert [violation.field for violation in refused.value.violations] == [
        "team_id",
        "project_ids",
        "upload_profile_ids[1]",
    ]


async def test_it_answers_auth_only(admin: Client, operator: Client, team_id: TeamId) -> None:
    for client in (admin, operator):
        with pytest.raises(PermissionDenied) as refused:
            await client.references.FindMissing(FindMissingRequest(team_id=team_id))
        assert refused.value.reason is Reason.SERVICE_ONLY
