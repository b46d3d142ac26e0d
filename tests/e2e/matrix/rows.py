"""One row for every RPC: a request that succeeds when the right caller sends it.

A row makes what its request needs anew each time, so that a call which deletes something can be
made more than once. An RPC without a row fails the test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

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
from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    image_pb2,
    ingest_pb2,
    project_pb2,
    reference_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.jobs.v1 import job_pb2
from picstore.options.v1.permission_pb2 import PERMISSION_IMAGE_READ
from picstore.upload.v1 import upload_pb2
from picstore_kit.errors import Code
from picstore_kit.ids import ImageId, JobId, OutputId, UploadId, new_id
from tests.e2e.matrix.callers import Bound
from tests.e2e.matrix.world import (
    Team,
    World,
    chunks,
    conversion_profile,
    location,
    quick_upload,
    unique,
)
from tests.pictures import photo

Build: TypeAlias = Callable[[World, Team], Awaitable[Message | Sequence[Message]]]

AUTH = "picstore.auth.v1."
CATALOG = "picstore.catalog.v1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How to call one RPC."""

    build: Build
    """Returns the request (all messages of a stream) about fresh objects of a team."""
    bound: Bound = Bound.NOTHING
    """What the object that the request names belongs to."""
    ends: tuple[Code | None, ...] = (None,)
    """How a call ends that is allowed: None for well. Others are for what the matrix cannot set up,
    such as a job to claim; they come after the check of permission."""
    refers: bool = False
    """Whether a method without an object names something of the team all the same: then it is
    NOT_FOUND for another team."""


ROWS: dict[str, Row] = {}


def row(
    method: str,
    bound: Bound = Bound.NOTHING,
    *,
    ends: tuple[Code | None, ...] = (None,),
    refers: bool = False,
) -> Callable[[Build], Build]:
    """Register the builder of a method's request."""

    def register(build: Build) -> Build:
        ROWS[method] = Row(build=build, bound=bound, ends=ends, refers=refers)
        return build

    return register


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


# ---- projects


async def _project(team: Team) -> str:
    created = await team.admin.CreateProject(
        project_pb2.CreateProjectRequest(project=project_pb2.Project(short_name=unique("project")))
    )
    return str(created.id)


@row(f"{CATALOG}ProjectService.CreateProject")
async def _create_project(world: World, team: Team) -> Message:
    return project_pb2.CreateProjectRequest(
        project=project_pb2.Project(short_name=unique("project"))
    )


@row(f"{CATALOG}ProjectService.GetProject", Bound.PROJECT)
async def _get_project(world: World, team: Team) -> Message:
    return project_pb2.GetProjectRequest(project_id=team.project_id)


@row(f"{CATALOG}ProjectService.ListProjects")
async def _list_projects(world: World, team: Team) -> Message:
    return project_pb2.ListProjectsRequest(page_size=1)


