"""What auth serves."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from picstore.auth.v1 import (
    api_key_pb2,
    audit_pb2,
    authentication_pb2,
    bootstrap_pb2,
    invitation_pb2,
    role_pb2,
    session_pb2,
    team_pb2,
    user_pb2,
)
from picstore.catalog.v1 import bootstrap_pb2 as catalog_bootstrap_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_READ
from picstore_kit.errors import Code
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.row import AUTH, CATALOG, row
from tests.e2e.matrix.world import (
    Team,
    World,
    unique,
)

# ---- who calls


@row(f"{AUTH}AuthenticationService.Authenticate")
async def _authenticate(world: World, team: Team) -> Message:
    return authentication_pb2.AuthenticateRequest(credential=team.credential)


@row(f"{AUTH}AuthenticationService.GetPrincipal")
async def _get_principal(world: World, team: Team) -> Message:
    return authentication_pb2.GetPrincipalRequest()


@row(f"{AUTH}TokenService.IssueServiceToken", ends=(Code.UNAUTHENTICATED,))
async def _issue_service_token(world: World, team: Team) -> Message:
    return authentication_pb2.IssueServiceTokenRequest(name="converter", secret="wrong")


@row(f"{AUTH}TokenService.ListSigningKeys")
async def _list_signing_keys(world: World, team: Team) -> Message:
    return authentication_pb2.ListSigningKeysRequest()


@row(f"{AUTH}TokenService.RotateSigningKey")
async def _rotate_signing_key(world: World, team: Team) -> Message:
    return authentication_pb2.RotateSigningKeyRequest()


# ---- teams


@row(f"{AUTH}TeamService.CreateTeam")
async def _create_team(world: World, team: Team) -> Message:
    return team_pb2.CreateTeamRequest(team=team_pb2.Team(short_name=unique("team")))


@row(f"{AUTH}TeamService.GetTeam", Bound.TEAM)
async def _get_team(world: World, team: Team) -> Message:
    return team_pb2.GetTeamRequest(team_id=team.team_id)


@row(f"{AUTH}TeamService.ListTeams")
async def _list_teams(world: World, team: Team) -> Message:
    return team_pb2.ListTeamsRequest()


@row(f"{AUTH}TeamService.UpdateTeam", Bound.TEAM)
async def _update_team(world: World, team: Team) -> Message:
    return team_pb2.UpdateTeamRequest(
        team=team_pb2.Team(id=team.team_id, short_name="x", display_name=unique("name"))
    )


async def _another_team(world: World) -> str:
    created = await world.operator.CreateTeam(
        team_pb2.CreateTeamRequest(team=team_pb2.Team(short_name=unique("team")))
    )
    return str(created.id)


@row(f"{AUTH}TeamService.DisableTeam")
async def _disable_team(world: World, team: Team) -> Message:
    return team_pb2.DisableTeamRequest(team_id=await _another_team(world))


@row(f"{AUTH}TeamService.EnableTeam")
async def _enable_team(world: World, team: Team) -> Message:
    return team_pb2.EnableTeamRequest(team_id=await _another_team(world))


# ---- users


def _new_user() -> user_pb2.User:
    return user_pb2.User(email=f"{unique('user')}@example.org")


async def _user(team: Team) -> str:
    created = await team.admin.CreateUser(user_pb2.CreateUserRequest(user=_new_user()))
    return str(created.id)


@row(f"{AUTH}UserService.CreateUser")
async def _create_user(world: World, team: Team) -> Message:
    return user_pb2.CreateUserRequest(user=_new_user())


@row(f"{AUTH}UserService.GetUser", Bound.TEAM)
async def _get_user(world: World, team: Team) -> Message:
    return user_pb2.GetUserRequest(user_id=team.user_id)


@row(f"{AUTH}UserService.ListUsers")
async def _list_users(world: World, team: Team) -> Message:
    return user_pb2.ListUsersRequest(page_size=1)


@row(f"{AUTH}UserService.UpdateUser", Bound.TEAM)
async def _update_user(world: World, team: Team) -> Message:
    return user_pb2.UpdateUserRequest(
        user=user_pb2.User(id=await _user(team), email="x@example.org", display_name="Bo"),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{AUTH}UserService.DeleteUser", Bound.TEAM)
async def _delete_user(world: World, team: Team) -> Message:
    return user_pb2.DeleteUserRequest(user_id=await _user(team))


# ---- roles


def _new_role() -> role_pb2.Role:
    return role_pb2.Role(
        short_name=unique("role"),
        grants=[authentication_pb2.Grant(permission=PERMISSION_IMAGE_READ)],
    )


async def _role(team: Team) -> str:
    created = await team.admin.CreateRole(role_pb2.CreateRoleRequest(role=_new_role()))
    return str(created.id)


@row(f"{AUTH}RoleService.CreateRole")
async def _create_role(world: World, team: Team) -> Message:
    # Without grants: nobody may give what they do not hold, which is not what the matrix is about.
    return role_pb2.CreateRoleRequest(role=role_pb2.Role(short_name=unique("role")))


@row(f"{AUTH}RoleService.GetRole", Bound.TEAM)
async def _get_role(world: World, team: Team) -> Message:
    return role_pb2.GetRoleRequest(role_id=await _role(team))


@row(f"{AUTH}RoleService.ListRoles")
async def _list_roles(world: World, team: Team) -> Message:
    return role_pb2.ListRolesRequest(page_size=1)


@row(f"{AUTH}RoleService.UpdateRole", Bound.TEAM)
async def _update_role(world: World, team: Team) -> Message:
    return role_pb2.UpdateRoleRequest(
        role=role_pb2.Role(id=await _role(team), short_name="x", display_name="Lookers"),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{AUTH}RoleService.DeleteRole", Bound.TEAM)
async def _delete_role(world: World, team: Team) -> Message:
    return role_pb2.DeleteRoleRequest(role_id=await _role(team))


# ---- API keys


async def _key(team: Team) -> str:
    created = await team.admin.CreateApiKey(
        api_key_pb2.CreateApiKeyRequest(
            api_key=api_key_pb2.ApiKey(user_id=team.user_id, inherit=True)
        )
    )
    return str(created.api_key.id)


@row(f"{AUTH}ApiKeyService.CreateApiKey", refers=True)
async def _create_api_key(world: World, team: Team) -> Message:
    user_id = await _user(team)  # who holds nothing, so that nothing is given away
    return api_key_pb2.CreateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(user_id=user_id, inherit=True)
    )


@row(f"{AUTH}ApiKeyService.GetApiKey", Bound.TEAM)
async def _get_api_key(world: World, team: Team) -> Message:
    return api_key_pb2.GetApiKeyRequest(api_key_id=await _key(team))


@row(f"{AUTH}ApiKeyService.ListApiKeys")
async def _list_api_keys(world: World, team: Team) -> Message:
    return api_key_pb2.ListApiKeysRequest(page_size=1)


@row(f"{AUTH}ApiKeyService.UpdateApiKey", Bound.TEAM)
async def _update_api_key(world: World, team: Team) -> Message:
    return api_key_pb2.UpdateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(
            id=await _key(team), user_id=team.user_id, display_name="Renamed"
        ),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{AUTH}ApiKeyService.RotateApiKey", Bound.TEAM)
async def _rotate_api_key(world: World, team: Team) -> Message:
    return api_key_pb2.RotateApiKeyRequest(
        api_key_id=await _key(team), overlap=Duration(seconds=60)
    )


@row(f"{AUTH}ApiKeyService.RevokeApiKey", Bound.TEAM)
async def _revoke_api_key(world: World, team: Team) -> Message:
    return api_key_pb2.RevokeApiKeyRequest(api_key_id=await _key(team))


# ---- sessions and invitations


@row(f"{AUTH}SessionService.Login", ends=(Code.UNAUTHENTICATED,))
async def _login(world: World, team: Team) -> Message:
    return session_pb2.LoginRequest(email=f"{unique('nobody')}@example.org", password="x" * 12)


@row(f"{AUTH}SessionService.Logout", ends=(Code.FAILED_PRECONDITION,))
async def _logout(world: World, team: Team) -> Message:
    return session_pb2.LogoutRequest()  # everybody here calls with a key


@row(f"{AUTH}SessionService.ListSessions")
async def _list_sessions(world: World, team: Team) -> Message:
    return session_pb2.ListSessionsRequest()


async def _session(team: Team) -> str:
    """Log the administrator in, by way of an invitation, and return the session."""
    invited = await team.admin.CreateInvitation(
        invitation_pb2.CreateInvitationRequest(user_id=team.user_id)
    )
    password = unique("password")
    user = await team.admin.AcceptInvitation(
        invitation_pb2.AcceptInvitationRequest(token=invited.token, password=password)
    )
    own = await team.admin.GetTeam(team_pb2.GetTeamRequest(team_id=team.team_id))
    answer = await team.admin.Login(
        session_pb2.LoginRequest(team=own.short_name, email=user.email, password=password)
    )
    return str(answer.session.id)


@row(f"{AUTH}SessionService.RevokeSession", Bound.USER)
async def _revoke_session(world: World, team: Team) -> Message:
    return session_pb2.RevokeSessionRequest(session_id=await _session(team))


@row(f"{AUTH}SessionService.ListUserSessions", Bound.TEAM)
async def _list_user_sessions(world: World, team: Team) -> Message:
    return session_pb2.ListUserSessionsRequest(user_id=team.user_id)


@row(f"{AUTH}SessionService.RevokeUserSessions", Bound.TEAM)
async def _revoke_user_sessions(world: World, team: Team) -> Message:
    return session_pb2.RevokeUserSessionsRequest(user_id=await _user(team))


@row(f"{AUTH}SessionService.ChangePassword", ends=(Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED))
async def _change_password(world: World, team: Team) -> Message:
    return session_pb2.ChangePasswordRequest(
        current_password="not the password", new_password="another password"
    )


@row(f"{AUTH}InvitationService.CreateInvitation", Bound.TEAM)
async def _create_invitation(world: World, team: Team) -> Message:
    return invitation_pb2.CreateInvitationRequest(user_id=await _user(team))


@row(f"{AUTH}InvitationService.ListInvitations")
async def _list_invitations(world: World, team: Team) -> Message:
    return invitation_pb2.ListInvitationsRequest(page_size=1)


@row(f"{AUTH}InvitationService.RevokeInvitation", Bound.TEAM)
async def _revoke_invitation(world: World, team: Team) -> Message:
    invited = await team.admin.CreateInvitation(
        invitation_pb2.CreateInvitationRequest(user_id=await _user(team))
    )
    return invitation_pb2.RevokeInvitationRequest(invitation_id=invited.invitation.id)


@row(f"{AUTH}InvitationService.AcceptInvitation")
async def _accept_invitation(world: World, team: Team) -> Message:
    invited = await team.admin.CreateInvitation(
        invitation_pb2.CreateInvitationRequest(user_id=await _user(team))
    )
    return invitation_pb2.AcceptInvitationRequest(token=invited.token, password=unique("password"))


# ---- the audit log, bootstrap


@row(f"{AUTH}AuditService.ListAuditEvents")
async def _list_audit_events(world: World, team: Team) -> Message:
    return audit_pb2.ListAuditEventsRequest(page_size=1)


@row(f"{AUTH}AuditService.RecordAuditEvents", ends=(Code.INVALID_ARGUMENT,))
async def _record_audit_events(world: World, team: Team) -> Message:
    return audit_pb2.RecordAuditEventsRequest(audit_events=[audit_pb2.AuditEvent(id="x")])


@row(f"{AUTH}BootstrapService.ApplyBootstrap")
async def _apply_auth_bootstrap(world: World, team: Team) -> Message:
    return bootstrap_pb2.ApplyBootstrapRequest(
        team=bootstrap_pb2.BootstrapTeam(short_name=unique("team")), dry_run=True
    )


@row(f"{CATALOG}BootstrapService.ApplyBootstrap")
async def _apply_catalog_bootstrap(world: World, team: Team) -> Message:
    return catalog_bootstrap_pb2.ApplyBootstrapRequest(team_id=team.team_id, dry_run=True)
