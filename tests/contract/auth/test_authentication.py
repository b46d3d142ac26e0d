"""AuthenticationService and TokenService, over the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picstore.auth.v1 import api_key_pb2, authentication_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_READ, PERMISSION_TEAM_ADMIN
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import (
    InvalidArgument,
    InvalidFields,
    PermissionDenied,
    PicstoreError,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import KeyId, new_id
from picstore_kit.rpc.authenticator import RemoteAuthenticator
from picstore_kit.rpc.tokens import RemoteVerificationKeys, ServiceTokenVerifier, mint_service_token
from tests.contract.auth.clients import SECRETS, Client, Connect, found_team, service_token

MEMBERS = {"admin": [PERMISSION_TEAM_ADMIN], "reader": [PERMISSION_IMAGE_READ]}


async def authenticate(service: Client, credential: str) -> authentication_pb2.Principal:
    request = authentication_pb2.AuthenticateRequest(credential=credential)
    return await service.authentication.Authenticate(request)


async def refusal(service: Client, credential: str) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        await authenticate(service, credential)
    return caught.value


async def test_services_learn_who_a_key_belongs_to(
    service: Client, operator: Client, connect: Connect
) -> None:
    team = await found_team(operator, connect, MEMBERS)
    member = team.members["reader"]
    principal = await authenticate(service, member.api_key.text)
    assert principal.team_id == team.id
    assert principal.key_id == member.api_key.key_id
    assert principal.user_id.startswith("usr_")
    assert list(principal.grants) == [authentication_pb2.Grant(permission=PERMISSION_IMAGE_READ)]
    assert not principal.HasField("expire_time")


async def test_answer_suits_the_authenticator_of_the_other_services(
    service: Client, operator: Client, connect: Connect
) -> None:
    team = await found_team(operator, connect, MEMBERS)
    authenticator = RemoteAuthenticator(service.authentication)
    principal = await authenticator.authenticate(team.members["reader"].api_key.text)
    assert principal.allows("image:read")
    assert not principal.allows("image:edit")


async def test_credential_is_required(service: Client) -> None:
    error = await refusal(service, "")
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "credential"}


@pytest.mark.parametrize(
    "text",
    ["nonsense", "ps_x_y", new_api_key(new_id(KeyId)).text],
    ids=["nonsense", "like a key", "unknown"],
)
async def test_unknown_credential_is_invalid(service: Client, text: str) -> None:
    error = await refusal(service, text)
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_INVALID
    assert error.metadata == {}
    assert text not in error.message


async def test_expired_credential_says_since_when(
    service: Client, operator: Client, connect: Connect
) -> None:
    expiry = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
    team = await found_team(operator, connect, MEMBERS, expire_time=expiry)
    error = await refusal(service, team.members["reader"].api_key.text)
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_EXPIRED
    assert error.metadata == {"expire_time": f"{expiry:%Y-%m-%dT%H:%M:%S}Z"}


async def test_revoked_credential_is_refused_at_once(
    service: Client, operator: Client, connect: Connect
) -> None:
    team = await found_team(operator, connect, MEMBERS)
    api_key = team.members["reader"].api_key
    await team["admin"].keys.RevokeApiKey(
        api_key_pb2.RevokeApiKeyRequest(api_key_id=api_key.key_id)
    )
    error = await refusal(service, api_key.text)
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_REVOKED


async def test_callers_learn_who_they_are(operator: Client, connect: Connect) -> None:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    team = await found_team(operator, connect, MEMBERS, expire_time=expiry)
    request = authentication_pb2.GetPrincipalRequest()
    principal = await team["admin"].authentication.GetPrincipal(request)
    assert principal.key_id == team.members["admin"].api_key.key_id
    assert principal.expire_time.ToDatetime(UTC) == expiry


async def test_a_service_that_acts_for_nobody_is_no_user(service: Client) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await service.authentication.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    assert caught.value.reason is Reason.CREDENTIAL_MISSING


async def test_strangers_are_nobody(stranger: Client) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await stranger.authentication.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    assert caught.value.reason is Reason.CREDENTIAL_MISSING


async def test_service_token_is_verified_with_the_listed_keys(stranger: Client) -> None:
    token = await service_token(stranger, "catalog")
    keys = RemoteVerificationKeys(stranger.tokens)
    assert await ServiceTokenVerifier(keys).verify(token) == "catalog"


async def test_token_of_a_made_up_key_is_refused(stranger: Client, connect: Connect) -> None:
    listed = await stranger.tokens.ListSigningKeys(authentication_pb2.ListSigningKeysRequest())
    forged, _ = mint_service_token(
        "operator", key_id=listed.keys[0].key_id, private_key=Ed25519PrivateKey.generate()
    )
    error = await refusal(connect(forged), "x")
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize(("name", "secret"), [("catalog", "a guess"), ("nobody", "a guess")])
async def test_wrong_secret_and_unknown_service_look_alike(
    stranger: Client, name: str, secret: str
) -> None:
    request = authentication_pb2.IssueServiceTokenRequest(name=name, secret=secret)
    with pytest.raises(Unauthenticated, match="no service of that name") as caught:
        await stranger.tokens.IssueServiceToken(request)
    assert caught.value.reason is Reason.CREDENTIAL_INVALID
    assert caught.value.metadata == {}


async def test_name_and_secret_are_required(stranger: Client) -> None:
    with pytest.raises(InvalidFields) as caught:
        await stranger.tokens.IssueServiceToken(authentication_pb2.IssueServiceTokenRequest())
    assert caught.value.metadata == {"fields": "name,secret"}


async def test_signing_keys_are_public_halves_with_an_end(stranger: Client) -> None:
    await service_token(stranger, next(iter(SECRETS)))
    listed = await stranger.tokens.ListSigningKeys(authentication_pb2.ListSigningKeysRequest())
    assert listed.next_page_token == ""
    assert {len(key.public_key) for key in listed.keys} == {32}
    ends = [key.expire_time.ToDatetime(UTC) for key in listed.keys]
    assert max(ends) > datetime.now(UTC) + timedelta(days=1)


async def test_paging_of_signing_keys_is_checked(stranger: Client) -> None:
    with pytest.raises(InvalidFields) as caught:
        await stranger.tokens.ListSigningKeys(
            authentication_pb2.ListSigningKeysRequest(page_size=-1)
        )
    assert caught.value.metadata == {"fields": "page_size"}
    with pytest.raises(InvalidArgument) as refused:
        await stranger.tokens.ListSigningKeys(
            authentication_pb2.ListSigningKeysRequest(page_token="nonsense")
        )
    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_operator_rotates_the_signing_key_and_tokens_stay_good(
    operator: Client, stranger: Client
) -> None:
    before = await service_token(stranger, "catalog")
    key = await operator.tokens.RotateSigningKey(authentication_pb2.RotateSigningKeyRequest())
    after = await service_token(stranger, "catalog")
    assert jwt.get_unverified_header(after)["kid"] == key.key_id
    verifier = ServiceTokenVerifier(RemoteVerificationKeys(stranger.tokens))
    for token in (before, after):
        assert await verifier.verify(token) == "catalog"
    await operator.tokens.RotateSigningKey(authentication_pb2.RotateSigningKeyRequest())


async def test_only_the_operator_rotates_the_signing_key(service: Client) -> None:
    with pytest.raises(PermissionDenied) as caught:
        await service.tokens.RotateSigningKey(authentication_pb2.RotateSigningKeyRequest())
    assert caught.value.reason is Reason.SERVICE_ONLY
