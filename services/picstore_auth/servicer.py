"""auth.v1 over gRPC: message in, use-case, message out."""

from __future__ import annotations

from typing import Final

from picstore.auth.v1 import (
    authentication_pb2,
    authentication_pb2_grpc,
    bootstrap_pb2,
    bootstrap_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
)
from picstore_auth.document_mapping import document_from, outcome_message
from picstore_auth.mapping import (
    caller_from,
    identity_message,
    key_message,
    new_key_from,
    new_role_from,
    new_user_from,
    role_message,
    role_update_from,
    signing_key_message,
    team_message,
    timestamp_message,
    user_message,
    user_update_from,
)
from picstore_auth.model import Caller
from picstore_auth.usecases.authentication import Authentication
from picstore_auth.usecases.bootstrap import Bootstrap
from picstore_auth.usecases.keys import Keys
from picstore_auth.usecases.roles import Roles
from picstore_auth.usecases.signing import SigningKeys
from picstore_auth.usecases.teams import Teams
from picstore_auth.usecases.tokens import Tokens
from picstore_auth.usecases.users import Users
from picstore_kit.errors import PermissionDenied, Reason
from picstore_kit.ids import KeyId, RoleId, TeamId, UserId, parse_id
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context

OPERATOR: Final = "operator"
"""The service name of whoever runs the installation."""


class AuthenticationServicer(authentication_pb2_grpc.AuthenticationServiceServicer):
    """Serves `AuthenticationService`."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def Authenticate(
        self, request: authentication_pb2.AuthenticateRequest, context: Context
    ) -> authentication_pb2.Principal:
        """Say whose a credential is."""
        return identity_message(await self._authentication.authenticate(request.credential))

    async def GetPrincipal(
        self, request: authentication_pb2.GetPrincipalRequest, context: Context
    ) -> authentication_pb2.Principal:
        """Say whose the caller's credential is; a service that acts for nobody has no team."""
        key_id = require_principal().key_id
        if key_id is None:
            return authentication_pb2.Principal()
        return identity_message(await self._authentication.identify(key_id))


class TokenServicer(authentication_pb2_grpc.TokenServiceServicer):
    """Serves `TokenService`."""

    def __init__(self, tokens: Tokens, signing_keys: SigningKeys) -> None:
        self._tokens = tokens
        self._signing_keys = signing_keys

    async def IssueServiceToken(
        self, request: authentication_pb2.IssueServiceTokenRequest, context: Context
    ) -> authentication_pb2.ServiceToken:
        """Exchange a service's secret for a token."""
        issued = await self._tokens.issue_service_token(request.name, request.secret)
        return authentication_pb2.ServiceToken(
            token=issued.token, expire_time=timestamp_message(issued.expires_at)
        )

    async def ListSigningKeys(
        self, request: authentication_pb2.ListSigningKeysRequest, context: Context
    ) -> authentication_pb2.ListSigningKeysResponse:
        """List the public keys."""
        page = await self._signing_keys.list_signing_keys(
            page_size=request.page_size, page_token=request.page_token
        )
        return authentication_pb2.ListSigningKeysResponse(
            keys=[signing_key_message(key) for key in page.rows],
            next_page_token=page.next_page_token,
        )


