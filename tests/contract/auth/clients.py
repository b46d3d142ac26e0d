"""Clients of the service, one per credential, and teams made the way the operator makes them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import grpc
from google.protobuf.message import Message

from picstore.auth.v1 import (
    api_key_pb2_grpc,
    audit_pb2_grpc,
    authentication_pb2,
    authentication_pb2_grpc,
    bootstrap_pb2,
    bootstrap_pb2_grpc,
    invitation_pb2_grpc,
    role_pb2_grpc,
    session_pb2_grpc,
    team_pb2_grpc,
    user_pb2_grpc,
)
from picstore.options.v1 import permission_pb2
from picstore.options.v1.permission_pb2 import (
    PERMISSION_IMAGE_READ,
    PERMISSION_TEAM_ADMIN,
    PERMISSION_TEAM_READ,
    PERMISSION_TEAM_WRITE,
)
from picstore_auth.mapping.timestamp import timestamp_message
from picstore_kit.credentials import APIKey, new_api_key
from picstore_kit.ids import KeyId, new_id

SECRETS = {"operator": "the operator's secret", "catalog": "the catalog's secret"}

Permission: TypeAlias = permission_pb2.Permission.ValueType


ADMIN_AND_WRITER: Mapping[str, Sequence[Permission]] = {
    "admin": [PERMISSION_TEAM_ADMIN],
    "writer": [PERMISSION_TEAM_READ, PERMISSION_TEAM_WRITE, PERMISSION_IMAGE_READ],
}


class Client:
    """Stubs of everything that auth serves, with one credential."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.authentication = authentication_pb2_grpc.AuthenticationServiceStub(channel)
        self.tokens = authentication_pb2_grpc.TokenServiceStub(channel)
        self.teams = team_pb2_grpc.TeamServiceStub(channel)
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.roles = role_pb2_grpc.RoleServiceStub(channel)
        self.keys = api_key_pb2_grpc.ApiKeyServiceStub(channel)
        self.sessions = session_pb2_grpc.SessionServiceStub(channel)
        self.invitations = invitation_pb2_grpc.InvitationServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.bootstrap = bootstrap_pb2_grpc.BootstrapServiceStub(channel)

    def rpc(self, method: str) -> Callable[[Message], Awaitable[Message]]:
        """Return the method of that name, whichever service has it."""
        stubs = (self.teams, self.users, self.roles, self.keys)
        found = [getattr(stub, method) for stub in stubs if hasattr(stub, method)]
        call: Callable[[Message], Awaitable[Message]] = found[0]
        return call


Connect = Callable[[str | None], Client]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user with one role of the same name and one key that inherits."""

    client: Client
    api_key: APIKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team and its members by name."""

    id: str
    members: Mapping[str, Member]

    def __getitem__(self, name: str) -> Client:
        return self.members[name].client


async def service_token(client: Client, name: str) -> str:
    """Exchange a service's secret for a token."""
    request = authentication_pb2.IssueServiceTokenRequest(name=name, secret=SECRETS[name])
    return (await client.tokens.IssueServiceToken(request)).token


async def found_team(
    operator: Client,
    connect: Connect,
    members: Mapping[str, Sequence[Permission]],
    *,
    expire_time: datetime | None = None,
) -> Team:
    """Make a new team whose members hold the given permissions on the team."""
    api_keys = {name: new_api_key(new_id(KeyId)) for name in members}
    request = bootstrap_pb2.ApplyBootstrapRequest(
        team=bootstrap_pb2.BootstrapTeam(short_name=f"team-{uuid.uuid4().hex}"),
        roles=[
            bootstrap_pb2.BootstrapRole(
                short_name=name,
                grants=[bootstrap_pb2.BootstrapGrant(permission=held) for held in permissions],
            )
            for name, permissions in members.items()
        ],
        users=[
            bootstrap_pb2.BootstrapUser(email=f"{name}@example.org", roles=[name])
            for name in members
        ],
        api_keys=[
            bootstrap_pb2.BootstrapApiKey(
                credential=api_key.text,
                user=f"{name}@example.org",
                expire_time=timestamp_message(expire_time) if expire_time else None,
            )
            for name, api_key in api_keys.items()
        ],
    )
    response = await operator.bootstrap.ApplyBootstrap(request)
    return Team(
        id=response.team_id,
        members={
            name: Member(client=connect(api_key.text), api_key=api_key)
            for name, api_key in api_keys.items()
        },
    )
