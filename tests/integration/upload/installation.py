"""The catalog and the upload service in this process, on a real Postgres and a real S3 store."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import grpc.aio
from pydantic import SecretStr

from picstore.catalog.v1 import (
    bootstrap_pb2,
    conversion_pb2,
    conversion_profile_pb2,
    image_pb2,
    image_service_pb2,
    project_pb2,
    storage_location_pb2,
    upload_profile_pb2,
)
from picstore.catalog.v1.bootstrap_pb2_grpc import BootstrapServiceStub
from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceStub
from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceStub
from picstore.catalog.v1.overlay_template_pb2_grpc import OverlayTemplateServiceStub
from picstore.upload.v1.upload_pb2_grpc import (
    UploadServiceStub,
    add_UploadServiceServicer_to_server,
)
from picstore_catalog.hub import WatchHub
from picstore_catalog.main import servicers
from picstore_catalog.settings import CatalogSettings
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.sweep import Sweeper
from picstore_imaging.limits import Limits
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.blobs.s3 import S3BlobStore
from picstore_kit.blobs.s3_client import S3Config
from picstore_kit.faults import Faults
from picstore_kit.ids import TeamId, new_id
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.rpc.auth import Grant
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials, Credentials, ServiceCredentials
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenSource, ServiceTokenVerifier
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool
from picstore_kit.scratch import temporary_directory
from picstore_kit.settings import (
    EgressSettings,
    PostgresSettings,
    RPCSettings,
    SealingSettings,
    ServiceIdentitySettings,
)
from picstore_local.infrastructure import Infrastructure
from picstore_upload.catalog import RPCCatalog
from picstore_upload.checks import CheckFile
from picstore_upload.main import assemble
from picstore_upload.repo import UploadJournal
from picstore_upload.servicer import UploadServicer
from picstore_upload.settings import IngestSettings
from picstore_upload.spool import Spools
from picstore_upload.sweep import SweepUploads
from tests.contract.catalog.callers import ADMIN, KnownKeys, TokenAuthority

if TYPE_CHECKING:  # they exist for type checkers only
    from picstore.catalog.v1.image_service_pb2_grpc import ImageServiceAsyncStub
    from picstore.catalog.v1.overlay_template_pb2_grpc import OverlayTemplateServiceAsyncStub
    from picstore.upload.v1.upload_pb2_grpc import UploadServiceAsyncStub

PASSWORD = "not a secret"
LIMITS = Limits(bytes=20_000_000, pixels=1_000_000, side=1_500, frames=5)
"""Small enough to be passed by a test's picture."""