class DirectoryServicer(directory_pb2_grpc.DirectoryServiceServicer):
    """Serves `DirectoryService`."""

    def __init__(self, teams: Teams, users: Users, roles: Roles, keys: Keys) -> None:
        self._teams = teams
        self._users = users
        self._roles = roles
        self._keys = keys

    async def GetTeam(
        self, request: directory_pb2.GetTeamRequest, context: Context
    ) -> directory_pb2.Team:
        """Return the caller's team."""
        team_id = parse_id(TeamId, request.team_id, field="team_id")
        return team_message(await self._teams.get_team(_caller(), team_id))

    async def CreateUser(
        self, request: directory_pb2.CreateUserRequest, context: Context
    ) -> directory_pb2.User:
        """Add a user."""
        new = new_user_from(request.user)
        return user_message(
            await self._users.create_user(_caller(), new, request_id=request.request_id)
        )

    async def GetUser(
        self, request: directory_pb2.GetUserRequest, context: Context
    ) -> directory_pb2.User:
        """Return a user."""
        user_id = parse_id(UserId, request.user_id, field="user_id")
        return user_message(await self._users.get_user(_caller(), user_id))

    async def ListUsers(
        self, request: directory_pb2.ListUsersRequest, context: Context
    ) -> directory_pb2.ListUsersResponse:
        """List users."""
        page = await self._users.list_users(
            _caller(), page_size=request.page_size, page_token=request.page_token
        )
        return directory_pb2.ListUsersResponse(
            users=[user_message(user) for user in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateUser(
        self, request: directory_pb2.UpdateUserRequest, context: Context
    ) -> directory_pb2.User:
        """Change a user."""
        update = user_update_from(request)
        return user_message(await self._users.update_user(_caller(), update))

    async def CreateRole(
        self, request: directory_pb2.CreateRoleRequest, context: Context
    ) -> directory_pb2.Role:
        """Add a role."""
        new = new_role_from(request.role)
        return role_message(
            await self._roles.create_role(_caller(), new, request_id=request.request_id)
        )

    async def GetRole(
        self, request: directory_pb2.GetRoleRequest, context: Context
    ) -> directory_pb2.Role:
        """Return a role."""
        role_id = parse_id(RoleId, request.role_id, field="role_id")
        return role_message(await self._roles.get_role(_caller(), role_id))

    async def ListRoles(
        self, request: directory_pb2.ListRolesRequest, context: Context
    ) -> directory_pb2.ListRolesResponse:
        """List roles."""
        page = await self._roles.list_roles(
            _caller(), page_size=request.page_size, page_token=request.page_token
        )
        return directory_pb2.ListRolesResponse(
            roles=[role_message(role) for role in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateRole(
        self, request: directory_pb2.UpdateRoleRequest, context: Context
    ) -> directory_pb2.Role:
        """Change a role."""
        update = role_update_from(request)
        return role_message(await self._roles.update_role(_caller(), update))

    async def CreateApiKey(
        self, request: directory_pb2.CreateApiKeyRequest, context: Context
    ) -> directory_pb2.CreateApiKeyResponse:
        """Make an API key."""
        made = await self._keys.create_key(_caller(), new_key_from(request.api_key))
        return directory_pb2.CreateApiKeyResponse(
            api_key=key_message(made.key), credential=made.credential
        )

    async def GetApiKey(
        self, request: directory_pb2.GetApiKeyRequest, context: Context
    ) -> directory_pb2.ApiKey:
        """Return what is known of an API key."""
        key_id = parse_id(KeyId, request.api_key_id, field="api_key_id")
        return key_message(await self._keys.get_key(_caller(), key_id))

    async def ListApiKeys(
        self, request: directory_pb2.ListApiKeysRequest, context: Context
    ) -> directory_pb2.ListApiKeysResponse:
        """List API keys."""
        user_id = parse_id(UserId, request.user_id, field="user_id") if request.user_id else None
        page = await self._keys.list_keys(
            _caller(),
            user_id=user_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return directory_pb2.ListApiKeysResponse(
            api_keys=[key_message(key) for key in page.rows],
            next_page_token=page.next_page_token,
        )

    async def RevokeApiKey(
        self, request: directory_pb2.RevokeApiKeyRequest, context: Context
    ) -> directory_pb2.ApiKey:
        """Revoke an API key."""
        key_id = parse_id(KeyId, request.api_key_id, field="api_key_id")
        return key_message(await self._keys.revoke_key(_caller(), key_id))


class BootstrapServicer(bootstrap_pb2_grpc.BootstrapServiceServicer):
    """Serves auth's `BootstrapService`, to the operator only."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._bootstrap = bootstrap

    async def ApplyBootstrap(
        self, request: bootstrap_pb2.ApplyBootstrapRequest, context: Context
    ) -> bootstrap_pb2.ApplyBootstrapResponse:
        """Make a team agree with a document."""
        if require_principal().service != OPERATOR:
            raise PermissionDenied(
                Reason.SERVICE_ONLY,
                "this method is for the operator of the installation",
                metadata={"method": "picstore.auth.v1.BootstrapService/ApplyBootstrap"},
            )
        outcome = await self._bootstrap.apply_bootstrap(
            document_from(request), dry_run=request.dry_run
        )
        return outcome_message(outcome)


def _caller() -> Caller:
    return caller_from(require_principal())