@row(f"{CATALOG}ProjectService.UpdateProject", Bound.PROJECT)
async def _update_project(world: World, team: Team) -> Message:
    return project_pb2.UpdateProjectRequest(
        project=project_pb2.Project(
            id=team.project_id, short_name="x", display_name=unique("name")
        ),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{CATALOG}ProjectService.DeleteProject", Bound.PROJECT, ends=(Code.FAILED_PRECONDITION,))
async def _delete_project(world: World, team: Team) -> Message:
    return project_pb2.DeleteProjectRequest(project_id=team.project_id)  # it is in use


# ---- storage locations


async def _location(world: World, team: Team) -> str:
    created = await team.admin.CreateStorageLocation(
        storage_location_pb2.CreateStorageLocationRequest(
            storage_location=location(unique("store"), team.project_id, world.s3)
        )
    )
    return str(created.id)


@row(f"{CATALOG}StorageLocationService.CreateStorageLocation", Bound.PROJECT)
async def _create_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.CreateStorageLocationRequest(
        storage_location=location(unique("store"), team.project_id, world.s3)
    )


@row(f"{CATALOG}StorageLocationService.GetStorageLocation", Bound.PROJECT)
async def _get_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.GetStorageLocationRequest(storage_location_id=team.location_id)


@row(f"{CATALOG}StorageLocationService.ListStorageLocations")
async def _list_storage_locations(world: World, team: Team) -> Message:
    return storage_location_pb2.ListStorageLocationsRequest(page_size=1)


@row(f"{CATALOG}StorageLocationService.UpdateStorageLocation", Bound.PROJECT)
async def _update_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.UpdateStorageLocationRequest(
        storage_location=storage_location_pb2.StorageLocation(
            id=await _location(world, team), short_name="x", display_name="Renamed"
        ),
        update_mask=FieldMask(paths=["display_name"]),
    )


@row(f"{CATALOG}StorageLocationService.DeleteStorageLocation", Bound.PROJECT)
async def _delete_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.DeleteStorageLocationRequest(
        storage_location_id=await _location(world, team)
    )


@row(f"{CATALOG}StorageLocationService.TestStorageLocation", Bound.PROJECT)
async def _test_storage_location(world: World, team: Team) -> Message:
    return storage_location_pb2.TestStorageLocationRequest(storage_location_id=team.location_id)


@row(f"{CATALOG}StorageLocationService.ReencryptStorageSecrets")
async def _reencrypt_storage_secrets(world: World, team: Team) -> Message:
    return storage_location_pb2.ReencryptStorageSecretsRequest()


# ---- conversion profiles


async def _conversion_profile(team: Team) -> str:
    created = await team.admin.CreateConversionProfile(
        conversion_profile_pb2.CreateConversionProfileRequest(
            conversion_profile=conversion_profile(unique("profile"), team.project_id)
        )
    )
    return str(created.id)


@row(f"{CATALOG}ConversionProfileService.CreateConversionProfile", Bound.PROJECT)
async def _create_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.CreateConversionProfileRequest(
        conversion_profile=conversion_profile(unique("profile"), team.project_id)
    )


@row(f"{CATALOG}ConversionProfileService.GetConversionProfile", Bound.PROJECT)
async def _get_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.GetConversionProfileRequest(
        conversion_profile_id=team.conversion_profile_id
    )


@row(f"{CATALOG}ConversionProfileService.ListConversionProfiles")
async def _list_conversion_profiles(world: World, team: Team) -> Message:
    return conversion_profile_pb2.ListConversionProfilesRequest(page_size=1)


@row(f"{CATALOG}ConversionProfileService.UpdateConversionProfile", Bound.PROJECT)
async def _update_conversion_profile(world: World, team: Team) -> Message:
    profile = conversion_profile("x", team.project_id)
    profile.id = await _conversion_profile(team)
    profile.display_name = "Renamed"
    return conversion_profile_pb2.UpdateConversionProfileRequest(
        conversion_profile=profile, update_mask=FieldMask(paths=["display_name"])
    )


@row(f"{CATALOG}ConversionProfileService.DeleteConversionProfile", Bound.PROJECT)
async def _delete_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.DeleteConversionProfileRequest(
        conversion_profile_id=await _conversion_profile(team)
    )


@row(f"{CATALOG}ConversionProfileService.ListConversionProfileRevisions", Bound.PROJECT)
async def _list_conversion_profile_revisions(world: World, team: Team) -> Message:
    return conversion_profile_pb2.ListConversionProfileRevisionsRequest(
        conversion_profile_id=team.conversion_profile_id
    )


@row(f"{CATALOG}ConversionProfileService.RollbackConversionProfile", Bound.PROJECT)
async def _rollback_conversion_profile(world: World, team: Team) -> Message:
    return conversion_profile_pb2.RollbackConversionProfileRequest(
        conversion_profile_id=await _conversion_profile(team), revision=1
    )


# ---- upload profiles


def _new_upload_profile(team: Team) -> upload_profile_pb2.UploadProfile:
    return upload_profile_pb2.UploadProfile(
        project_id=team.project_id,
        short_name=unique("profile"),
        originals_location_id=team.location_id,
        outputs_location_id=team.location_id,
        conversion_profile_id=team.conversion_profile_id,
    )


async def _upload_profile(team: Team) -> upload_profile_pb2.UploadProfile:
    created: upload_profile_pb2.UploadProfile = await team.admin.CreateUploadProfile(
        upload_profile_pb2.CreateUploadProfileRequest(upload_profile=_new_upload_profile(team))
    )
    return created


@row(f"{CATALOG}UploadProfileService.CreateUploadProfile", Bound.PROJECT)
async def _create_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.CreateUploadProfileRequest(upload_profile=_new_upload_profile(team))


@row(f"{CATALOG}UploadProfileService.GetUploadProfile", Bound.PROJECT)
async def _get_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.GetUploadProfileRequest(upload_profile_id=team.upload_profile_id)


@row(f"{CATALOG}UploadProfileService.ListUploadProfiles", Bound.PROJECT)
async def _list_upload_profiles(world: World, team: Team) -> Message:
    return upload_profile_pb2.ListUploadProfilesRequest(project_id=team.project_id)


@row(f"{CATALOG}UploadProfileService.UpdateUploadProfile", Bound.PROJECT)
async def _update_upload_profile(world: World, team: Team) -> Message:
    profile = await _upload_profile(team)
    profile.display_name = "Renamed"
    return upload_profile_pb2.UpdateUploadProfileRequest(
        upload_profile=profile, update_mask=FieldMask(paths=["display_name"])
    )


@row(f"{CATALOG}UploadProfileService.DeleteUploadProfile", Bound.PROJECT)
async def _delete_upload_profile(world: World, team: Team) -> Message:
    return upload_profile_pb2.DeleteUploadProfileRequest(
        upload_profile_id=(await _upload_profile(team)).id
    )


@row(f"{CATALOG}ReferenceService.FindMissing")
async def _find_missing(world: World, team: Team) -> Message:
    return reference_pb2.FindMissingRequest(team_id=team.team_id)


# ---- pictures


def _new_image(team: Team) -> image_pb2.Image:
    return image_pb2.Image(
        project_id=team.project_id, upload_profile=team.upload_profile_id, filename="photo.jpg"
    )


async def _awaited_image(team: Team) -> str:
    created = await team.admin.CreateImage(image_pb2.CreateImageRequest(image=_new_image(team)))
    return str(created.id)


@row(f"{CATALOG}ImageService.CreateImage", Bound.PROJECT)
async def _create_image(world: World, team: Team) -> Message:
    return image_pb2.CreateImageRequest(image=_new_image(team))


@row(f"{CATALOG}ImageService.GetImage", Bound.PROJECT)
async def _get_image(world: World, team: Team) -> Message:
    return image_pb2.GetImageRequest(image_id=team.image_id)


@row(f"{CATALOG}ImageService.ListImages", Bound.PROJECT)
async def _list_images(world: World, team: Team) -> Message:
    return image_pb2.ListImagesRequest(project_id=team.project_id)


@row(f"{CATALOG}ImageService.LookupImage", Bound.PROJECT)
async def _lookup_image(world: World, team: Team) -> Message:
    image = await team.admin.GetImage(image_pb2.GetImageRequest(image_id=team.image_id))
    return image_pb2.LookupImageRequest(project_id=team.project_id, sha256=image.sha256)


@row(f"{CATALOG}ImageService.LookupImages", Bound.PROJECT)
async def _lookup_images(world: World, team: Team) -> Message:
    return image_pb2.LookupImagesRequest(project_id=team.project_id, sha256s=["0" * 64])


@row(f"{CATALOG}ImageService.UpdateImage", Bound.PROJECT)
async def _update_image(world: World, team: Team) -> Message:
    return image_pb2.UpdateImageRequest(
        image=image_pb2.Image(id=team.image_id, alt_text=unique("A photo of")),
        update_mask=FieldMask(paths=["alt_text"]),
    )


@row(f"{CATALOG}ImageService.GetPicture", Bound.PROJECT)
async def _get_picture(world: World, team: Team) -> Message:
    return image_pb2.GetPictureRequest(image_id=team.image_id)


@row("picstore.upload.v1.UploadService.QuickUpload", Bound.PROJECT)
async def _quick_upload(world: World, team: Team) -> Sequence[Message]:
    return quick_upload(team.project_id, team.upload_profile_id, photo(16, 16, seed=team.team_id))


@row("picstore.upload.v1.UploadService.UploadImage", Bound.PROJECT)
async def _upload_image(world: World, team: Team) -> Sequence[Message]:
    header = upload_pb2.UploadImageHeader(image_id=await _awaited_image(team))
    data = photo(16, 16, seed=team.team_id)
    return [
        upload_pb2.UploadImageRequest(header=header),
        *(upload_pb2.UploadImageRequest(chunk=chunk) for chunk in chunks(data)),
        upload_pb2.UploadImageRequest(end=upload_pb2.End()),
    ]


# ---- between services


@row(f"{CATALOG}IngestService.ResolveUpload", Bound.PROJECT)
async def _resolve_upload(world: World, team: Team) -> Message:
    return ingest_pb2.ResolveUploadRequest(
        project_id=team.project_id, upload_profile=team.upload_profile_id, filename="photo.jpg"
    )


@row(f"{CATALOG}IngestService.CommitImage", Bound.PROJECT, ends=(Code.FAILED_PRECONDITION,))
async def _commit_image(world: World, team: Team) -> Message:
    # By a profile that makes nothing of a JPEG: there is no such original to make anything of.
    conversion = conversion_profile(unique("profile"), team.project_id)
    conversion.formats[0].only_from.append(conversion_pb2.FORMAT_PNG)
    made = await team.admin.CreateConversionProfile(
        conversion_profile_pb2.CreateConversionProfileRequest(conversion_profile=conversion)
    )
    upload_profile = _new_upload_profile(team)
    upload_profile.conversion_profile_id = made.id
    profile = await team.admin.CreateUploadProfile(
        upload_profile_pb2.CreateUploadProfileRequest(upload_profile=upload_profile)
    )
    return ingest_pb2.CommitImageRequest(
        upload_id=new_id(UploadId),
        image_id=new_id(ImageId),
        generation=1,
        project_id=team.project_id,
        upload_profile_id=profile.id,
        filename="photo.jpg",
        originals_location_id=team.location_id,
        object_key="nothing/here",
        facts=ingest_pb2.SourceFacts(
            format=conversion_pb2.FORMAT_JPEG,
            width=16,
            height=16,
            frames=1,
            size_bytes=1,
            sha256="0" * 64,
        ),
    )


@row(f"{CATALOG}IngestService.FindCommit")
async def _find_commit(world: World, team: Team) -> Message:
    return ingest_pb2.FindCommitRequest(upload_id=new_id(UploadId))


@row(f"{CATALOG}IngestService.GetStorageAccess", refers=True)
async def _get_storage_access(world: World, team: Team) -> Message:
    return ingest_pb2.GetStorageAccessRequest(storage_location_id=team.location_id)


@row("picstore.jobs.v1.JobService.ClaimJob", ends=(Code.NOT_FOUND,))
async def _claim_job(world: World, team: Team) -> Message:
    return job_pb2.ClaimJobRequest(job_id=new_id(JobId), worker="matrix")


_GONE = (Code.NOT_FOUND, Code.ABORTED, Code.FAILED_PRECONDITION)


@row("picstore.jobs.v1.JobService.ExtendJob", ends=_GONE)
async def _extend_job(world: World, team: Team) -> Message:
    return job_pb2.ExtendJobRequest(job_id=new_id(JobId), attempt=1)


@row("picstore.jobs.v1.JobService.CompleteOutput", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _complete_output(world: World, team: Team) -> Message:
    return job_pb2.CompleteOutputRequest(
        job_id=new_id(JobId), attempt=1, output_id=new_id(OutputId)
    )


@row("picstore.jobs.v1.JobService.RecordPlaceholder", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _record_placeholder(world: World, team: Team) -> Message:
    return job_pb2.RecordPlaceholderRequest(job_id=new_id(JobId), attempt=1)


@row("picstore.jobs.v1.JobService.FailJob", ends=(*_GONE, Code.INVALID_ARGUMENT))
async def _fail_job(world: World, team: Team) -> Message:
    return job_pb2.FailJobRequest(job_id=new_id(JobId), attempt=1, reason="ENCODE_FAILED")


def requests_of(built: Message | Sequence[Message]) -> list[Message]:
    """Return the messages to send, one for all but streams."""
    return [built] if isinstance(built, Message) else list(built)
