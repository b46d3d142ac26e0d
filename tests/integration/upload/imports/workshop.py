"""Imports on a real Postgres, with an engine that keeps in memory what it has taken."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, LiteralString

from pydantic import SecretStr

from picstore.upload.v1 import import_pb2
from picstore.upload.v1.import_pb2_grpc import (
    ImportServiceStub,
    add_ImportServiceServicer_to_server,
)
from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Reason,
)
from picstore_kit.ids import ImageId, LocationId, ProjectId, TeamId, UploadId, new_id
from picstore_kit.net.download import DownloadTimes
from picstore_kit.net.egress import EgressPolicy, Resolver, system_resolver
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.rpc.auth import Principal, require_principal
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.settings import EgressSettings, PostgresSettings, RPCSettings
from picstore_upload.imports.listing import ListBuckets
from picstore_upload.imports.ports import Taken
from picstore_upload.imports.queue import ImportQueue
from picstore_upload.imports.remote import RemoteSources
from picstore_upload.imports.repo import ImportJobs
from picstore_upload.imports.servicer import ImportServicer
from picstore_upload.imports.upkeep import ImportUpkeep
from picstore_upload.imports.worker import ImportItems, ImportWorkers
from picstore_upload.model import Chunk, End, OnDuplicate, Receiver, UploadHeader, check_declared
from tests.contract.catalog.callers import ADMIN, KnownKeys, TokenAuthority
from tests.integration.upload.pictures import jpeg

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.upload.v1.import_pb2_grpc import ImportServiceAsyncStub

PASSWORD = "not a secret"
MAX_BYTES = 1_000_000
TIMES = DownloadTimes(connect_s=2, answer_s=5, stall_s=5, whole_s=30)


@dataclass(slots=True)
class MemoryEngine:
    """Checks files as the service does, and keeps what it has taken as the catalog does."""

    committed: dict[UploadId, tuple[str, str]] = field(default_factory=dict)
    """Picture and digest, by upload."""
    headers: list[UploadHeader] = field(default_factory=list)
    principals: list[Principal] = field(default_factory=list)
    before: Callable[[UploadHeader], Any] = lambda header: None
    """Called when a file begins to come."""

    async def take(
        self,
        team_id: TeamId,
        header: UploadHeader,
        messages: AsyncIterator[Chunk | End],
    ) -> Taken:
        assert header.upload_id is not None
        self.headers.append(header)
        self.principals.append(require_principal())
        self.before(header)
        check_declared(header, max_bytes=MAX_BYTES)
        receiver = Receiver(header, max_bytes=MAX_BYTES)
        async for message in messages:
            if isinstance(message, End):
                break
            receiver.take(message)
        else:
            raise InvalidArgument(Reason.UPLOAD_INCOMPLETE, "it ended before the file did")
        _, digest = receiver.finish(message)
        return self.commit(header.upload_id, digest, header.on_duplicate)

    def commit(
        self,
        upload_id: UploadId,
        digest: str,
        on_duplicate: OnDuplicate = OnDuplicate.RETURN_EXISTING,
    ) -> Taken:
        same = [image for image, known in self.committed.values() if known == digest]
        if same and on_duplicate is OnDuplicate.REFUSE:
            raise AlreadyExists(
                Reason.IMAGE_DUPLICATE, "the project has it", metadata={"image": same[0]}
            )
        image_id = same[0] if same else new_id(ImageId)
        self.committed[upload_id] = (image_id, digest)
        return Taken(image_id=image_id, duplicate=bool(same))


@dataclass(slots=True)
class MemoryCatalog:
    """Says of one project and one location whose they are."""

    engine: MemoryEngine
    project_id: ProjectId
    team_id: TeamId
    location_id: LocationId

    async def resolve(self, header: UploadHeader) -> object:
        await self.authorize_import(ProjectId(header.project_id))
        return None

    async def authorize_import(
        self, project_id: ProjectId, location_id: LocationId | None = None
    ) -> None:
        principal = require_principal()
        if principal.team_id != self.team_id or project_id != self.project_id:
            raise NotFound.of("Project", project_id)
        if not principal.allows("image:create", project_id):
            raise PermissionDenied.missing("image:create")
        if location_id is not None and location_id != self.location_id:
            raise NotFound.of("StorageLocation", location_id)
        if location_id is not None and not principal.allows("storage_location:write"):
            raise PermissionDenied.missing("storage_location:write")

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        found = self.engine.committed.get(upload_id)
        return ImageId(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class OneStore:
    """The store of every location."""

    store: BlobStore

    async def open(self, location_id: LocationId) -> BlobStore:
        return self.store


@dataclass(slots=True, kw_only=True)
class Workshop:
    """All of it."""

    database: Database
    team_id: TeamId
    project_id: ProjectId
    location_id: LocationId
    keys: KnownKeys
    jobs: ImportJobs
    queue: ImportQueue
    engine: MemoryEngine
    catalog: MemoryCatalog
    store: MemoryBlobStore
    sources: RemoteSources
    items: ImportItems
    buckets: ListBuckets
    workers: ImportWorkers
    api: ImportServiceAsyncStub
    """As a user who may do everything in the team."""
    stranger: ImportServiceAsyncStub
    dial: Callable[[str], Any]

    async def import_url(self, url: str, **fields: Any) -> import_pb2.ImportJob:
        return await self.api.CreateImportJob(self.url_request(url, **fields))

    def url_request(
        self, url: str, request_id: str = "", **fields: Any
    ) -> import_pb2.CreateImportJobRequest:
        job = import_pb2.ImportJob(
            project_id=self.project_id, url=import_pb2.UrlSource(url=url), **fields
        )
        return import_pb2.CreateImportJobRequest(import_job=job, request_id=request_id)

    async def import_bucket(self, prefix: str = "", **fields: Any) -> import_pb2.ImportJob:
        bucket = import_pb2.BucketSource(storage_location_id=self.location_id, prefix=prefix)
        job = import_pb2.ImportJob(project_id=self.project_id, bucket=bucket, **fields)
        return await self.api.CreateImportJob(import_pb2.CreateImportJobRequest(import_job=job))

    async def work_out(self) -> None:
        """Do everything that is due."""
        while await self.buckets.step():
            pass
        while await self.items.step():
            pass

    async def make_due(self) -> None:
        """Let all pauses and leases be over."""
        async with self.database.system_transaction() as conn:
            await conn.execute("UPDATE import_items SET due_at = now() - interval '1 second'")
            await conn.execute("UPDATE import_jobs SET list_due_at = now() - interval '1 second'")

    async def rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        async with self.database.system_transaction() as conn:
            return await (await conn.execute(query)).fetchall()

    async def job(self, job_id: str) -> import_pb2.ImportJob:
        return await self.api.GetImportJob(import_pb2.GetImportJobRequest(import_job_id=job_id))

    async def report(self, job_id: str) -> list[import_pb2.ImportItem]:
        request = import_pb2.ListImportItemsRequest(import_job_id=job_id, page_size=500)
        return list((await self.api.ListImportItems(request)).items)

    async def only(self, job_id: str) -> import_pb2.ImportItem:
        (item,) = await self.report(job_id)
        return item


def state(item: import_pb2.ImportItem) -> str:
    return import_pb2.ImportItem.State.Name(item.state).removeprefix("STATE_")


def job_state(job: import_pb2.ImportJob) -> str:
    return import_pb2.ImportJob.State.Name(job.state).removeprefix("STATE_")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@asynccontextmanager
async def workshop(
    database_url: str,
    *,
    allowed: tuple[str, ...] = ("127.0.0.1",),
    resolver: Resolver = system_resolver,
    times: DownloadTimes = TIMES,
    max_items: int = 1000,
    max_open: int = 50,
) -> AsyncIterator[Workshop]:
    """Open all of it; everything closes when the block ends."""
    keys, team_id = KnownKeys(), new_id(TeamId)
    egress = EgressPolicy(EgressSettings(allowed=allowed, allow_http=True), resolver=resolver)
    async with AsyncExitStack() as stack:
        await provision(database_url, service="upload", password=PASSWORD)
        directory = resources.files("picstore_upload") / "migrations"
        await migrate(database_url, service="upload", directory=directory)
        dsn = login_dsn(database_url, service="upload", password=PASSWORD)
        database = await stack.enter_async_context(
            Database(
                PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=8, connection_wait_s=30),
                schema="upload",
                application_name="tests",
            )
        )
        engine = MemoryEngine()
        catalog = MemoryCatalog(engine, new_id(ProjectId), team_id, new_id(LocationId))
        store = MemoryBlobStore()
        queue = ImportQueue(database, max_age_s=3600)
        stores = OneStore(store)
        sources = await stack.enter_async_context(
            RemoteSources(stores, egress, times=times, downloads=4)
        )
        items = ImportItems(queue, engine, catalog, sources, jitter=lambda: 0.0)
        buckets = ListBuckets(queue, catalog, stores, max_items=max_items, jitter=lambda: 0.0)
        jobs = ImportJobs(database, max_open=max_open)
        servicer = ImportServicer(jobs, catalog, egress, Pager(b"secret"))
        server = await stack.enter_async_context(
            RPCServer(
                RPCSettings(stop_grace_s=0.2),
                servicers=[
                    (
                        add_ImportServiceServicer_to_server,
                        servicer,
                        "picstore.upload.v1.ImportService",
                    )
                ],
                authenticator=keys,
                verifier=ServiceTokenVerifier(TokenAuthority()),
            )
        )
        await server.serving()

        async def dial(credential: str) -> ImportServiceAsyncStub:
            channel = await stack.enter_async_context(
                open_channel(server.address, credentials=BearerCredentials(lambda: credential))
            )
            return ImportServiceStub(channel)

        yield Workshop(
            database=database,
            team_id=team_id,
            project_id=catalog.project_id,
            location_id=catalog.location_id,
            keys=keys,
            jobs=jobs,
            queue=queue,
            engine=engine,
            catalog=catalog,
            store=store,
            sources=sources,
            items=items,
            buckets=buckets,
            workers=ImportWorkers(ImportUpkeep(database), items, buckets, workers=2, keep_s=3600),
            api=await dial(keys.make(team_id, ADMIN)),
            stranger=await dial(keys.make(new_id(TeamId), ADMIN)),
            dial=dial,
        )


async def fill(shop: Workshop) -> None:
    """Put thirty objects into the bucket: pictures, the same twice, and what is no picture."""
    for index in range(20):
        await put(shop, f"shop/cats/{index:02}.jpg", jpeg(120 + index, 80))
    for index in range(5):
        await put(shop, f"shop/again/{index}.jpg", jpeg(120 + index, 80))
    for index in range(3):
        await put(shop, f"shop/notes/{index}.txt", b"no picture at all " * 10_000)
    await put(shop, "shop/empty.png", b"")
    await put(shop, "shop/large.jpg", jpeg() + bytes(1_000_000))
    await put(shop, "incoming/upl_1/part.jpg", jpeg())
    await put(shop, "elsewhere/a.jpg", jpeg(300, 200))


async def put(shop: Workshop, key: str, data: bytes) -> None:
    await shop.store.put_bytes(key, data, content_type="image/x-nonsense")
