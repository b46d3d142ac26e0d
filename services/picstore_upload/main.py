"""Composition root of the upload service."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceStub
from picstore.upload.v1.upload_pb2_grpc import add_UploadServiceServicer_to_server
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_imaging.limits import Limits
from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.bus.connection import Bus
from picstore_kit.faults import Faults
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.peers import follow_revocations, meet_peers
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import purge_for_ever
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.health import ReadinessProbe
from picstore_kit.rpc.server import RPCServer
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool
from picstore_kit.sandbox.report import Layer
from picstore_kit.scratch import scratch_directory, temporary_directory
from picstore_upload.catalog import RPCCatalog
from picstore_upload.checks import CheckFile
from picstore_upload.imports.build import open_imports
from picstore_upload.ports import Catalog, Stores
from picstore_upload.receive import ReceiveUpload
from picstore_upload.repo import UploadJournal
from picstore_upload.servicer import UploadServicer, UseCases
from picstore_upload.sessions.clean import CleanUpload
from picstore_upload.sessions.create import CreateUpload
from picstore_upload.sessions.delete import DeleteUpload
from picstore_upload.sessions.finish import FinishUpload
from picstore_upload.sessions.lease_table import LeaseTable
from picstore_upload.sessions.leases import Leases
from picstore_upload.sessions.progress import Progress
from picstore_upload.sessions.repo import Sessions
from picstore_upload.sessions.signing import SignRequests
from picstore_upload.sessions.write import WriteUpload
from picstore_upload.settings import IngestSettings, UploadSettings
from picstore_upload.settle import SettleUpload
from picstore_upload.spool import Spools
from picstore_upload.sweep import SweepUploads

_INGEST = "picstore.catalog.v1.IngestService"
_UPLOAD = "picstore.upload.v1.UploadService"


async def build(settings: UploadSettings, lifecycle: Lifecycle) -> None:
    """Open everything that the upload service works with."""
    database = await lifecycle.enter(
        Database(settings.postgres, schema="upload", application_name="picstore-upload")
    )
    bus = await lifecycle.enter(Bus(settings.nats, name="picstore-upload"))
    peers = await meet_peers(lifecycle, identity=settings.identity, auth=settings.targets.auth)
    await follow_revocations(lifecycle, bus, peers)
    channel = await lifecycle.enter(
        open_channel(settings.targets.catalog, services=[_INGEST], credentials=peers.credentials)
    )
    catalog = RPCCatalog(IngestServiceStub(channel))
    stores = await lifecycle.enter(
        LocationStores(
            catalog.get_location,
            EgressPolicy(settings.egress),
            AmbientCredentials(os.environ),
        )
    )
    spool_dir = await lifecycle.enter(
        scratch_directory(settings.ingest.spool_dir, prefix="picstore-upload-")
    )
    rooms_dir = await lifecycle.enter(temporary_directory(spool_dir, prefix="rooms-"))
    children = await lifecycle.enter(
        ChildPool(
            target="picstore_imaging.sandboxed:probe_file",
            size=settings.probe.children,
            env=CHILD_ENVIRONMENT,
            limits=SandboxLimits(
                # A file is mapped as a whole to walk through it, which takes addresses, not memory.
                memory_bytes=settings.probe.memory_bytes + settings.ingest.max_bytes,
                wall_s=settings.probe.wall_s,
            ),
            work_dir=rooms_dir,
            required=tuple(Layer) if settings.probe.require_sandbox else (),
        )
    )
    # Whoever calls before a child is warm would wait for it in vain where none can be had.
    await children.started()
    spools = await lifecycle.enter(Spools(spool_dir))
    uploads = assemble(
        database,
        catalog,
        stores,
        CheckFile(children),
        spools,
        settings.ingest,
        limits_of(settings.ingest),
        Faults(settings.faults.dir),
    )
    imports = await open_imports(
        settings.imports,
        lifecycle,
        database=database,
        bus=bus,
        catalog=catalog,
        stores=stores,
        receive=uploads.cases.receive,
        page_secret=settings.identity.secret.get_secret_value().encode(),
    )
    server = await lifecycle.enter(
        RPCServer(
            settings.rpc,
            servicers=[
                (add_UploadServiceServicer_to_server, UploadServicer(uploads.cases), _UPLOAD),
                imports,
            ],
            authenticator=peers.authenticator,
            verifier=peers.verifier,
        )
    )
    probe = ReadinessProbe(server.health, {"postgres": database.check})
    lifecycle.spawn("readiness", probe.run())
    lifecycle.spawn("sweep", uploads.sweep.run())
    lifecycle.spawn("request ids", purge_for_ever(database))
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """The use-cases, and what is done beside calls."""

    cases: UseCases
    sweep: SweepUploads


def assemble(
    database: Database,
    catalog: Catalog,
    stores: Stores,
    check: CheckFile,
    spools: Spools,
    settings: IngestSettings,
    limits: Limits,
    faults: Faults,
) -> Uploads:
    """Put the use-cases together."""
    journal, sessions, progress = UploadJournal(database), Sessions(database), Progress(database)
    leases = Leases(LeaseTable(database), sessions)
    settle = SettleUpload(journal=journal, commits=catalog, stores=stores)
    clean = CleanUpload(sessions=sessions, commits=catalog, stores=stores)
    receive = ReceiveUpload(
        catalog=catalog,
        stores=stores,
        check=check,
        journal=journal,
        settle=settle,
        spools=spools,
        limits=limits,
        max_uploads=settings.max_uploads,
        stall_s=settings.stall_s,
        faults=faults,
    )
    finish = FinishUpload(
        sessions=sessions,
        progress=progress,
        leases=leases,
        catalog=catalog,
        stores=stores,
        check=check,
        clean=clean,
        receive=receive,
        spools=spools,
        limits=limits,
        faults=faults,
    )
    sign = SignRequests(
        sessions=sessions, stores=stores, limits=limits, expires_s=settings.presign_ttl_s
    )
    cases = UseCases(
        receive=receive,
        create=CreateUpload(
            sessions=sessions,
            progress=progress,
            catalog=catalog,
            stores=stores,
            sign=sign,
            limits=limits,
            ttl_s=settings.upload_ttl_s,
        ),
        write=WriteUpload(
            sessions=sessions,
            progress=progress,
            leases=leases,
            stores=stores,
            finish=finish,
            clean=clean,
            spools=spools,
            limits=limits,
            max_uploads=settings.max_uploads,
            stall_s=settings.stall_s,
            faults=faults,
        ),
        finish=finish,
        delete=DeleteUpload(sessions=sessions, leases=leases, clean=clean),
        sign=sign,
        sessions=sessions,
    )
    sweep = SweepUploads(
        journal=journal,
        settle=settle,
        sessions=sessions,
        clean=clean,
        interval_s=settings.sweep_interval_s,
    )
    return Uploads(cases=cases, sweep=sweep)


def limits_of(settings: IngestSettings) -> Limits:
    """Return what a picture may measure where its project says nothing tighter."""
    return Limits(
        bytes=settings.max_bytes,
        pixels=settings.max_pixels,
        pixels_whole_decode=settings.max_pixels_whole_decode,
        allow_svg=settings.allow_svg,
    )


def main() -> int:
    """Run the upload service until it is told to stop."""
    return service_main("upload", UploadSettings, build)


if __name__ == "__main__":
    sys.exit(main())
