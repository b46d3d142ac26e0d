"""A catalog with a team that can upload, and its callers: users, upload service, converters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

import grpc
import pytest

from picstore.catalog.v1 import conversion_pb2, ingest_pb2, project_pb2, upload_profile_pb2
from picstore.catalog.v1.bootstrap_pb2_grpc import BootstrapServiceStub
from picstore.catalog.v1.conversion_profile_pb2_grpc import ConversionProfileServiceStub
from picstore.catalog.v1.image_pb2 import Image
from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceStub
from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceStub
from picstore.catalog.v1.overlay_template_pb2_grpc import OverlayTemplateServiceStub
from picstore.catalog.v1.project_pb2_grpc import ProjectServiceStub
from picstore.catalog.v1.storage_location_pb2_grpc import StorageLocationServiceStub
from picstore.catalog.v1.upload_profile_pb2_grpc import UploadProfileServiceStub
from picstore.jobs.v1.job_pb2 import (
    Claim,
    ClaimJobRequest,
    CompleteOutputRequest,
    CompleteOutputResponse,
    ConvertJob,
    StoredOutput,
    WantedOutput,
)
from picstore.jobs.v1.job_pb2_grpc import JobServiceStub
from picstore_catalog.hub import WatchHub
from picstore_catalog.main import servicers
from picstore_catalog.settings import CatalogSettings
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.blobs.keys import output_key
from picstore_kit.ids import TeamId, UploadId, UploadProfileId, UserId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.rpc.auth import Grant, Principal, principal_to_proto
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import AUTHORIZATION, PRINCIPAL, BearerCredentials, Credentials
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from tests.contract.catalog.callers import ADMIN, KnownKeys, TokenAuthority
from tests.contract.catalog.messages import document


class Client:
    """The catalog's services as one caller reaches them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.images = ImageServiceStub(channel)
        self.ingest = IngestServiceStub(channel)
        self.jobs = JobServiceStub(channel)
        self.projects = ProjectServiceStub(channel)
        self.locations = StorageLocationServiceStub(channel)
        self.conversion_profiles = ConversionProfileServiceStub(channel)
        self.overlay_templates = OverlayTemplateServiceStub(channel)
        self.upload_profiles = UploadProfileServiceStub(channel)
        self.bootstrap = BootstrapServiceStub(channel)


@dataclass(frozen=True, kw_only=True)
class ServiceFor:
    """The credentials of a service that acts for a user."""

    token: str
    principal: Principal

    async def metadata(self) -> list[tuple[str, str | bytes]]:
        acting_for = principal_to_proto(self.principal).SerializeToString()
        return [(AUTHORIZATION, f"Bearer {self.token}"), (PRINCIPAL, acting_for)]


class Callers:
    """Opens clients of one serving catalog."""

    def __init__(
        self, address: str, stack: AsyncExitStack, keys: KnownKeys, authority: TokenAuthority
    ) -> None:
        self._address = address
        self._stack = stack
        self._keys = keys
        self._authority = authority

    async def user(self, team_id: TeamId, grants: Sequence[Grant] = ADMIN) -> Client:
        key = self._keys.make(team_id, grants)
        return await self._client(BearerCredentials(lambda: key))

    def revoke_last(self) -> None:
        """Make the key that was made last be no good any more."""
        self._keys.revoke_last()

    async def service(self, name: str, *, acting_for: Principal | None = None) -> Client:
        token = self._authority.token(name)
        if acting_for is None:
            return await self._client(BearerCredentials(lambda: token))
        return await self._client(ServiceFor(token=token, principal=acting_for))

    async def _client(self, credentials: Credentials) -> Client:
        channel = open_channel(self._address, credentials=credentials)
        return Client(await self._stack.enter_async_context(channel))


@pytest.fixture
def hub() -> WatchHub:
    """What the catalog's watchers are woken by; nobody tells it anything unless a test does."""
    return WatchHub(limit=10)


@pytest.fixture
async def callers(
    settings: CatalogSettings, database: Database, hub: WatchHub
) -> AsyncIterator[Callers]:
    work = UnitOfWork(database)
    sweeper = Sweeper(work, interval=timedelta(seconds=settings.sweep_interval_s))
    keys, authority = KnownKeys(), TokenAuthority()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            RPCServer(
                settings.rpc,
                servicers=servicers(settings, work, sweeper, hub),
                authenticator=keys,
                verifier=ServiceTokenVerifier(authority),
            )
        )
        await server.serving()
        yield Callers(server.address, stack, keys, authority)


@pytest.fixture
def principal(team_id: TeamId) -> Principal:
    return Principal(team_id=team_id, user_id=new_id(UserId), grants=ADMIN)