class KnownTokens(ServiceTokenSource):
    """Tokens of a service, without asking anybody."""

    def __init__(self, authority: TokenAuthority, service: str) -> None:
        self._authority = authority
        self._service = service

    async def token(self) -> str:
        return self._authority.token(self._service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Everything that a test of uploads or conversions may want to look at."""

    infra: Infrastructure
    bucket: str
    team_id: TeamId
    project_id: str
    catalog_database: Database
    upload_database: Database
    sweeper: Sweeper
    """The catalog's."""
    catalog_address: str
    authority: TokenAuthority
    uploads: UploadServiceAsyncStub
    """As a user who may do everything in the team."""
    images: ImageServiceAsyncStub
    """As the same user."""
    overlay_templates: OverlayTemplateServiceAsyncStub
    """As the same user."""
    other_replica: UploadServiceAsyncStub
    """Another process of the service, as the same user."""
    stranger: UploadServiceAsyncStub
    """As a user of another team."""
    viewer: UploadServiceAsyncStub
    """As a user of the team who may look, but not upload."""
    store: S3BlobStore
    """The bucket, for a look."""
    journal: UploadJournal
    sweep: SweepUploads
    """The upload service's."""
    stack: AsyncExitStack = field(repr=False)

    def credentials(self, service: str) -> Credentials:
        """Return what a service calls the catalog with."""
        return ServiceCredentials(KnownTokens(self.authority, service))

    async def objects(self) -> list[str]:
        """Every object in the bucket, and every upload of parts that nobody has finished."""
        keys = [key async for key in self.store.list("")]
        listing = self.infra.s3.client()._list_multipart_uploads(self.bucket)
        return [*sorted(keys), *(f"parts of {part.object_name}" for part in listing.uploads)]

    async def journal_rows(self) -> list[tuple[Any, ...]]:
        return await self._rows(self.upload_database, "SELECT id, state FROM uploads")

    async def session_rows(self) -> list[tuple[Any, ...]]:
        return await self._rows(
            self.upload_database,
            "SELECT id, state, persisted_size, cleaned FROM sessions ORDER BY id",
        )

    async def catalog_rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        return await self._rows(self.catalog_database, query)

    async def let_leases_end(self) -> None:
        """Make the journal believe that nobody has been heard of for long."""
        async with self.upload_database.system_transaction() as conn:
            await conn.execute(
                "UPDATE uploads SET lease_until = clock_timestamp() - interval '1 second'"
            )
            await conn.execute(
                "UPDATE sessions SET lease_until = clock_timestamp() - interval '1 second'"
                " WHERE lease_until IS NOT NULL"
            )

    async def let_presigned_end(self) -> None:
        """Make every presigned request one that has expired, so that the sweep looks for more."""
        async with self.upload_database.system_transaction() as conn:
            await conn.execute(
                "UPDATE sessions SET signed_until = clock_timestamp() - interval '1 second',"
                " due_at = clock_timestamp() - interval '1 second'"
                " WHERE signed_until IS NOT NULL AND state <> 'OPEN'"
            )

    async def let_uploads_expire(self) -> None:
        """Make the time of every upload over."""
        async with self.upload_database.system_transaction() as conn:
            await conn.execute(
                "UPDATE sessions SET expires_at = clock_timestamp() - interval '1 second',"
                " due_at = clock_timestamp() - interval '1 second', lease_until = NULL"
                " WHERE state = 'OPEN' OR (partial AND state = 'COMPLETED')"
            )

    async def nothing_is_left(self) -> None:
        """Let everything end that can, and assert that only originals of pictures are stored."""
        await self.let_uploads_expire()
        await self.let_leases_end()
        await self.sweep.sweep()
        await self.let_presigned_end()
        await self.sweep.sweep()
        originals = await self.catalog_rows("SELECT object_key FROM originals")
        assert await self.objects() == sorted(key for (key,) in originals)
        assert await self.journal_rows() == []
        assert [row for row in await self.session_rows() if row[1] == "OPEN"] == []

    async def announce(self) -> str:
        """Make a picture that awaits its upload, and return its id."""
        request = image_service_pb2.CreateImageRequest(
            image=image_pb2.Image(
                project_id=self.project_id, upload_profile="photos", filename="later.jpg"
            )
        )
        return (await self.images.CreateImage(request)).id

    async def _rows(self, database: Database, query: LiteralString) -> list[tuple[Any, ...]]:
        async with database.system_transaction() as conn:
            return await (await conn.execute(query)).fetchall()


@asynccontextmanager
async def installation(
    infra: Infrastructure,
    database_url: str,
    bucket: str,
    spool_dir: Path,
    *,
    limits: Limits = LIMITS,
    stall_s: float = 20,
    max_uploads: int = 8,
    upload_ttl_s: float = 3600,
    presign_ttl_s: int = 60,
    catalog_type: type[RPCCatalog] = RPCCatalog,
    widths: Sequence[int] = (32, 64),
) -> AsyncIterator[Installation]:
    """Open all of it; everything closes when the block ends."""
    keys, authority = KnownKeys(), TokenAuthority()
    verifier = ServiceTokenVerifier(authority)
    team_id = new_id(TeamId)
    async with AsyncExitStack() as stack:
        settings = CatalogSettings(
            postgres=await _migrated(database_url, "catalog"),
            identity=ServiceIdentitySettings(name="catalog", secret=SecretStr(PASSWORD)),
            sealing=SealingSettings(
                keys={"k1": SecretStr(base64.b64encode(bytes(32)).decode())}, current="k1"
            ),
            rpc=RPCSettings(stop_grace_s=0.2),
        )
        catalog_database = await stack.enter_async_context(
            Database(settings.postgres, schema="catalog", application_name="tests")
        )
        work = UnitOfWork(catalog_database)
        sweeper = Sweeper(work, interval=timedelta(seconds=30))
        catalog_server = await stack.enter_async_context(
            RPCServer(
                settings.rpc,
                servicers=servicers(settings, work, sweeper, WatchHub(limit=10)),
                authenticator=keys,
                verifier=verifier,
            )
        )
        await catalog_server.serving()

        upload_database = await stack.enter_async_context(
            Database(
                await _migrated(database_url, "upload"), schema="upload", application_name="tests"
            )
        )
        channel = await stack.enter_async_context(
            open_channel(
                catalog_server.address,
                services=["picstore.catalog.v1.IngestService"],
                credentials=ServiceCredentials(KnownTokens(authority, "upload")),
            )
        )
        catalog = catalog_type(IngestServiceStub(channel))
        stores = await stack.enter_async_context(
            LocationStores(catalog.get_location, EgressPolicy(EgressSettings()))
        )
        rooms_dir = await stack.enter_async_context(
            temporary_directory(spool_dir.parent, prefix="rooms-")
        )
        children = await stack.enter_async_context(
            ChildPool(
                target="picstore_imaging.sandboxed:probe_file",
                size=1,
                spares=0,
                limits=SandboxLimits(wall_s=20),
                work_dir=rooms_dir,
            )
        )
        replicas = []
        for _ in range(2):
            uploads = assemble(
                upload_database,
                catalog,
                stores,
                CheckFile(children),
                await stack.enter_async_context(Spools(spool_dir)),
                IngestSettings(
                    max_uploads=max_uploads,
                    stall_s=stall_s,
                    upload_ttl_s=upload_ttl_s,
                    presign_ttl_s=presign_ttl_s,
                    sweep_interval_s=3600,
                ),
                limits,
                Faults(),
            )
            server = await stack.enter_async_context(
                RPCServer(
                    settings.rpc,
                    servicers=[
                        (
                            add_UploadServiceServicer_to_server,
                            UploadServicer(uploads.cases),
                            "picstore.upload.v1.UploadService",
                        )
                    ],
                    authenticator=keys,
                    verifier=verifier,
                )
            )
            await server.serving()
            replicas.append((server, uploads))
        upload_server, uploads = replicas[0]

        async def dial(address: str, credential: str) -> grpc.aio.Channel:
            return await stack.enter_async_context(
                open_channel(address, credentials=BearerCredentials(lambda: credential))
            )

        user, stranger = keys.make(team_id, ADMIN), keys.make(new_id(TeamId), ADMIN)
        viewer = keys.make(team_id, (Grant(permission="image:read"),))
        operator = BootstrapServiceStub(
            await dial(catalog_server.address, authority.token("operator"))
        )
        applied = await operator.ApplyBootstrap(_document(team_id, infra, bucket, widths))
        store = S3BlobStore(_s3(infra, bucket))
        stack.push_async_callback(store.close)
        yield Installation(
            infra=infra,
            bucket=bucket,
            team_id=team_id,
            project_id=applied.project_ids["blog"],
            catalog_database=catalog_database,
            upload_database=upload_database,
            sweeper=sweeper,
            catalog_address=catalog_server.address,
            authority=authority,
            uploads=UploadServiceStub(await dial(upload_server.address, user)),
            images=ImageServiceStub(await dial(catalog_server.address, user)),
            overlay_templates=OverlayTemplateServiceStub(await dial(catalog_server.address, user)),
            stranger=UploadServiceStub(await dial(upload_server.address, stranger)),
            store=store,
            other_replica=UploadServiceStub(await dial(replicas[1][0].address, user)),
            viewer=UploadServiceStub(await dial(upload_server.address, viewer)),
            journal=UploadJournal(upload_database),
            sweep=uploads.sweep,
            stack=stack,
        )


async def _migrated(database_url: str, service: str) -> PostgresSettings:
    await provision(database_url, service=service, password=PASSWORD)
    directory = resources.files(f"picstore_{service}") / "migrations"
    await migrate(database_url, service=service, directory=directory)
    dsn = login_dsn(database_url, service=service, password=PASSWORD)
    return PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=10, connection_wait_s=30)


