"""SessionService: logging in and out, and what ends a session."""

from __future__ import annotations

import pytest

from picstore.auth.v1 import api_key_pb2, authentication_pb2, session_pb2, user_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_TEAM_ADMIN
from picstore_kit.credentials import parse_credential
from picstore_kit.errors import (
    FailedPrecondition,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    Reason,
    Unauthenticated,
)
from picstore_kit.ids import SessionId, new_id
from picstore_kit.rpc.authenticator import RemoteAuthenticator
from tests.contract.auth.calls import refusal, update_user
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team
from tests.contract.auth.people import HOME, PASSWORD, Person, log_in, new_person

PRINCIPAL = authentication_pb2.GetPrincipalRequest()
ANOTHER_PASSWORD = "staple battery horse"


@pytest.fixture
async def ann(team: Team, stranger: Client) -> Person:
    """Somebody who may administer the team."""
    return await new_person(team, stranger, role="admin")


async def sessions_of(client: Client) -> list[session_pb2.Session]:
    return list((await client.sessions.ListSessions(session_pb2.ListSessionsRequest())).sessions)


async def refused(client: Client) -> Reason:
    error = await refusal(client.authentication.GetPrincipal(PRINCIPAL))
    assert isinstance(error, Unauthenticated)
    return error.reason


async def test_session_has_all_grants_of_its_user(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    begun = await log_in(stranger, ann)
    principal = await connect(begun.credential).authentication.GetPrincipal(PRINCIPAL)
    assert (principal.user_id, principal.session_id) == (ann.user_id, begun.session.id)
    assert principal.key_id == ""
    assert [grant.permission for grant in principal.grants] == [PERMISSION_TEAM_ADMIN]
    assert principal.expire_time.ToSeconds() > begun.session.create_time.ToSeconds()


async def test_session_says_where_it_began(ann: Person, stranger: Client, connect: Connect) -> None:
    begun = await log_in(stranger, ann)
    assert begun.session.id.startswith("ses_")
    assert begun.session.current
    assert (begun.session.client_address, begun.session.user_agent) == (HOME, "Mozilla/5.0")
    assert parse_credential(begun.credential).text.startswith("pss_")
    assert await sessions_of(connect(begun.credential)) == [begun.session]


async def test_login_shows_on_the_user(ann: Person, stranger: Client, admin: Client) -> None:
    begun = await log_in(stranger, ann)
    user = await admin.users.GetUser(user_pb2.GetUserRequest(user_id=ann.user_id))
    assert user.has_password
    assert user.last_login_time == begun.session.create_time


async def test_team_may_be_left_out_where_one_user_has_address_and_password(
    ann: Person, stranger: Client
) -> None:
    assert (await log_in(stranger, ann, team="")).session.user_id == ann.user_id


async def test_team_must_be_named_by_who_has_the_password_in_several(
    ann: Person, stranger: Client, operator: Client, connect: Connect
) -> None:
    other_team = await found_team(operator, connect, ADMIN_AND_WRITER)
    twin = await new_person(other_team, stranger, email=ann.email)
    error = await refusal(log_in(stranger, ann, team=""))
    assert isinstance(error, InvalidField)
    assert error.metadata == {"fields": "team"}
    assert (await log_in(stranger, twin)).session.user_id == twin.user_id


@pytest.mark.parametrize("wrong", ["password", "email", "team", "no password"])
async def test_whatever_is_wrong_the_answer_is_the_same(
    ann: Person, stranger: Client, admin: Client, wrong: str
) -> None:
    match wrong:
        case "password":
            login = log_in(stranger, ann, ANOTHER_PASSWORD)
        case "email":
            nobody = Person(team=ann.team, user_id="", email="nobody@example.org")
            login = log_in(stranger, nobody)
        case "team":
            login = log_in(stranger, ann, team="another")
        case _:
            login = log_in(stranger, Person(team=ann.team, user_id="", email="writer@example.org"))
    error = await refusal(login)
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.LOGIN_FAILED
    assert error.metadata == {}
    assert error.message == ("team, e-mail address or password is wrong, or the user cannot log in")


async def test_every_wrong_field_of_a_login_is_named(stranger: Client) -> None:
    request = session_pb2.LoginRequest(team="Not A Name", email="nonsense", password="x" * 300)
    error = await refusal(stranger.sessions.Login(request))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "team,email,password"}


