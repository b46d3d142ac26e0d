"""InvitationService: one-time links."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from picstore.auth.v1 import invitation_pb2, role_pb2, session_pb2, user_pb2
from picstore_kit.credentials import new_invitation_token, parse_invitation_token
from picstore_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidField,
    InvalidFields,
    NotFound,
    PermissionDenied,
    PicstoreError,
    Reason,
)
from picstore_kit.ids import InvitationId, new_id
from tests.contract.auth.calls import create_user, refusal, update_user
from tests.contract.auth.clients import ADMIN_AND_WRITER, Client, Connect, Team, found_team
from tests.contract.auth.people import PASSWORD, accept, invite, log_in, new_person

Invitation = invitation_pb2.Invitation


@pytest.fixture
async def user(admin: Client) -> user_pb2.User:
    """Somebody without a password."""
    return await create_user(admin, f"{uuid.uuid4().hex}@example.org")


async def create(
    client: Client, user_id: str, **fields: object
) -> invitation_pb2.CreateInvitationResponse:
    request = invitation_pb2.CreateInvitationRequest(
        user_id=user_id,
        **fields,  # type: ignore[arg-type]  # any of its fields
    )
    return await client.invitations.CreateInvitation(request)


async def states(client: Client, user_id: str = "") -> list[Invitation.State.ValueType]:
    request = invitation_pb2.ListInvitationsRequest(user_id=user_id)
    return [one.state for one in (await client.invitations.ListInvitations(request)).invitations]


async def refused(client: Client, token: str) -> None:
    error = await refusal(accept(client, token))
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.INVITATION_INVALID
    assert error.metadata == {}


async def test_token_is_shown_once_and_in_the_fragment_of_the_path(
    admin: Client, user: user_pb2.User
) -> None:
    made = await create(admin, user.id)
    assert parse_invitation_token(made.token).invitation_id == made.invitation.id
    assert made.path == f"/invitation#{made.token}"
    lifetime = made.invitation.expire_time.ToDatetime() - made.invitation.create_time.ToDatetime()
    assert lifetime == timedelta(days=7)
    assert made.invitation.state == Invitation.STATE_OPEN


async def test_repeated_request_returns_the_invitation_without_its_token(
    admin: Client, user: user_pb2.User
) -> None:
    request_id = str(uuid.uuid4())
    first = await create(admin, user.id, request_id=request_id)
    again = await create(admin, user.id, request_id=request_id)
    assert again.invitation == first.invitation
    assert (again.token, again.path) == ("", "")
    other = create(admin, user.id, request_id=request_id, lifetime=Duration(seconds=60))
    error = await refusal(other)
    assert isinstance(error, AlreadyExists)
    assert error.reason is Reason.REQUEST_ID_REUSED


async def test_accepted_invitation_sets_the_password(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    accepted = await accept(stranger, await invite(admin, user.id))
    assert (accepted.id, accepted.has_password) == (user.id, True)
    assert await states(admin, user.id) == [Invitation.STATE_ACCEPTED]


async def test_of_many_who_accept_at_once_one_succeeds(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    token = await invite(admin, user.id)
    answers = await asyncio.gather(
        *(accept(stranger, token, f"password number {number}") for number in range(20)),
        return_exceptions=True,
    )
    failures = [answer for answer in answers if isinstance(answer, PicstoreError)]
    assert len(failures) == 19
    assert {failure.reason for failure in failures} == {Reason.INVITATION_INVALID}


async def test_used_unknown_and_mistyped_tokens_look_alike(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    used = await invite(admin, user.id)
    await accept(stranger, used)
    of_another_secret = new_invitation_token(parse_invitation_token(used).invitation_id).text
    unknown = new_invitation_token(new_id(InvitationId)).text
    for token in (used, of_another_secret, unknown, used[:-1], "nonsense"):
        await refused(stranger, token)


async def test_later_invitation_withdraws_the_earlier(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    earlier, later = [await invite(admin, user.id) for _ in range(2)]
    assert await states(admin, user.id) == [Invitation.STATE_OPEN, Invitation.STATE_REVOKED]
    await refused(stranger, earlier)
    await accept(stranger, later)


async def test_withdrawn_invitation_is_refused(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    made = await create(admin, user.id)
    request = invitation_pb2.RevokeInvitationRequest(invitation_id=made.invitation.id)
    for _ in range(2):
        revoked = await admin.invitations.RevokeInvitation(request)
        assert revoked.state == Invitation.STATE_REVOKED
    await refused(stranger, made.token)


async def test_weak_password_leaves_the_link_good(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    token = await invite(admin, user.id)
    for password in ("short", user.email):
        error = await refusal(accept(stranger, token, password))
        assert isinstance(error, InvalidField)
        assert error.metadata == {"fields": "password"}
    await accept(stranger, token)


async def test_accepting_ends_the_sessions_of_the_user(
    team: Team, stranger: Client, admin: Client, connect: Connect
) -> None:
    person = await new_person(team, stranger)
    client = connect((await log_in(stranger, person)).credential)
    await accept(stranger, await invite(admin, person.user_id), "forgot the other one")
    error = await refusal(client.sessions.ListSessions(session_pb2.ListSessionsRequest()))
    assert error.reason is Reason.CREDENTIAL_REVOKED
    assert (await refusal(log_in(stranger, person, PASSWORD))).reason is Reason.LOGIN_FAILED
    await log_in(stranger, person, "forgot the other one")


async def test_invitation_of_a_disabled_user_is_refused(
    admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    token = await invite(admin, user.id)
    await update_user(admin, user_pb2.User(id=user.id, disabled=True), "disabled")
    await refused(stranger, token)


async def test_nobody_invites_a_user_who_may_do_more(team: Team, stranger: Client) -> None:
    administrator = await new_person(team, stranger, role="admin")
    error = await refusal(create(team["writer"], administrator.user_id))
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:admin"


async def test_link_ends_when_the_user_may_do_more_than_its_inviter(
    team: Team, admin: Client, stranger: Client, user: user_pb2.User
) -> None:
    kept_by_the_inviter = await invite(team["writer"], user.id)
    roles = (await admin.roles.ListRoles(role_pb2.ListRolesRequest())).roles
    promoted = [role.id for role in roles if role.short_name == "admin"]
    await update_user(admin, user_pb2.User(id=user.id, role_ids=promoted), "role_ids")
    await refused(stranger, kept_by_the_inviter)


async def test_link_ends_with_its_inviter(
    team: Team, admin: Client, stranger: Client, connect: Connect, user: user_pb2.User
) -> None:
    inviter = await new_person(team, stranger, role="admin")
    token = await invite(connect((await log_in(stranger, inviter)).credential), user.id)
    await update_user(admin, user_pb2.User(id=inviter.user_id, disabled=True), "disabled")
    await refused(stranger, token)


@pytest.mark.parametrize("seconds", [0, 59, -1, 30 * 86_400 + 1, 315_576_000_001])
async def test_lifetimes_are_limited(admin: Client, user: user_pb2.User, seconds: int) -> None:
    error = await refusal(create(admin, user.id, lifetime=Duration(seconds=seconds)))
    assert isinstance(error, InvalidField)
    assert error.metadata == {"fields": "lifetime"}


async def test_every_wrong_field_is_named(admin: Client) -> None:
    error = await refusal(create(admin, "nonsense", lifetime=Duration(seconds=1)))
    assert isinstance(error, InvalidFields)
    assert error.metadata == {"fields": "user_id,lifetime"}


async def test_invitations_of_another_team_are_not_found(
    admin: Client, user: user_pb2.User, operator: Client, connect: Connect
) -> None:
    made = await create(admin, user.id)
    other = (await found_team(operator, connect, ADMIN_AND_WRITER))["admin"]
    assert isinstance(await refusal(create(other, user.id)), NotFound)
    revoke = invitation_pb2.RevokeInvitationRequest(invitation_id=made.invitation.id)
    assert isinstance(await refusal(other.invitations.RevokeInvitation(revoke)), NotFound)
    assert isinstance(await refusal(states(other, user.id)), NotFound)  # type: ignore[arg-type]
    assert await states(other) == []


async def test_invitations_need_permissions(
    team: Team, stranger: Client, connect: Connect, user: user_pb2.User
) -> None:
    nobody = connect((await log_in(stranger, await new_person(team, stranger))).credential)
    error = await refusal(create(nobody, user.id))
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:write"
    request = invitation_pb2.ListInvitationsRequest()
    error = await refusal(nobody.invitations.ListInvitations(request))
    assert isinstance(error, PermissionDenied)
    assert error.metadata["permission"] == "team:read"
