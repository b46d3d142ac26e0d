"""What the service writes into its log holds nothing that somebody could call with."""

from __future__ import annotations

import logging

import pytest
from structlog.testing import capture_logs

from picstore.auth.v1 import api_key_pb2, authentication_pb2, session_pb2
from picstore_kit.credentials import new_api_key, new_invitation_token
from picstore_kit.ids import InvitationId, KeyId, new_id
from tests.contract.auth.calls import create_key, create_user, refusal
from tests.contract.auth.clients import SECRETS, Client, Connect, Team, service_token
from tests.contract.auth.people import PASSWORD, Person, accept, invite, log_in, new_person

NEW_PASSWORD, WRONG_PASSWORD = "staple battery horse", "a wrong guess at it"


async def test_no_secret_is_logged_even_before_the_log_hides_what_it_knows(
    team: Team,
    admin: Client,
    stranger: Client,
    service: Client,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = [PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, *SECRETS.values()]
    with capture_logs() as logs, caplog.at_level(logging.DEBUG):
        user = await create_user(admin, "ann@logs.example")
        token = await invite(admin, user.id)
        bad_token = new_invitation_token(new_id(InvitationId)).text
        await refusal(accept(stranger, bad_token))
        await accept(stranger, token)
        ann = await new_person(team, stranger)
        await refusal(log_in(stranger, ann, WRONG_PASSWORD))
        await refusal(
            log_in(stranger, Person(team=ann.team, user_id="", email="b@example.org"), PASSWORD)
        )
        credential = (await log_in(stranger, ann)).credential
        client = connect(credential)
        await client.sessions.ChangePassword(
            session_pb2.ChangePasswordRequest(current_password=PASSWORD, new_password=NEW_PASSWORD)
        )
        await client.sessions.Logout(session_pb2.LogoutRequest())
        await refusal(client.sessions.Logout(session_pb2.LogoutRequest()))
        key = api_key_pb2.ApiKey(user_id=ann.user_id, inherit=True)
        made = (await create_key(admin, key)).credential
        bad_key = new_api_key(new_id(KeyId)).text
        for text in (made, bad_key):
            request = authentication_pb2.AuthenticateRequest(credential=text)
            answer = service.authentication.Authenticate(request)
            await (refusal(answer) if text == bad_key else answer)
        jwt = await service_token(stranger, "catalog")
    written = repr(logs) + caplog.text
    assert "rpc.served" in written
    secrets += [bad_token, token, credential, made, bad_key, jwt]
    # A part of a secret is none of anybody's business, either: behind the id it is all random.
    secrets += [text.rpartition("_")[2] for text in (bad_token, token, credential, made, bad_key)]
    assert [secret for secret in secrets if secret in written] == []