async def test_disabled_user_cannot_log_in_and_is_out_at_once(
    ann: Person, stranger: Client, admin: Client, connect: Connect
) -> None:
    client = connect((await log_in(stranger, ann)).credential)
    await client.authentication.GetPrincipal(PRINCIPAL)
    await update_user(admin, user_pb2.User(id=ann.user_id, disabled=True), "disabled")
    assert await refused(client) is Reason.CREDENTIAL_REVOKED
    assert (await refusal(log_in(stranger, ann))).reason is Reason.LOGIN_FAILED


async def test_logout_ends_this_session_and_no_other(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    one, other = [connect((await log_in(stranger, ann)).credential) for _ in range(2)]
    await one.sessions.Logout(session_pb2.LogoutRequest())
    assert await refused(one) is Reason.CREDENTIAL_REVOKED
    assert len(await sessions_of(other)) == 1


async def test_api_key_cannot_log_out(admin: Client) -> None:
    error = await refusal(admin.sessions.Logout(session_pb2.LogoutRequest()))
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.STATE_WRONG


async def test_own_sessions_are_listed_newest_first_and_in_pages(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    begun = [await log_in(stranger, ann) for _ in range(3)]
    client = connect(begun[0].credential)
    first = await client.sessions.ListSessions(session_pb2.ListSessionsRequest(page_size=2))
    rest = await client.sessions.ListSessions(
        session_pb2.ListSessionsRequest(page_size=2, page_token=first.next_page_token)
    )
    listed = [*first.sessions, *rest.sessions]
    assert [session.id for session in listed] == [one.session.id for one in reversed(begun)]
    assert [session.current for session in listed] == [False, False, True]
    assert rest.next_page_token == ""


async def test_revoked_session_is_refused_at_once_and_stays_revoked(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    mine, lost = [await log_in(stranger, ann) for _ in range(2)]
    client = connect(mine.credential)
    request = session_pb2.RevokeSessionRequest(session_id=lost.session.id)
    for _ in range(2):
        await client.sessions.RevokeSession(request)
    assert await refused(connect(lost.credential)) is Reason.CREDENTIAL_REVOKED
    assert [session.id for session in await sessions_of(client)] == [mine.session.id]


async def test_session_of_somebody_else_is_not_found(
    ann: Person, team: Team, stranger: Client, connect: Connect
) -> None:
    bob = await new_person(team, stranger)
    session_id = (await log_in(stranger, bob)).session.id
    client = connect((await log_in(stranger, ann)).credential)
    for name in (session_id, new_id(SessionId)):
        request = session_pb2.RevokeSessionRequest(session_id=name)
        assert isinstance(await refusal(client.sessions.RevokeSession(request)), NotFound)


async def test_administrator_sees_and_ends_the_sessions_of_a_user(
    ann: Person, team: Team, stranger: Client, connect: Connect
) -> None:
    begun = [await log_in(stranger, ann) for _ in range(2)]
    request = session_pb2.ListUserSessionsRequest(user_id=ann.user_id)
    listed = await team["writer"].sessions.ListUserSessions(request)
    assert [session.id for session in listed.sessions] == [
        one.session.id for one in reversed(begun)
    ]
    revoke = session_pb2.RevokeUserSessionsRequest(user_id=ann.user_id)
    assert (await team["writer"].sessions.RevokeUserSessions(revoke)).revoked == 2
    assert (await team["writer"].sessions.RevokeUserSessions(revoke)).revoked == 0
    assert await refused(connect(begun[0].credential)) is Reason.CREDENTIAL_REVOKED


async def test_sessions_of_a_user_need_permissions(
    ann: Person, team: Team, stranger: Client, connect: Connect
) -> None:
    nobody = connect((await log_in(stranger, await new_person(team, stranger))).credential)
    listing = session_pb2.ListUserSessionsRequest(user_id=ann.user_id)
    error = await refusal(nobody.sessions.ListUserSessions(listing))
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:read"
    ending = session_pb2.RevokeUserSessionsRequest(user_id=ann.user_id)
    error = await refusal(nobody.sessions.RevokeUserSessions(ending))
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:write"


async def test_sessions_of_another_teams_user_are_not_found(
    ann: Person, operator: Client, connect: Connect
) -> None:
    other = (await found_team(operator, connect, ADMIN_AND_WRITER))["admin"]
    listing = session_pb2.ListUserSessionsRequest(user_id=ann.user_id)
    assert isinstance(await refusal(other.sessions.ListUserSessions(listing)), NotFound)
    ending = session_pb2.RevokeUserSessionsRequest(user_id=ann.user_id)
    assert isinstance(await refusal(other.sessions.RevokeUserSessions(ending)), NotFound)


async def test_changed_password_ends_the_other_sessions(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    mine, other = [connect((await log_in(stranger, ann)).credential) for _ in range(2)]
    await mine.sessions.ChangePassword(
        session_pb2.ChangePasswordRequest(current_password=PASSWORD, new_password=ANOTHER_PASSWORD)
    )
    await mine.authentication.GetPrincipal(PRINCIPAL)
    assert await refused(other) is Reason.CREDENTIAL_REVOKED
    assert (await refusal(log_in(stranger, ann))).reason is Reason.LOGIN_FAILED
    await log_in(stranger, ann, ANOTHER_PASSWORD)


async def test_password_is_not_changed_without_the_current_one(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    mine, other = [connect((await log_in(stranger, ann)).credential) for _ in range(2)]
    request = session_pb2.ChangePasswordRequest(
        current_password="a guess", new_password=ANOTHER_PASSWORD
    )
    error = await refusal(mine.sessions.ChangePassword(request))
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.LOGIN_FAILED
    await other.authentication.GetPrincipal(PRINCIPAL)


@pytest.mark.parametrize("new_password", ["too short", "x" * 257, "a" * 12, "the address"])
async def test_weak_passwords_are_refused(
    ann: Person, stranger: Client, connect: Connect, new_password: str
) -> None:
    client = connect((await log_in(stranger, ann)).credential)
    request = session_pb2.ChangePasswordRequest(
        current_password=PASSWORD,
        new_password=ann.email.upper() if new_password == "the address" else new_password,
    )
    error = await refusal(client.sessions.ChangePassword(request))
    assert isinstance(error, InvalidField)
    assert error.metadata == {"fields": "new_password"}


async def test_password_typed_in_another_form_of_unicode_is_the_same(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    client = connect((await log_in(stranger, ann)).credential)
    composed, decomposed = (
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "cafe\N{COMBINING ACUTE ACCENT}",
    )
    await client.sessions.ChangePassword(
        session_pb2.ChangePasswordRequest(
            current_password=PASSWORD, new_password=f"{composed} at midnight"
        )
    )
    await log_in(stranger, ann, f"{decomposed} at midnight")


async def test_cache_of_another_service_forgets_a_session_by_its_id(
    ann: Person, stranger: Client, service: Client, connect: Connect
) -> None:
    begun = await log_in(stranger, ann)
    authenticator = RemoteAuthenticator(service.authentication)
    principal = await authenticator.authenticate(begun.credential)
    assert principal.session_id == begun.session.id
    await connect(begun.credential).sessions.Logout(session_pb2.LogoutRequest())
    await authenticator.authenticate(begun.credential)  # remembered, until the event is here
    authenticator.forget(begun.session.id)
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.authenticate(begun.credential)
    assert caught.value.reason is Reason.CREDENTIAL_REVOKED


async def test_session_administers_as_a_key_does(
    ann: Person, stranger: Client, connect: Connect
) -> None:
    client = connect((await log_in(stranger, ann)).credential)
    key = api_key_pb2.ApiKey(user_id=ann.user_id, inherit=True)
    made = await client.keys.CreateApiKey(api_key_pb2.CreateApiKeyRequest(api_key=key))
    await connect(made.credential).authentication.GetPrincipal(PRINCIPAL)
