"""The operator's document, read from its message."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import bootstrap_pb2
from picstore.auth.v1.bootstrap_pb2 import (
    ApplyBootstrapRequest,
    BootstrapApiKey,
    BootstrapGrant,
    BootstrapRole,
    BootstrapTeam,
    BootstrapUser,
)
from picstore.options.v1 import permission_pb2
from picstore_auth.document import Outcome
from picstore_auth.document_mapping import document_from, outcome_message
from picstore_auth.model.grant import Grant, Permission
from picstore_kit.changes import Action, Change, FieldChange
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import KeyId, ProjectId, TeamId, UploadProfileId, new_id

PROJECT = new_id(ProjectId)
PROFILE = new_id(UploadProfileId)
KEY = new_api_key(new_id(KeyId))
READ = permission_pb2.PERMISSION_IMAGE_READ


def test_names_become_ids() -> None:
    document = document_from(
        ApplyBootstrapRequest(
            team=BootstrapTeam(short_name="demo"),
            roles=[
                BootstrapRole(
                    short_name="reader", grants=[BootstrapGrant(permission=READ, project="blog")]
                )
            ],
            users=[BootstrapUser(email="ann@example.org", roles=["reader"])],
            api_keys=[
                BootstrapApiKey(
                    credential=KEY.text, user="ann@example.org", default_upload_profile="blog/web"
                )
            ],
            project_ids={"blog": PROJECT},
            upload_profile_ids={"blog/web": PROFILE},
        )
    )
    assert document.team.id is None
    assert document.roles[0].grants == (
        Grant(permission=Permission.IMAGE_READ, project_id=PROJECT),
    )
    assert document.users[0].roles == ("reader",)
    assert document.keys[0].api_key == KEY
    assert document.keys[0].default_upload_profile_id == PROFILE
    assert document.project_names == {PROJECT: "blog"}


def test_document_with_many_faults_hears_of_all() -> None:
    request = ApplyBootstrapRequest(
        team=BootstrapTeam(id="prj_x", short_name="De Mo"),
        roles=[
            BootstrapRole(short_name="r", grants=[BootstrapGrant(permission=READ, project="shop")]),
            BootstrapRole(short_name="r", grants=[BootstrapGrant()]),
        ],
        users=[BootstrapUser(email="ann"), BootstrapUser(email="A@b"), BootstrapUser(email="a@B")],
        api_keys=[
            BootstrapApiKey(credential="ps_nonsense", user="a@b", default_upload_profile="x/y"),
            BootstrapApiKey(credential=KEY.text, user="ann"),
            BootstrapApiKey(credential=KEY.text, user="a@b"),
        ],
        project_ids={"blog": "blog"},
    )
    with pytest.raises(InvalidFields) as caught:
        document_from(request)
    assert [violation.field for violation in caught.value.violations] == [
        "project_ids[blog]",
        "team.short_name",
        "team.id",
        "roles[0].grants[0].project",
        "roles[1].short_name",
        "roles[1].grants[0].permission",
        "users[0].email",
        "users[2].email",
        "api_keys[0].default_upload_profile",
        "api_keys[0].credential",
        "api_keys[1].user",
        "api_keys[2].credential",
    ]
    assert KEY.text not in str(caught.value)


def test_changes_are_told_in_order() -> None:
    change = Change(
        kind="role",
        name="reader",
        action=Action.UPDATED,
        fields=(FieldChange(field="grants", old="image:read", new=""),),
    )
    team_id = new_id(TeamId)
    message = outcome_message(Outcome(team_id=team_id, changes=(change,)))
    assert message.team_id == team_id
    assert message.changes[0].action == bootstrap_pb2.BOOTSTRAP_ACTION_UPDATED
    assert message.changes[0].fields[0].old_value == "image:read"