def _s3(infra: Infrastructure, bucket: str) -> S3Config:
    return S3Config(
        endpoint=infra.s3.endpoint,
        region=infra.s3.region,
        bucket=bucket,
        access_key=infra.s3.access_key,
        secret_key=infra.s3.secret_key,
    )


def _document(
    team_id: TeamId, infra: Infrastructure, bucket: str, widths: Sequence[int]
) -> bootstrap_pb2.ApplyBootstrapRequest:
    return bootstrap_pb2.ApplyBootstrapRequest(
        team_id=team_id,
        projects=[project_pb2.Project(short_name="blog", base_path="blog")],
        storage_locations=[
            storage_location_pb2.StorageLocation(
                short_name="store",
                public_base_url="https://img.example.com",
                s3=storage_location_pb2.S3Provider(
                    endpoint=infra.s3.endpoint,
                    region=infra.s3.region,
                    bucket=bucket,
                    access_key_id=infra.s3.access_key,
                    secret_access_key=infra.s3.secret_key,
                ),
            )
        ],
        conversion_profiles=[
            conversion_profile_pb2.ConversionProfile(
                short_name="web",
                formats=[
                    conversion_pb2.FormatRule(format=conversion_pb2.FORMAT_WEBP),
                    conversion_pb2.FormatRule(format=conversion_pb2.FORMAT_JPEG),
                ],
                sizes=[conversion_pb2.SizeRule(width=width) for width in widths],
            ),
            conversion_profile_pb2.ConversionProfile(
                short_name="from-png",
                formats=[
                    conversion_pb2.FormatRule(
                        format=conversion_pb2.FORMAT_PNG, only_from=[conversion_pb2.FORMAT_PNG]
                    )
                ],
                sizes=[conversion_pb2.SizeRule(width=32)],
            ),
        ],
        upload_profiles=[_upload_profile("photos", "web"), _upload_profile("from-png", "from-png")],
    )


def _upload_profile(short_name: str, conversion_profile: str) -> upload_profile_pb2.UploadProfile:
    return upload_profile_pb2.UploadProfile(
        short_name=short_name,
        project_id="blog",
        originals_location_id="store",
        originals_path="originals",
        outputs_location_id="store",
        outputs_path="web",
        conversion_profile_id=conversion_profile,
    )
