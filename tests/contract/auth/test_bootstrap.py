"""BootstrapService over the wire."""

from __future__ import annotations

import uuid

import pytest

from picstore.auth.v1 import authentication_pb2, role_pb2, team_pb2
from picstore.auth.v1.bootstrap_pb2 import (
    BOOTSTRAP_ACTION_CREATED,
    BOOTSTRAP_ACTION_UNCHANGED,
    ApplyBootstrapRequest,
    BootstrapApiKey,
    BootstrapGrant,
    BootstrapRole,
    BootstrapTeam,
    BootstrapUser,
)
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_CREATE, Permission
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import InvalidFields, Reason
from picstore_kit.ids import KeyId, ProjectId, UploadProfileId, new_id
from tests.contract.auth.clients import Client, Connect


@pytest.fixture
def request_() -> ApplyBootstrapRequest:
    return ApplyBootstrapRequest(
        team=BootstrapTeam(short_name=f"team-{uuid.uuid4().hex}"),
        roles=[
            BootstrapRole(
                short_name="uploader",
                grants=[BootstrapGrant(permission=PERMISSION_IMAGE_CREATE, project="blog")],
            )
        ],
        users=[BootstrapUser(email="ann@example.org", roles=["uploader"])],
        api_keys=[
            BootstrapApiKey(
                credential=new_api_key(new_id(KeyId)).text,
                user="ann@example.org",
                default_upload_profile="blog/web",
            )
        ],
        project_ids={"blog": new_id(ProjectId)},
        upload_profile_ids={"blog/web": new_id(UploadProfileId)},
    )


async def test_document_is_applied_once(
    operator: Client, connect: Connect, request_: ApplyBootstrapRequest
) -> None:
    first = await operator.bootstrap.ApplyBootstrap(request_)
    assert {change.action for change in first.changes} == {BOOTSTRAP_ACTION_CREATED}
    second = await operator.bootstrap.ApplyBootstrap(request_)
    assert second.team_id == first.team_id
    assert {change.action for change in second.changes} == {BOOTSTRAP_ACTION_UNCHANGED}

    key = connect(request_.api_keys[0].credential)
    principal = await key.authentication.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    assert principal.team_id == first.team_id
    assert principal.grants[0].project_id == request_.project_ids["blog"]
    assert principal.default_upload_profile_id == request_.upload_profile_ids["blog/web"]


async def test_every_permission_can_be_granted(
    operator: Client, connect: Connect, request_: ApplyBootstrapRequest
) -> None:
    every = [value for value in Permission.values() if value]
    del request_.roles[0].grants[:]
    request_.roles[0].grants.extend(BootstrapGrant(permission=value) for value in every)
    await operator.bootstrap.ApplyBootstrap(request_)
    client = connect(request_.api_keys[0].credential)
    role = (await client.roles.ListRoles(role_pb2.ListRolesRequest())).roles[0]
    assert {grant.permission for grant in role.grants} == set(every)


async def test_other_name_of_a_team_is_another_revision(
    operator: Client, request_: ApplyBootstrapRequest
) -> None:
    await operator.bootstrap.ApplyBootstrap(request_)
    listed = team_pb2.ListTeamsRequest(short_name=request_.team.short_name)
    before = (await operator.teams.ListTeams(listed)).teams[0]
    request_.team.display_name = "Ours"
    await operator.bootstrap.ApplyBootstrap(request_)
    after = (await operator.teams.ListTeams(listed)).teams[0]
    assert after.display_name == "Ours"
    assert after.etag != before.etag


async def test_dry_run_only_tells(operator: Client, request_: ApplyBootstrapRequest) -> None:
    request_.dry_run = True
    for _ in range(2):
        answer = await operator.bootstrap.ApplyBootstrap(request_)
        assert answer.team_id
        assert {change.action for change in answer.changes} == {BOOTSTRAP_ACTION_CREATED}


async def test_answer_holds_no_secret(operator: Client, request_: ApplyBootstrapRequest) -> None:
    answer = await operator.bootstrap.ApplyBootstrap(request_)
    assert request_.api_keys[0].credential.rsplit("_", 1)[1] not in str(answer)


async def test_required_fields_are_named_by_their_paths(
    operator: Client, request_: ApplyBootstrapRequest
) -> None:
    request_.users.append(BootstrapUser())
    request_.api_keys[0].user = ""
    with pytest.raises(InvalidFields) as caught:
        await operator.bootstrap.ApplyBootstrap(request_)
    assert caught.value.metadata == {"fields": "users[1].email,api_keys[0].user"}


async def test_existing_key_with_another_secret_is_named(
    operator: Client, request_: ApplyBootstrapRequest
) -> None:
    await operator.bootstrap.ApplyBootstrap(request_)
    old = request_.api_keys[0].credential
    key_id = KeyId("key_" + old.split("_")[1])
    request_.api_keys[0].credential = new_api_key(key_id).text
    with pytest.raises(InvalidFields, match="another secret") as caught:
        await operator.bootstrap.ApplyBootstrap(request_)
    assert caught.value.reason is Reason.FIELD_INVALID
    assert key_id in caught.value.message
    assert request_.api_keys[0].credential not in caught.value.message
