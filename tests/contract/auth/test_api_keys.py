"""API keys of the directory over the wire: answers, and each reason for which they are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from picstore.auth.v1 import api_key_pb2, authentication_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_READ
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_kit.errors import InvalidFields, NotFound, PermissionDenied
from picstore_kit.ids import UserId, new_id
from tests.contract.auth.calls import create_key, create_role, create_user, refusal
from tests.contract.auth.catalog import Catalog
from tests.contract.auth.clients import Client, Connect, Team


async def test_created_key_works_and_is_shown_once(
    admin: Client, team: Team, connect: Connect, catalog: Catalog
) -> None:
    user = await create_user(
        admin,
        "ann@example.org",
        role_ids=[(await create_role(admin, "v", Grant(permission=PERMISSION_IMAGE_READ))).id],
    )
    grant = Grant(permission=PERMISSION_IMAGE_READ, project_id=catalog.project())
    expiry = timestamp_message(datetime.now(UTC) + timedelta(days=1))
    made = await create_key(
        admin,
        api_key_pb2.ApiKey(
            user_id=user.id,
            display_name="blog",
            grants=[grant],
            default_upload_profile_id=catalog.upload_profile(),
            expire_time=expiry,
        ),
    )
    principal = await connect(made.credential).authentication.GetPrincipal(
        authentication_pb2.GetPrincipalRequest()
    )
    assert (principal.team_id, principal.user_id) == (team.id, user.id)
    assert list(principal.grants) == [grant]
    assert principal.default_upload_profile_id == made.api_key.default_upload_profile_id
    found = await admin.keys.GetApiKey(api_key_pb2.GetApiKeyRequest(api_key_id=made.api_key.id))
    assert found == made.api_key
    assert made.credential.split("_")[2] not in str(found)


async def test_every_wrong_field_of_a_key_is_named(admin: Client) -> None:
    key = api_key_pb2.ApiKey(
        user_id="ann", inherit=True, grants=[Grant()], default_upload_profile_id="x"
    )
    error = await refusal(create_key(admin, key))
    assert isinstance(error, InvalidFields)
    assert [violation.field for violation in error.violations] == [
        "api_key.user_id",
        "api_key.grants[0].permission",
        "api_key.grants",
        "api_key.default_upload_profile_id",
    ]


async def test_everything_that_does_not_fit_a_key_is_named(admin: Client) -> None:
    user = await create_user(admin, "ann@example.org")
    past = timestamp_message(datetime.now(UTC) - timedelta(seconds=1))
    grant = Grant(permission=PERMISSION_IMAGE_READ)
    unheld = api_key_pb2.ApiKey(user_id=user.id, grants=[grant], expire_time=past)
    error = await refusal(create_key(admin, unheld))
    assert error.metadata == {"fields": "api_key.grants,api_key.expire_time"}


async def test_nobody_makes_a_key_above_their_own(admin: Client, team: Team) -> None:
    request = authentication_pb2.GetPrincipalRequest()
    admin_id = (await admin.authentication.GetPrincipal(request)).user_id
    key = api_key_pb2.ApiKey(user_id=admin_id, inherit=True)
    error = await refusal(create_key(team["writer"], key))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "team:admin"}


async def test_keys_of_a_user_who_is_not_the_teams_are_not_found(admin: Client) -> None:
    request = api_key_pb2.ListApiKeysRequest(user_id=new_id(UserId))
    error = await refusal(admin.keys.ListApiKeys(request))
    assert isinstance(error, NotFound)
    assert error.metadata["resource_type"] == "User"


async def test_revoked_key_says_since_when(admin: Client, team: Team) -> None:
    key_id = team.members["writer"].api_key.key_id
    request = api_key_pb2.RevokeApiKeyRequest(api_key_id=key_id)
    revoked = await admin.keys.RevokeApiKey(request)
    assert revoked.HasField("revoke_time")
    assert await admin.keys.RevokeApiKey(request) == revoked
