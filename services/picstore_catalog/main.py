"""The catalog as a process: everything it consists of, put together from its settings."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from picstore.auth.v1.audit_pb2_grpc import AuditServiceStub
from picstore.catalog.v1 import (
    bootstrap_pb2_grpc,
    conversion_profile_pb2_grpc,
    image_service_pb2_grpc,
    ingest_pb2_grpc,
    overlay_template_pb2_grpc,
    project_pb2_grpc,
    reference_pb2_grpc,
    storage_location_pb2_grpc,
    upload_profile_pb2_grpc,
)
from picstore.jobs.v1 import job_pb2_grpc
from picstore_catalog.hub import SUBJECT, WatchHub
from picstore_catalog.mapping.storage_location import TeamRules
from picstore_catalog.servicer.bootstrap import BootstrapServicer
from picstore_catalog.servicer.conversion_profile import ConversionProfileServicer
from picstore_catalog.servicer.image import ImageServicer
from picstore_catalog.servicer.ingest import IngestServicer
from picstore_catalog.servicer.job import JobServicer
from picstore_catalog.servicer.overlay_template import OverlayTemplateServicer
from picstore_catalog.servicer.project import ProjectServicer
from picstore_catalog.servicer.reference import ReferenceServicer
from picstore_catalog.servicer.storage_location import StorageLocationServicer
from picstore_catalog.servicer.upload_profile import UploadProfileServicer
from picstore_catalog.settings import CatalogSettings
from picstore_catalog.stores import GuardedReach
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.gathered_lookups import GatheredLookups
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_catalog.usecases.storage_test import LocationTester
from picstore_catalog.usecases.sweep import Sweeper
from picstore_catalog.usecases.watch import Pace, Watching
from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.dlq import DeadLetterKeeper
from picstore_kit.bus.events import consume_events
from picstore_kit.bus.publisher import Publisher
from picstore_kit.denials import Denials
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.peers import follow_revocations, meet_peers
from picstore_kit.pg.audit_relay import AuditRelay
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import purge_for_ever
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.rpc.audit_log import RemoteAuditLog
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.health import ReadinessProbe
from picstore_kit.rpc.server import RPCServer, Servicer
from picstore_kit.sealing import Sealer

NAME: Final = "catalog"

_AUDIT: Final = "picstore.auth.v1.AuditService"


async def build(settings: CatalogSettings, lifecycle: Lifecycle) -> None:
    """Open everything, the server last."""
    database = await lifecycle.enter(
        Database(settings.postgres, schema=NAME, application_name=f"picstore-{NAME}")
    )
    bus = await lifecycle.enter(Bus(settings.nats, name=f"picstore-{NAME}"))
    lifecycle.spawn("outbox relay", OutboxRelay(database, Publisher(bus)).run())
    lifecycle.spawn("dead letters", DeadLetterKeeper(bus).run())
    peers = await meet_peers(lifecycle, identity=settings.identity, auth=settings.targets.auth)
    await follow_revocations(lifecycle, bus, peers)
    to_audit = await lifecycle.enter(
        open_channel(settings.targets.auth, services=[_AUDIT], credentials=peers.credentials)
    )
    audit_log = RemoteAuditLog(AuditServiceStub(to_audit))
    lifecycle.spawn("audit relay", AuditRelay(database, audit_log).run())
    denials = Denials(database)
    lifecycle.spawn("denials", denials.run())

    work = UnitOfWork(database)
    sweeper = Sweeper(work, interval=timedelta(seconds=settings.sweep_interval_s))
    lifecycle.spawn("job sweeper", sweeper.run())
    lifecycle.spawn("request ids", purge_for_ever(database))
    hub = WatchHub(limit=settings.watch.max_watchers)
    await lifecycle.enter(consume_events(bus, SUBJECT, hub.follow))

    server = await lifecycle.enter(
        RPCServer(
            settings.rpc,
            servicers=servicers(settings, work, sweeper, hub),
            authenticator=peers.authenticator,
            verifier=peers.verifier,
            denials=denials,
        )
    )
    probe = ReadinessProbe(server.health, {"postgres": database.check})
    lifecycle.spawn("readiness", probe.run())
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)
    lifecycle.on_drain(hub.close)


def servicers(
    settings: CatalogSettings, work: UnitOfWork, sweeper: Sweeper, hub: WatchHub
) -> list[Servicer]:
    """Return everything that the catalog serves."""
    # The pager derives a key of its own from it, and all replicas have the same.
    pager = Pager(settings.identity.secret.get_secret_value().encode())
    secrets = LocationSecrets(Sealer(settings.sealing))
    egress = EgressPolicy(settings.egress)
    reach = GuardedReach(secrets, egress, AmbientCredentials(os.environ))
    local_roots = tuple(PurePosixPath(root) for root in settings.allowed_local_roots)
    watching = Watching(
        work,
        hub,
        Pace(
            poll_s=settings.watch.poll_s,
            heartbeat_s=settings.watch.heartbeat_s,
            max_duration_s=settings.watch.max_duration_s,
        ),
        max_waits=settings.watch.max_waits,
        max_looks=settings.watch.max_looks,
    )
    return [
        (
            project_pb2_grpc.add_ProjectServiceServicer_to_server,
            ProjectServicer(work, pager),
            "picstore.catalog.v1.ProjectService",
        ),
        (
            storage_location_pb2_grpc.add_StorageLocationServiceServicer_to_server,
            StorageLocationServicer(
                work,
                pager,
                secrets=secrets,
                tester=LocationTester(reach),
                rules=TeamRules(egress=egress, local_roots=local_roots),
            ),
            "picstore.catalog.v1.StorageLocationService",
        ),
        (
            conversion_profile_pb2_grpc.add_ConversionProfileServiceServicer_to_server,
            ConversionProfileServicer(work, pager),
            "picstore.catalog.v1.ConversionProfileService",
        ),
        (
            upload_profile_pb2_grpc.add_UploadProfileServiceServicer_to_server,
            UploadProfileServicer(work, pager),
            "picstore.catalog.v1.UploadProfileService",
        ),
        (
            overlay_template_pb2_grpc.add_OverlayTemplateServiceServicer_to_server,
            OverlayTemplateServicer(work, pager),
            "picstore.catalog.v1.OverlayTemplateService",
        ),
        (
            image_service_pb2_grpc.add_ImageServiceServicer_to_server,
            ImageServicer(
                work, pager, GatheredLookups(work), watching, reach, grace=sweeper.interval
            ),
            "picstore.catalog.v1.ImageService",
        ),
        (
            ingest_pb2_grpc.add_IngestServiceServicer_to_server,
            IngestServicer(work, secrets, grace=sweeper.interval),
            "picstore.catalog.v1.IngestService",
        ),
        (
            job_pb2_grpc.add_JobServiceServicer_to_server,
            JobServicer(work, on_retry=sweeper.wake, grace=sweeper.interval),
            "picstore.jobs.v1.JobService",
        ),
        (
            reference_pb2_grpc.add_ReferenceServiceServicer_to_server,
            ReferenceServicer(work),
            "picstore.catalog.v1.ReferenceService",
        ),
        (
            bootstrap_pb2_grpc.add_BootstrapServiceServicer_to_server,
            BootstrapServicer(work, secrets, local_roots=local_roots),
            "picstore.catalog.v1.BootstrapService",
        ),
    ]


def main() -> int:
    """Run the catalog; the return value is the exit code."""
    return service_main(NAME, CatalogSettings, build)


if __name__ == "__main__":
    sys.exit(main())