@pytest.fixture
async def project(callers: Callers, team_id: TeamId) -> project_pb2.Project:
    """The team's project, with everything that an upload needs."""
    operator = await callers.service("operator")
    await operator.bootstrap.ApplyBootstrap(document(team_id))
    user = await callers.user(team_id)
    listed = await user.projects.ListProjects(project_pb2.ListProjectsRequest(short_name="blog"))
    return listed.projects[0]


@pytest.fixture
async def user(callers: Callers, team_id: TeamId, project: project_pb2.Project) -> Client:
    """Somebody who may do everything in the team."""
    return await callers.user(team_id)


@pytest.fixture
async def stranger(callers: Callers) -> Client:
    """Somebody who may do everything in another team."""
    return await callers.user(new_id(TeamId))


@pytest.fixture
async def upload(callers: Callers, principal: Principal, project: project_pb2.Project) -> Client:
    """The upload service, within a call of the user."""
    return await callers.service("upload", acting_for=principal)


@pytest.fixture
async def upload_by_default(
    callers: Callers, principal: Principal, user: Client, project: project_pb2.Project
) -> Client:
    """The upload service, within a call of a user whose key has a default upload profile."""
    listed = await user.upload_profiles.ListUploadProfiles(
        upload_profile_pb2.ListUploadProfilesRequest(project_id=project.id)
    )
    default = UploadProfileId(listed.upload_profiles[0].id)
    return await callers.service(
        "upload", acting_for=replace(principal, default_upload_profile_id=default)
    )


@pytest.fixture
async def converter(callers: Callers) -> Client:
    return await callers.service("converter")


@pytest.fixture
async def resolved(
    upload: Client, project: project_pb2.Project
) -> ingest_pb2.ResolveUploadResponse:
    return await upload.ingest.ResolveUpload(
        ingest_pb2.ResolveUploadRequest(
            project_id=project.id, upload_profile="photos", filename="A Lake.jpg", location="2026"
        )
    )


def commit_of(resolved: ingest_pb2.ResolveUploadResponse) -> ingest_pb2.CommitImageRequest:
    """The commit of a 1,200 x 800 JPEG."""
    return ingest_pb2.CommitImageRequest(
        upload_id=new_id(UploadId),
        image_id=resolved.image_id,
        generation=resolved.generation,
        project_id=resolved.project_id,
        upload_profile_id=resolved.upload_profile_id,
        filename=resolved.filename,
        location=resolved.location,
        alt_text="A lake",
        originals_location_id=resolved.originals_location.id,
        object_key=resolved.object_key,
        facts=conversion_pb2.SourceFacts(
            format=conversion_pb2.FORMAT_JPEG,
            width=1200,
            height=800,
            frames=1,
            size_bytes=123_456,
            sha256="ab" * 32,
            has_gps=True,
        ),
    )


@pytest.fixture
async def image(upload: Client, resolved: ingest_pb2.ResolveUploadResponse) -> Image:
    """A picture that was committed."""
    return (await upload.ingest.CommitImage(commit_of(resolved))).image


@pytest.fixture
async def job(image: Image, database: Database) -> ConvertJob:
    """The message that the commit sends to converters."""
    async with database.system_transaction() as conn:
        cursor = await conn.execute(
            "SELECT payload FROM outbox WHERE subject = 'picstore.job.convert.fast'"
        )
        ((payload,),) = await cursor.fetchall()
    return ConvertJob.FromString(bytes(payload))


@pytest.fixture
async def claim(converter: Client, job: ConvertJob) -> Claim:
    return await converter.jobs.ClaimJob(ClaimJobRequest(job_id=job.job_id, worker="converter-1"))


def stored(claim: Claim, wanted: WantedOutput) -> CompleteOutputRequest:
    """The report of an output that was made and stored."""
    spec = wanted.spec
    sha256 = "cd" * 32
    format = conversion_pb2.Format.Name(spec.format).removeprefix("FORMAT_").lower()
    key = output_key(
        claim.output_key_prefix, width=spec.width, height=spec.height, sha256=sha256, format=format
    )
    return CompleteOutputRequest(
        job_id=claim.job_id,
        attempt=claim.attempt,
        output_id=wanted.output_id,
        stored=StoredOutput(
            object_key=key,
            width=spec.width,
            height=spec.height,
            size_bytes=4321,
            sha256=sha256,
            encode_cpu_ms=17,
        ),
    )


async def complete_all(converter: Client, claim: Claim) -> CompleteOutputResponse:
    """Report every output of a job; return the last answer."""
    response = CompleteOutputResponse()
    for wanted in claim.outputs:
        response = await converter.jobs.CompleteOutput(stored(claim, wanted))
    return response
