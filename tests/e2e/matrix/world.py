"""Two teams with everything in them, and everybody who calls in the matrix."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from typeid import TypeID

from picstore.auth.v1 import api_key_pb2, authentication_pb2, bootstrap_pb2
from picstore.catalog.v1 import bootstrap_pb2 as catalog_bootstrap_pb2
from picstore.catalog.v1 import (
    conversion_pb2,
    conversion_profile_pb2,
    image_pb2,
    image_service_pb2,
    overlay_pb2,
    overlay_template_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.options.v1 import permission_pb2
from picstore.upload.v1 import upload_pb2
from picstore_kit.credentials import new_api_key
from picstore_kit.errors import Reason
from picstore_kit.ids import KeyId, ProjectId, TeamId, UserId, new_id
from picstore_kit.rpc.auth import (
    Grant,
    Principal,
    permission_name,
    permission_number,
    principal_to_proto,
)
from tests.e2e.matrix.callers import Caller, Place
from tests.pictures import photo
from tests.stack import LiveStack

CHUNK_BYTES: Final = 1 << 18
PROJECT_LEVEL: Final = frozenset(
    {
        "project:read",
        "project:write",
        "image:read",
        "image:create",
        "image:edit",
        "image:original",
        "conversion_profile:write",
        "overlay_template:write",
        "upload_profile:write",
        "storage_location:write",
    }
)
PERMISSIONS: Final = tuple(
    permission_name(number) for number in permission_pb2.Permission.values() if number
)


class API:
    """Everything that is served, by method name, for one caller: `await api.GetUser(…)`."""

    def __init__(
        self, stubs: Mapping[str, Callable[..., Any]], metadata: Sequence[tuple[str, str | bytes]]
    ) -> None:
        self._stubs = stubs
        self._metadata = tuple(metadata)

    def __getattr__(self, method: str) -> Callable[[Any], Any]:
        stub = self._stubs[method]
        return lambda request: stub(request, metadata=self._metadata, timeout=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team, its administrator, and the objects that rows refer to."""

    team_id: TeamId
    admin: API
    credential: str = field(repr=False)
    user_id: UserId
    project_id: ProjectId
    other_project_id: ProjectId
    location_id: str
    conversion_profile_id: str
    upload_profile_id: str
    image_id: str
    """A picture that is being converted, or is."""

    @property
    def place(self) -> Place:
        """Return where the matrix expects the team's objects."""
        return Place(team_id=self.team_id, project_id=self.project_id, user_id=self.user_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All of it."""

    ours: Team
    theirs: Team
    operator: API
    tokens: Mapping[str, str] = field(repr=False)
    """Service tokens, by service."""
    s3: Mapping[str, str] = field(repr=False)
    """Where the stack keeps objects: endpoint, keys, bucket."""
    callers: tuple[Caller, ...]
    lacking: Mapping[str, Caller]
    """By permission: a key on the project with every permission but that one."""
    acting: Mapping[str, tuple[Caller, ...]]
    """By service: the service acting for nobody, for the administrator, for a limited key."""


def bearer(credential: str) -> tuple[tuple[str, str | bytes], ...]:
    """Return the metadata of a caller with a credential."""
    return (("authorization", f"Bearer {credential}"),)


def unique(stem: str) -> str:
    """Return a short name that nothing else has."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


def id_like(text: str) -> str:
    """Return a fresh id of the same kind."""
    return str(TypeID(prefix=text.partition("_")[0]))


def chunks(data: bytes) -> Iterator[upload_pb2.Chunk]:
    """Cut a file into what a stream carries."""
    for offset in range(0, len(data), CHUNK_BYTES):
        yield upload_pb2.Chunk(offset=offset, data=data[offset : offset + CHUNK_BYTES])


async def build_world(stack: LiveStack, stubs: Mapping[str, Callable[..., Any]]) -> World:
    """Make both teams and all callers."""
    nobody = API(stubs, ())
    tokens = {}
    for name in ("operator", "catalog", "upload", "converter"):
        secret = stack.secret(f"service.{name}")
        request = authentication_pb2.IssueServiceTokenRequest(name=name, secret=secret)
        tokens[name] = (await nobody.IssueServiceToken(request)).token
    operator = API(stubs, bearer(tokens["operator"]))
    variables = stack.demo_variables()
    s3 = {
        "endpoint": variables["PICSTORE_DEMO_S3_ENDPOINT"],
        "region": variables["PICSTORE_DEMO_S3_REGION"],
        "access_key_id": variables["PICSTORE_DEMO_S3_ACCESS_KEY"],
        "secret_access_key": variables["PICSTORE_DEMO_S3_SECRET_KEY"],
        "bucket": variables["PICSTORE_DEMO_OUTPUTS_BUCKET"],
        "public_base_url": variables["PICSTORE_DEMO_PUBLIC_URL"],
    }
    expired = new_api_key(new_id(KeyId)).text
    ours = await _found(operator, stubs, s3, expired=expired)
    theirs = await _found(operator, stubs, s3, expired=new_api_key(new_id(KeyId)).text)
    lacking = {
        permission: await _keyholder(
            f"key without {permission}",
            ours,
            [
                *((held, None) for held in PERMISSIONS if held not in PROJECT_LEVEL),
                *((held, ours.project_id) for held in PROJECT_LEVEL),
            ],
            without=(permission, "team:admin"),
        )
        for permission in PERMISSIONS
    }
    callers = (
        Caller(name="anonymous", refused=Reason.CREDENTIAL_MISSING),
        Caller(
            name="bad key",
            metadata=bearer(new_api_key(new_id(KeyId)).text),
            refused=Reason.CREDENTIAL_INVALID,
        ),
        Caller(name="expired key", metadata=bearer(expired), refused=Reason.CREDENTIAL_EXPIRED),
        Caller(
            name="revoked key",
            metadata=bearer(await _revoked_key(ours)),
            refused=Reason.CREDENTIAL_REVOKED,
        ),
        await _keyholder(
            "key of another project",
            ours,
            [(permission, ours.other_project_id) for permission in sorted(PROJECT_LEVEL)],
        ),
        _admin("key of another team", theirs),
        await _keyholder("restricted key of an admin", ours, [("image:read", ours.project_id)]),
        _admin("admin", ours),
        Caller(
            name="service token",
            metadata=bearer(tokens["converter"]),
            principal=Principal(service="converter"),
        ),
    )
    return World(
        ours=ours,
        theirs=theirs,
        operator=operator,
        tokens=tokens,
        s3=s3,
        callers=callers,
        lacking=lacking,
        acting={name: _acting(name, token, callers) for name, token in tokens.items()},
    )


async def _found(
    operator: API, stubs: Mapping[str, Callable[..., Any]], s3: Mapping[str, str], *, expired: str
) -> Team:
    """Make a team as the operator does, with two projects."""
    credential = new_api_key(new_id(KeyId)).text
    past = Timestamp()
    past.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    answer = await operator.ApplyAuthBootstrap(
        bootstrap_pb2.ApplyBootstrapRequest(
            team=bootstrap_pb2.BootstrapTeam(short_name=unique("matrix")),
            roles=[
                bootstrap_pb2.BootstrapRole(
                    short_name="admin",
                    grants=[
                        bootstrap_pb2.BootstrapGrant(
                            permission=permission_pb2.PERMISSION_TEAM_ADMIN
                        )
                    ],
                )
            ],
            users=[bootstrap_pb2.BootstrapUser(email="ann@example.org", roles=["admin"])],
            api_keys=[
                bootstrap_pb2.BootstrapApiKey(credential=credential, user="ann@example.org"),
                bootstrap_pb2.BootstrapApiKey(
                    credential=expired, user="ann@example.org", expire_time=past
                ),
            ],
        )
    )
    admin = API(stubs, bearer(credential))
    await operator.ApplyCatalogBootstrap(_catalog_document(answer.team_id, s3))
    projects = {
        project.short_name: project.id
        for project in (await admin.ListProjects(project_pb2.ListProjectsRequest())).projects
    }
    locations = await admin.ListStorageLocations(storage_location_pb2.ListStorageLocationsRequest())
    conversions = await admin.ListConversionProfiles(
        conversion_profile_pb2.ListConversionProfilesRequest()
    )
    me = await admin.GetPrincipal(authentication_pb2.GetPrincipalRequest())
    upload_profile = await admin.CreateUploadProfile(
        upload_profile_pb2.CreateUploadProfileRequest(
            upload_profile=upload_profile_pb2.UploadProfile(
                project_id=projects["blog"],
                short_name="photos",
                originals_location_id=locations.storage_locations[0].id,
                outputs_location_id=locations.storage_locations[0].id,
                conversion_profile_id=conversions.conversion_profiles[0].id,
            )
        )
    )
    upload_profile_id = upload_profile.id
    image = await admin.QuickUpload(
        iter(quick_upload(projects["blog"], upload_profile_id, photo(64, 48, seed=answer.team_id)))
    )
    await _ready(admin, image.id)
    return Team(
        team_id=TeamId(answer.team_id),
        admin=admin,
        credential=credential,
        user_id=UserId(me.user_id),
        project_id=ProjectId(projects["blog"]),
        other_project_id=ProjectId(projects["shop"]),
        location_id=locations.storage_locations[0].id,
        conversion_profile_id=conversions.conversion_profiles[0].id,
        upload_profile_id=upload_profile_id,
        image_id=image.id,
    )


def quick_upload(
    project_id: str, upload_profile: str, data: bytes
) -> list[upload_pb2.QuickUploadRequest]:
    """Return the messages that send a file."""
    header = upload_pb2.QuickUploadHeader(
        project_id=project_id, upload_profile=upload_profile, filename="photo.jpg"
    )
    return [
        upload_pb2.QuickUploadRequest(header=header),
        *(upload_pb2.QuickUploadRequest(chunk=chunk) for chunk in chunks(data)),
        upload_pb2.QuickUploadRequest(end=upload_pb2.End()),
    ]


def conversion_profile(
    short_name: str, project_id: str
) -> conversion_profile_pb2.ConversionProfile:
    """Return a profile that makes one small picture."""
    return conversion_profile_pb2.ConversionProfile(
        short_name=short_name,
        project_id=project_id,
        formats=[conversion_pb2.FormatRule(format=conversion_pb2.FORMAT_JPEG)],
        sizes=[conversion_pb2.SizeRule(width=32)],
    )


def overlay_template(short_name: str, project_id: str) -> overlay_template_pb2.OverlayTemplate:
    """Return a template that lays a shade over a picture."""
    return overlay_template_pb2.OverlayTemplate(
        short_name=short_name,
        project_id=project_id,
        overlay=overlay_pb2.Overlay(
            layers=[overlay_pb2.Layer(fill=overlay_pb2.FillLayer(colour="#00000080"))]
        ),
    )


def location(
    short_name: str, project_id: str, s3: Mapping[str, str]
) -> storage_location_pb2.StorageLocation:
    """Return a location in the stack's own store."""
    return storage_location_pb2.StorageLocation(
        short_name=short_name,
        project_id=project_id,
        s3=storage_location_pb2.S3Provider(
            endpoint=s3["endpoint"],
            region=s3["region"],
            bucket=s3["bucket"],
            prefix=short_name,
            access_key_id=s3["access_key_id"],
            secret_access_key=s3["secret_access_key"],
        ),
        public_base_url=f"{s3['public_base_url']}/{short_name}",
    )


def _catalog_document(
    team_id: str, s3: Mapping[str, str]
) -> catalog_bootstrap_pb2.ApplyBootstrapRequest:
    return catalog_bootstrap_pb2.ApplyBootstrapRequest(
        team_id=team_id,
        projects=[project_pb2.Project(short_name=name) for name in ("blog", "shop")],
        storage_locations=[location(unique("store"), "blog", s3)],
        conversion_profiles=[conversion_profile("small", "blog")],
    )


async def _ready(admin: API, image_id: str) -> None:
    request = image_service_pb2.GetImageRequest(image_id=image_id)
    async with asyncio.timeout(60):
        while True:
            if (await admin.GetImage(request)).state == image_pb2.Image.STATE_READY:
                return
            await asyncio.sleep(0.05)


def _admin(name: str, team: Team) -> Caller:
    return Caller(
        name=name,
        metadata=bearer(team.credential),
        principal=Principal(
            team_id=team.team_id, user_id=team.user_id, grants=(Grant(permission="team:admin"),)
        ),
    )


async def _keyholder(
    name: str,
    team: Team,
    grants: Sequence[tuple[str, ProjectId | None]],
    *,
    without: Sequence[str] = (),
) -> Caller:
    """Return the holder of a key of the administrator's that is limited to `grants`."""
    kept = [(permission, project) for permission, project in grants if permission not in without]
    made = await team.admin.CreateApiKey(
        api_key_pb2.CreateApiKeyRequest(
            api_key=api_key_pb2.ApiKey(
                user_id=team.user_id,
                display_name=name,
                grants=[
                    authentication_pb2.Grant(
                        permission=permission_number(permission), project_id=project or ""
                    )
                    for permission, project in kept
                ],
            )
        )
    )
    return Caller(
        name=name,
        metadata=bearer(made.credential),
        principal=Principal(
            team_id=team.team_id,
            user_id=team.user_id,
            grants=tuple(
                Grant(permission=permission, project_id=project) for permission, project in kept
            ),
        ),
    )


async def _revoked_key(team: Team) -> str:
    made = await team.admin.CreateApiKey(
        api_key_pb2.CreateApiKeyRequest(
            api_key=api_key_pb2.ApiKey(user_id=team.user_id, inherit=True)
        )
    )
    await team.admin.RevokeApiKey(api_key_pb2.RevokeApiKeyRequest(api_key_id=made.api_key.id))
    credential: str = made.credential
    return credential


def _acting(name: str, token: str, callers: Sequence[Caller]) -> tuple[Caller, ...]:
    """Return a service that acts for nobody, and for each user who could be known to it."""
    alone = Caller(
        name=f"{name} for nobody", metadata=bearer(token), principal=Principal(service=name)
    )
    return (
        alone,
        *(
            Caller(
                name=f"{name} for {caller.name}",
                metadata=(
                    *bearer(token),
                    (
                        "picstore-principal-bin",
                        principal_to_proto(caller.principal).SerializeToString(),
                    ),
                ),
                principal=Principal(
                    service=name,
                    team_id=caller.principal.team_id,
                    user_id=caller.principal.user_id,
                    grants=caller.principal.grants,
                ),
            )
            for caller in callers
            if caller.principal.team_id is not None
        ),
    )
