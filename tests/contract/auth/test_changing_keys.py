"""API keys that change, are replaced, or are asked for twice."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from picstore.auth.v1 import api_key_pb2, authentication_pb2, user_pb2
from picstore.auth.v1.authentication_pb2 import Grant
from picstore.options.v1.permission_pb2 import (
    PERMISSION_IMAGE_CREATE,
    PERMISSION_IMAGE_EDIT,
    PERMISSION_IMAGE_READ,
)
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_kit.errors import (
    Aborted,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import KeyId, new_id
from tests.contract.auth.calls import create_key, create_role, create_user, refusal, update_key
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team

PRINCIPAL = authentication_pb2.GetPrincipalRequest()
READ = Grant(permission=PERMISSION_IMAGE_READ)
EDIT = Grant(permission=PERMISSION_IMAGE_EDIT)


@pytest.fixture
async def user(admin: Client) -> user_pb2.User:
    """Somebody who may read and edit images."""
    role = await create_role(admin, "editor", READ, EDIT)
    return await create_user(admin, "ann@example.org", role_ids=[role.id])


@pytest.fixture
async def made(admin: Client, user: user_pb2.User) -> api_key_pb2.CreateApiKeyResponse:
    """A key of that user which only reads."""
    key = api_key_pb2.ApiKey(user_id=user.id, display_name="blog", grants=[READ])
    return await create_key(admin, key)


async def rotate(
    client: Client, key_id: str, overlap: timedelta = timedelta()
) -> api_key_pb2.RotateApiKeyResponse:
    duration = Duration()
    duration.FromTimedelta(overlap)
    request = api_key_pb2.RotateApiKeyRequest(api_key_id=key_id, overlap=duration)
    return await client.keys.RotateApiKey(request)


async def grants(client: Client) -> list[Grant]:
    return list((await client.authentication.GetPrincipal(PRINCIPAL)).grants)


async def test_changed_key_allows_other_things_at_once(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse, connect: Connect
) -> None:
    client = connect(made.credential)
    assert await grants(client) == [READ]
    changed = api_key_pb2.ApiKey(id=made.api_key.id, grants=[EDIT], etag=made.api_key.etag)
    after = await update_key(admin, changed, "grants")
    assert await grants(client) == [EDIT]
    assert (after.display_name, after.user_id) == ("blog", made.api_key.user_id)
    assert after.etag != made.api_key.etag


async def test_key_comes_to_inherit_and_ceases_to(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse, connect: Connect
) -> None:
    client = connect(made.credential)
    key = api_key_pb2.ApiKey(id=made.api_key.id, inherit=True)
    await update_key(admin, key, "inherit", "grants")
    assert await grants(client) == [EDIT, READ]
    key = api_key_pb2.ApiKey(id=made.api_key.id, grants=[READ])
    await update_key(admin, key, "inherit", "grants")
    assert await grants(client) == [READ]


async def test_key_has_grants_unless_it_inherits(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    for key, path in (
        (api_key_pb2.ApiKey(id=made.api_key.id), "grants"),
        (api_key_pb2.ApiKey(id=made.api_key.id, inherit=True), "inherit"),
    ):
        error = await refusal(update_key(admin, key, path))
        assert isinstance(error, InvalidFields)
        assert error.metadata == {"fields": "api_key.grants"}


async def test_key_that_has_changed_is_not_changed_by_an_older_etag(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    key = made.api_key
    key.display_name = "shop"
    await update_key(admin, key, "display_name")
    key.display_name = "forum"
    error = await refusal(update_key(admin, key, "display_name"))
    assert isinstance(error, Aborted)
    assert error.reason is Reason.ETAG_MISMATCH


async def test_key_is_given_no_more_than_its_user_holds(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    create = Grant(permission=PERMISSION_IMAGE_CREATE)
    key = api_key_pb2.ApiKey(
        id=made.api_key.id,
        grants=[READ, create],
        expire_time=timestamp_message(datetime.now(UTC) - timedelta(seconds=1)),
    )
    error = await refusal(update_key(admin, key, "grants", "expire_time"))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "api_key.grants,api_key.expire_time"}


async def test_key_is_given_no_more_than_the_caller_holds(
    made: api_key_pb2.CreateApiKeyResponse, team: Team
) -> None:
    for key, permission in (
        (api_key_pb2.ApiKey(id=made.api_key.id, grants=[EDIT]), "image:edit"),
        (api_key_pb2.ApiKey(id=made.api_key.id, inherit=True), "team:admin"),
    ):
        error = await refusal(update_key(team["writer"], key, "inherit", "grants"))
        assert isinstance(error, PermissionDenied)
        assert error.metadata == {"permission": permission}


async def test_owner_of_a_key_does_not_change(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    error = await refusal(update_key(admin, made.api_key, "user_id"))
    assert error.metadata == {"fields": "update_mask.paths[0]"}


async def test_revoked_key_neither_changes_nor_is_replaced(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    await admin.keys.RevokeApiKey(api_key_pb2.RevokeApiKeyRequest(api_key_id=made.api_key.id))
    key = api_key_pb2.ApiKey(id=made.api_key.id, display_name="shop")
    for attempt in (update_key(admin, key, "display_name"), rotate(admin, made.api_key.id)):
        error = await refusal(attempt)
        assert isinstance(error, FailedPrecondition)
        assert error.reason is Reason.STATE_WRONG


async def test_key_of_another_team_neither_changes_nor_is_replaced(
    made: api_key_pb2.CreateApiKeyResponse, operator: Client, connect: Connect
) -> None:
    other = (await found_team(operator, connect, ADMIN_AND_WRITER))["admin"]
    for key_id in (made.api_key.id, new_id(KeyId)):
        key = api_key_pb2.ApiKey(id=key_id, display_name="ours")
        for attempt in (update_key(other, key, "display_name"), rotate(other, key_id)):
            assert isinstance(await refusal(attempt), NotFound)


async def test_replaced_key_is_good_for_the_overlap(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse, connect: Connect
) -> None:
    rotated = await rotate(admin, made.api_key.id, timedelta(days=30))
    old, new = connect(made.credential), connect(rotated.credential)
    assert await grants(old) == await grants(new) == [READ]
    assert rotated.api_key.display_name == "blog"
    assert not rotated.api_key.HasField("expire_time")
    request = api_key_pb2.GetApiKeyRequest(api_key_id=made.api_key.id)
    assert (await admin.keys.GetApiKey(request)).HasField("expire_time")


async def test_overlap_does_not_prolong_a_key(admin: Client, user: user_pb2.User) -> None:
    expiry = timestamp_message(datetime.now(UTC) + timedelta(hours=1))
    key = api_key_pb2.ApiKey(user_id=user.id, grants=[READ], expire_time=expiry)
    made = await create_key(admin, key)
    await rotate(admin, made.api_key.id, timedelta(days=1))
    request = api_key_pb2.GetApiKeyRequest(api_key_id=made.api_key.id)
    assert (await admin.keys.GetApiKey(request)).expire_time == made.api_key.expire_time


async def test_key_replaced_without_an_overlap_is_refused_at_once(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse, connect: Connect
) -> None:
    rotated = await rotate(admin, made.api_key.id)
    assert await grants(connect(rotated.credential)) == [READ]
    error = await refusal(connect(made.credential).authentication.GetPrincipal(PRINCIPAL))
    assert isinstance(error, Unauthenticated)


async def test_overlap_is_from_nothing_to_thirty_days(
    admin: Client, made: api_key_pb2.CreateApiKeyResponse
) -> None:
    for overlap in (timedelta(seconds=-1), timedelta(days=30, seconds=1)):
        error = await refusal(rotate(admin, made.api_key.id, overlap))
        assert isinstance(error, InvalidFields)
        assert error.metadata == {"fields": "overlap"}


async def test_nobody_gets_a_key_above_their_own_by_replacing_one(
    admin: Client, user: user_pb2.User, team: Team
) -> None:
    made = await create_key(admin, api_key_pb2.ApiKey(user_id=user.id, grants=[EDIT]))
    error = await refusal(rotate(team["writer"], made.api_key.id))
    assert isinstance(error, PermissionDenied)
    assert error.metadata == {"permission": "image:edit"}


async def test_repeated_create_of_a_key_returns_it_without_its_text(
    admin: Client, user: user_pb2.User
) -> None:
    request = api_key_pb2.CreateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(user_id=user.id, grants=[READ]), request_id=str(uuid.uuid4())
    )
    first = await admin.keys.CreateApiKey(request)
    again = await admin.keys.CreateApiKey(request)
    assert first.credential
    assert not again.credential
    assert again.api_key == first.api_key
    listed = await admin.keys.ListApiKeys(api_key_pb2.ListApiKeysRequest(user_id=user.id))
    assert list(listed.api_keys) == [first.api_key]
    request.api_key.display_name = "another"
    error = await refusal(admin.keys.CreateApiKey(request))
    assert error.reason is Reason.REQUEST_ID_REUSED


async def test_live_keys_are_those_that_are_accepted_now(
    admin: Client, user: user_pb2.User
) -> None:
    key = api_key_pb2.ApiKey(user_id=user.id, grants=[READ])
    kept, revoked = await create_key(admin, key), await create_key(admin, key)
    request = api_key_pb2.RevokeApiKeyRequest(api_key_id=revoked.api_key.id)
    await admin.keys.RevokeApiKey(request)
    live = api_key_pb2.ListApiKeysRequest(user_id=user.id, live=True)
    assert list((await admin.keys.ListApiKeys(live)).api_keys) == [kept.api_key]
    everything = api_key_pb2.ListApiKeysRequest(user_id=user.id)
    assert len((await admin.keys.ListApiKeys(everything)).api_keys) == 2
