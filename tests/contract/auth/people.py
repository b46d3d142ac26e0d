"""People who log in, from where they say."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from picstore.auth.v1 import invitation_pb2, role_pb2, session_pb2, team_pb2, user_pb2
from tests.contract.auth.calls import create_user
from tests.contract.auth.clients import Client, Team

PASSWORD = "correct horse battery"
HOME, ELSEWHERE = "198.51.100.1", "203.0.113.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user with a password."""

    team: str
    """Short name."""
    user_id: str
    email: str


def coming_from(address: str) -> list[tuple[str, str]]:
    """Return the metadata by which the gateway says where a call comes from."""
    return [("x-forwarded-for", address), ("x-forwarded-user-agent", "Mozilla/5.0")]


async def invite(admin: Client, user_id: str) -> str:
    """Return the token of an invitation."""
    request = invitation_pb2.CreateInvitationRequest(user_id=user_id)
    return (await admin.invitations.CreateInvitation(request)).token


async def accept(
    client: Client, token: str, password: str = PASSWORD, *, address: str = HOME
) -> user_pb2.User:
    """Set a password by an invitation."""
    request = invitation_pb2.AcceptInvitationRequest(token=token, password=password)
    return await client.invitations.AcceptInvitation(request, metadata=coming_from(address))


async def new_person(
    team: Team, stranger: Client, *, role: str | None = None, email: str | None = None
) -> Person:
    """Add a user of the team who has set a password."""
    admin = team["admin"]
    role_ids = []
    if role is not None:
        listed = await admin.roles.ListRoles(role_pb2.ListRolesRequest())
        role_ids = [found.id for found in listed.roles if found.short_name == role]
    user = await create_user(admin, email or f"{uuid.uuid4().hex}@example.org", role_ids=role_ids)
    await accept(stranger, await invite(admin, user.id))
    found = await admin.teams.GetTeam(team_pb2.GetTeamRequest(team_id=team.id))
    return Person(team=found.short_name, user_id=user.id, email=user.email)


async def log_in(
    client: Client,
    person: Person,
    password: str = PASSWORD,
    *,
    team: str | None = None,
    address: str = HOME,
) -> session_pb2.LoginResponse:
    """Begin a session."""
    request = session_pb2.LoginRequest(
        team=person.team if team is None else team, email=person.email, password=password
    )
    return await client.sessions.Login(request, metadata=coming_from(address))
