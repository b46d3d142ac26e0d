"""The methods that the gateway offers over HTTP, by name; a test holds them to the contract.

What takes the bytes of a file is not among them, see `PicStoreClient.upload`; and neither are
streams, see `PicStoreClient.watch_image`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from google.protobuf.empty_pb2 import Empty

from picstore.auth.v1.api_key_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    GetApiKeyRequest,
    ListApiKeysRequest,
    ListApiKeysResponse,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    RotateApiKeyResponse,
    UpdateApiKeyRequest,
)
from picstore.auth.v1.audit_pb2 import (
    ListAuditEventsRequest,
    ListAuditEventsResponse,
)
from picstore.auth.v1.authentication_pb2 import (
    GetPrincipalRequest,
    Principal,
)
from picstore.auth.v1.invitation_pb2 import (
    AcceptInvitationRequest,
    CreateInvitationRequest,
    CreateInvitationResponse,
    Invitation,
    ListInvitationsRequest,
    ListInvitationsResponse,
    RevokeInvitationRequest,
)
from picstore.auth.v1.role_pb2 import (
    CreateRoleRequest,
    DeleteRoleRequest,
    GetRoleRequest,
    ListRolesRequest,
    ListRolesResponse,
    Role,
    UpdateRoleRequest,
)
from picstore.auth.v1.session_pb2 import (
    ChangePasswordRequest,
    ListSessionsRequest,
    ListSessionsResponse,
    ListUserSessionsRequest,
    ListUserSessionsResponse,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    RevokeSessionRequest,
    RevokeUserSessionsRequest,
    RevokeUserSessionsResponse,
)
from picstore.auth.v1.team_pb2 import (
    GetTeamRequest,
    Team,
    UpdateTeamRequest,
)
from picstore.auth.v1.user_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    GetUserRequest,
    ListUsersRequest,
    ListUsersResponse,
    UpdateUserRequest,
    User,
)
from picstore.catalog.v1.conversion_profile_pb2 import (
    ConversionProfile,
    CreateConversionProfileRequest,
    DeleteConversionProfileRequest,
    GetConversionProfileRequest,
    ListConversionProfileRevisionsRequest,
    ListConversionProfileRevisionsResponse,
    ListConversionProfilesRequest,
    ListConversionProfilesResponse,
    RollbackConversionProfileRequest,
    UpdateConversionProfileRequest,
)
from picstore.catalog.v1.explanation_pb2 import (
    ExplainImageRequest,
    ExplainImageResponse,
)
from picstore.catalog.v1.image_pb2 import (
    Image,
)
from picstore.catalog.v1.image_service_pb2 import (
    CreateDerivedImageRequest,
    CreateImageRequest,
    GetImageRequest,
    GetPictureRequest,
    ListImagesRequest,
    ListImagesResponse,
    LookupImageRequest,
    LookupImagesRequest,
    LookupImagesResponse,
    SignOriginalRequest,
    SignOriginalResponse,
    UpdateImageRequest,
)
from picstore.catalog.v1.overlay_template_pb2 import (
    CreateOverlayTemplateRequest,
    DeleteOverlayTemplateRequest,
    GetOverlayTemplateRequest,
    ListOverlayTemplateRevisionsRequest,
    ListOverlayTemplateRevisionsResponse,
    ListOverlayTemplatesRequest,
    ListOverlayTemplatesResponse,
    OverlayTemplate,
    RollbackOverlayTemplateRequest,
    UpdateOverlayTemplateRequest,
)
from picstore.catalog.v1.picture_pb2 import (
    Picture,
)
from picstore.catalog.v1.project_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    GetProjectRequest,
    ListProjectsRequest,
    ListProjectsResponse,
    Project,
    UpdateProjectRequest,
)
from picstore.catalog.v1.storage_location_pb2 import (
    CreateStorageLocationRequest,
    DeleteStorageLocationRequest,
    GetStorageLocationRequest,
    ListStorageLocationsRequest,
    ListStorageLocationsResponse,
    StorageLocation,
    TestStorageLocationRequest,
    TestStorageLocationResponse,
    UpdateStorageLocationRequest,
)
from picstore.catalog.v1.upload_profile_pb2 import (
    CreateUploadProfileRequest,
    DeleteUploadProfileRequest,
    GetUploadProfileRequest,
    ListUploadProfilesRequest,
    ListUploadProfilesResponse,
    UpdateUploadProfileRequest,
    UploadProfile,
)
from picstore.upload.v1.import_pb2 import (
    CancelImportJobRequest,
    CreateImportJobRequest,
    GetImportJobRequest,
    ImportJob,
    ListImportItemsRequest,
    ListImportItemsResponse,
    ListImportJobsRequest,
    ListImportJobsResponse,
)
from picstore.upload.v1.upload_pb2 import (
    CompleteUploadRequest,
    CreateUploadRequest,
    DeleteUploadRequest,
    GetUploadRequest,
    Upload,
)
from picstore_client.method import ItemT, ListMethod, Method, RequestT, ResponseT


def _unary(
    name: str, request: type[RequestT], response: type[ResponseT]
) -> Method[RequestT, ResponseT]:
    return Method(name=f"picstore.{name}", request=request, response=response)


def _paged(
    name: str,
    request: type[RequestT],
    response: type[ResponseT],
    items: Callable[[ResponseT], Iterable[ItemT]],
) -> ListMethod[RequestT, ResponseT, ItemT]:
    return ListMethod(name=f"picstore.{name}", request=request, response=response, items=items)


GET_TEAM = _unary("auth.v1.TeamService.GetTeam", GetTeamRequest, Team)
UPDATE_TEAM = _unary("auth.v1.TeamService.UpdateTeam", UpdateTeamRequest, Team)
CREATE_USER = _unary("auth.v1.UserService.CreateUser", CreateUserRequest, User)
GET_USER = _unary("auth.v1.UserService.GetUser", GetUserRequest, User)
LIST_USERS = _paged(
    "auth.v1.UserService.ListUsers", ListUsersRequest, ListUsersResponse, lambda page: page.users
)
UPDATE_USER = _unary("auth.v1.UserService.UpdateUser", UpdateUserRequest, User)
DELETE_USER = _unary("auth.v1.UserService.DeleteUser", DeleteUserRequest, Empty)
CREATE_ROLE = _unary("auth.v1.RoleService.CreateRole", CreateRoleRequest, Role)
GET_ROLE = _unary("auth.v1.RoleService.GetRole", GetRoleRequest, Role)
LIST_ROLES = _paged(
    "auth.v1.RoleService.ListRoles", ListRolesRequest, ListRolesResponse, lambda page: page.roles
)
UPDATE_ROLE = _unary("auth.v1.RoleService.UpdateRole", UpdateRoleRequest, Role)
DELETE_ROLE = _unary("auth.v1.RoleService.DeleteRole", DeleteRoleRequest, Empty)
CREATE_API_KEY = _unary(
    "auth.v1.ApiKeyService.CreateApiKey", CreateApiKeyRequest, CreateApiKeyResponse
)
GET_API_KEY = _unary("auth.v1.ApiKeyService.GetApiKey", GetApiKeyRequest, ApiKey)
LIST_API_KEYS = _paged(
    "auth.v1.ApiKeyService.ListApiKeys",
    ListApiKeysRequest,
    ListApiKeysResponse,
    lambda page: page.api_keys,
)
UPDATE_API_KEY = _unary("auth.v1.ApiKeyService.UpdateApiKey", UpdateApiKeyRequest, ApiKey)
ROTATE_API_KEY = _unary(
    "auth.v1.ApiKeyService.RotateApiKey", RotateApiKeyRequest, RotateApiKeyResponse
)
REVOKE_API_KEY = _unary("auth.v1.ApiKeyService.RevokeApiKey", RevokeApiKeyRequest, ApiKey)
LOGIN = _unary("auth.v1.SessionService.Login", LoginRequest, LoginResponse)
LOGOUT = _unary("auth.v1.SessionService.Logout", LogoutRequest, Empty)
LIST_SESSIONS = _paged(
    "auth.v1.SessionService.ListSessions",
    ListSessionsRequest,
    ListSessionsResponse,
    lambda page: page.sessions,
)
REVOKE_SESSION = _unary("auth.v1.SessionService.RevokeSession", RevokeSessionRequest, Empty)
LIST_USER_SESSIONS = _paged(
    "auth.v1.SessionService.ListUserSessions",
    ListUserSessionsRequest,
    ListUserSessionsResponse,
    lambda page: page.sessions,
)
REVOKE_USER_SESSIONS = _unary(
    "auth.v1.SessionService.RevokeUserSessions",
    RevokeUserSessionsRequest,
    RevokeUserSessionsResponse,
)
CHANGE_PASSWORD = _unary("auth.v1.SessionService.ChangePassword", ChangePasswordRequest, Empty)
CREATE_INVITATION = _unary(
    "auth.v1.InvitationService.CreateInvitation", CreateInvitationRequest, CreateInvitationResponse
)
LIST_INVITATIONS = _paged(
    "auth.v1.InvitationService.ListInvitations",
    ListInvitationsRequest,
    ListInvitationsResponse,
    lambda page: page.invitations,
)
REVOKE_INVITATION = _unary(
    "auth.v1.InvitationService.RevokeInvitation", RevokeInvitationRequest, Invitation
)
ACCEPT_INVITATION = _unary(
    "auth.v1.InvitationService.AcceptInvitation", AcceptInvitationRequest, User
)
LIST_AUDIT_EVENTS = _paged(
    "auth.v1.AuditService.ListAuditEvents",
    ListAuditEventsRequest,
    ListAuditEventsResponse,
    lambda page: page.audit_events,
)
GET_PRINCIPAL = _unary("auth.v1.AuthenticationService.GetPrincipal", GetPrincipalRequest, Principal)
CREATE_PROJECT = _unary("catalog.v1.ProjectService.CreateProject", CreateProjectRequest, Project)
GET_PROJECT = _unary("catalog.v1.ProjectService.GetProject", GetProjectRequest, Project)
LIST_PROJECTS = _paged(
    "catalog.v1.ProjectService.ListProjects",
    ListProjectsRequest,
    ListProjectsResponse,
    lambda page: page.projects,
)
UPDATE_PROJECT = _unary("catalog.v1.ProjectService.UpdateProject", UpdateProjectRequest, Project)
DELETE_PROJECT = _unary("catalog.v1.ProjectService.DeleteProject", DeleteProjectRequest, Empty)
CREATE_STORAGE_LOCATION = _unary(
    "catalog.v1.StorageLocationService.CreateStorageLocation",
    CreateStorageLocationRequest,
    StorageLocation,
)
GET_STORAGE_LOCATION = _unary(
    "catalog.v1.StorageLocationService.GetStorageLocation",
    GetStorageLocationRequest,
    StorageLocation,
)
LIST_STORAGE_LOCATIONS = _paged(
    "catalog.v1.StorageLocationService.ListStorageLocations",
    ListStorageLocationsRequest,
    ListStorageLocationsResponse,
    lambda page: page.storage_locations,
)
UPDATE_STORAGE_LOCATION = _unary(
    "catalog.v1.StorageLocationService.UpdateStorageLocation",
    UpdateStorageLocationRequest,
    StorageLocation,
)
DELETE_STORAGE_LOCATION = _unary(
    "catalog.v1.StorageLocationService.DeleteStorageLocation", DeleteStorageLocationRequest, Empty
)
TEST_STORAGE_LOCATION = _unary(
    "catalog.v1.StorageLocationService.TestStorageLocation",
    TestStorageLocationRequest,
    TestStorageLocationResponse,
)
CREATE_CONVERSION_PROFILE = _unary(
    "catalog.v1.ConversionProfileService.CreateConversionProfile",
    CreateConversionProfileRequest,
    ConversionProfile,
)
GET_CONVERSION_PROFILE = _unary(
    "catalog.v1.ConversionProfileService.GetConversionProfile",
    GetConversionProfileRequest,
    ConversionProfile,
)
LIST_CONVERSION_PROFILES = _paged(
    "catalog.v1.ConversionProfileService.ListConversionProfiles",
    ListConversionProfilesRequest,
    ListConversionProfilesResponse,
    lambda page: page.conversion_profiles,
)
UPDATE_CONVERSION_PROFILE = _unary(
    "catalog.v1.ConversionProfileService.UpdateConversionProfile",
    UpdateConversionProfileRequest,
    ConversionProfile,
)
DELETE_CONVERSION_PROFILE = _unary(
    "catalog.v1.ConversionProfileService.DeleteConversionProfile",
    DeleteConversionProfileRequest,
    Empty,
)
LIST_CONVERSION_PROFILE_REVISIONS = _paged(
    "catalog.v1.ConversionProfileService.ListConversionProfileRevisions",
    ListConversionProfileRevisionsRequest,
    ListConversionProfileRevisionsResponse,
    lambda page: page.revisions,
)
ROLLBACK_CONVERSION_PROFILE = _unary(
    "catalog.v1.ConversionProfileService.RollbackConversionProfile",
    RollbackConversionProfileRequest,
    ConversionProfile,
)
CREATE_OVERLAY_TEMPLATE = _unary(
    "catalog.v1.OverlayTemplateService.CreateOverlayTemplate",
    CreateOverlayTemplateRequest,
    OverlayTemplate,
)
GET_OVERLAY_TEMPLATE = _unary(
    "catalog.v1.OverlayTemplateService.GetOverlayTemplate",
    GetOverlayTemplateRequest,
    OverlayTemplate,
)
LIST_OVERLAY_TEMPLATES = _paged(
    "catalog.v1.OverlayTemplateService.ListOverlayTemplates",
    ListOverlayTemplatesRequest,
    ListOverlayTemplatesResponse,
    lambda page: page.overlay_templates,
)
UPDATE_OVERLAY_TEMPLATE = _unary(
    "catalog.v1.OverlayTemplateService.UpdateOverlayTemplate",
    UpdateOverlayTemplateRequest,
    OverlayTemplate,
)
DELETE_OVERLAY_TEMPLATE = _unary(
    "catalog.v1.OverlayTemplateService.DeleteOverlayTemplate",
    DeleteOverlayTemplateRequest,
    Empty,
)
LIST_OVERLAY_TEMPLATE_REVISIONS = _paged(
    "catalog.v1.OverlayTemplateService.ListOverlayTemplateRevisions",
    ListOverlayTemplateRevisionsRequest,
    ListOverlayTemplateRevisionsResponse,
    lambda page: page.revisions,
)
ROLLBACK_OVERLAY_TEMPLATE = _unary(
    "catalog.v1.OverlayTemplateService.RollbackOverlayTemplate",
    RollbackOverlayTemplateRequest,
    OverlayTemplate,
)
CREATE_UPLOAD_PROFILE = _unary(
    "catalog.v1.UploadProfileService.CreateUploadProfile", CreateUploadProfileRequest, UploadProfile
)
GET_UPLOAD_PROFILE = _unary(
    "catalog.v1.UploadProfileService.GetUploadProfile", GetUploadProfileRequest, UploadProfile
)
LIST_UPLOAD_PROFILES = _paged(
    "catalog.v1.UploadProfileService.ListUploadProfiles",
    ListUploadProfilesRequest,
    ListUploadProfilesResponse,
    lambda page: page.upload_profiles,
)
UPDATE_UPLOAD_PROFILE = _unary(
    "catalog.v1.UploadProfileService.UpdateUploadProfile", UpdateUploadProfileRequest, UploadProfile
)
DELETE_UPLOAD_PROFILE = _unary(
    "catalog.v1.UploadProfileService.DeleteUploadProfile", DeleteUploadProfileRequest, Empty
)
CREATE_IMAGE = _unary("catalog.v1.ImageService.CreateImage", CreateImageRequest, Image)
CREATE_DERIVED_IMAGE = _unary(
    "catalog.v1.ImageService.CreateDerivedImage", CreateDerivedImageRequest, Image
)
GET_IMAGE = _unary("catalog.v1.ImageService.GetImage", GetImageRequest, Image)
LIST_IMAGES = _paged(
    "catalog.v1.ImageService.ListImages",
    ListImagesRequest,
    ListImagesResponse,
    lambda page: page.images,
)
LOOKUP_IMAGES = _unary(
    "catalog.v1.ImageService.LookupImages", LookupImagesRequest, LookupImagesResponse
)
LOOKUP_IMAGE = _unary("catalog.v1.ImageService.LookupImage", LookupImageRequest, Image)
UPDATE_IMAGE = _unary("catalog.v1.ImageService.UpdateImage", UpdateImageRequest, Image)
EXPLAIN_IMAGE = _unary(
    "catalog.v1.ImageService.ExplainImage", ExplainImageRequest, ExplainImageResponse
)
SIGN_ORIGINAL = _unary(
    "catalog.v1.ImageService.SignOriginal", SignOriginalRequest, SignOriginalResponse
)
GET_PICTURE = _unary("catalog.v1.ImageService.GetPicture", GetPictureRequest, Picture)
CREATE_IMPORT_JOB = _unary(
    "upload.v1.ImportService.CreateImportJob", CreateImportJobRequest, ImportJob
)
GET_IMPORT_JOB = _unary("upload.v1.ImportService.GetImportJob", GetImportJobRequest, ImportJob)
LIST_IMPORT_JOBS = _paged(
    "upload.v1.ImportService.ListImportJobs",
    ListImportJobsRequest,
    ListImportJobsResponse,
    lambda page: page.import_jobs,
)
LIST_IMPORT_ITEMS = _paged(
    "upload.v1.ImportService.ListImportItems",
    ListImportItemsRequest,
    ListImportItemsResponse,
    lambda page: page.items,
)
CANCEL_IMPORT_JOB = _unary(
    "upload.v1.ImportService.CancelImportJob", CancelImportJobRequest, ImportJob
)
CREATE_UPLOAD = _unary("upload.v1.UploadService.CreateUpload", CreateUploadRequest, Upload)
GET_UPLOAD = _unary("upload.v1.UploadService.GetUpload", GetUploadRequest, Upload)
COMPLETE_UPLOAD = _unary("upload.v1.UploadService.CompleteUpload", CompleteUploadRequest, Image)
DELETE_UPLOAD = _unary("upload.v1.UploadService.DeleteUpload", DeleteUploadRequest, Empty)
