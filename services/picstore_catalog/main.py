"""The catalog as a process: everything it consists of, put together from its settings."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from picstore.auth.v1.authentication_pb2_grpc import AuthenticationServiceStub, TokenServiceStub
from picstore.catalog.v1 import (
    bootstrap_pb2_grpc,
    image_pb2_grpc,
    ingest_pb2_grpc,
    project_pb2_grpc,
)
from picstore.events.v1.event_pb2 import Event as EventMessage
from picstore.jobs.v1 import job_pb2_grpc
from picstore_catalog.servicer.bootstrap import BootstrapServicer
from picstore_catalog.servicer.conversion_profile import ConversionProfileServicer
from picstore_catalog.servicer.image import ImageServicer
from picstore_catalog.servicer.ingest import IngestServicer
from picstore_catalog.servicer.job import JobServicer
from picstore_catalog.servicer.project import ProjectServicer
from picstore_catalog.servicer.storage_location import StorageLocationServicer
from picstore_catalog.servicer.upload_profile import UploadProfileServicer
from picstore_catalog.settings import CatalogSettings
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.events import Event, consume_events
from picstore_kit.bus.publisher import Publisher
from picstore_kit.ids import KeyId
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.pg.database import Database
from picstore_kit.pg.paging import Pager
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.rpc.authenticator import RemoteAuthenticator
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import ServiceCredentials
from picstore_kit.rpc.server import RPCServer, Servicer
from picstore_kit.rpc.tokens import (
    RemoteVerificationKeys,
    ServiceTokenSource,
    ServiceTokenVerifier,
)
from picstore_kit.sealing import Sealer

NAME: Final = "catalog"

_KEY_REVOKED: Final = "picstore.event.key.revoked"
_AUTHENTICATION: Final = "picstore.auth.v1.AuthenticationService"
_TOKENS: Final = "picstore.auth.v1.TokenService"


async def build(settings: CatalogSettings, lifecycle: Lifecycle) -> None:
    """Open everything, the server last."""
    database = await lifecycle.enter(
        Database(settings.postgres, schema=NAME, application_name=f"picstore-{NAME}")
    )
    bus = await lifecycle.enter(Bus(settings.nats, name=f"picstore-{NAME}"))
    lifecycle.spawn("outbox relay", OutboxRelay(database, Publisher(bus)).run())

    public_auth = await lifecycle.enter(open_channel(settings.targets.auth, services=[_TOKENS]))
    token_stub = TokenServiceStub(public_auth)
    credentials = ServiceCredentials(ServiceTokenSource(token_stub, settings.identity))
    auth = await lifecycle.enter(
        open_channel(settings.targets.auth, services=[_AUTHENTICATION], credentials=credentials)
    )
    authenticator = RemoteAuthenticator(AuthenticationServiceStub(auth))
    await lifecycle.enter(consume_events(bus, _KEY_REVOKED, _forgets_keys(authenticator)))

    work = UnitOfWork(database)
    sweeper = Sweeper(work, interval=timedelta(seconds=settings.sweep_interval_s))
    lifecycle.spawn("job sweeper", sweeper.run())
    server = await lifecycle.enter(
        RPCServer(
            settings.rpc,
            servicers=servicers(settings, work, sweeper),
            authenticator=authenticator,
            verifier=ServiceTokenVerifier(RemoteVerificationKeys(token_stub)),
        )
    )
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)


def servicers(settings: CatalogSettings, work: UnitOfWork, sweeper: Sweeper) -> list[Servicer]:
    """Return everything that the catalog serves."""
    # The pager derives a key of its own from it, and all replicas have the same.
    pager = Pager(settings.identity.secret.get_secret_value().encode())
    secrets = LocationSecrets(Sealer(settings.sealing))
    local_roots = tuple(PurePosixPath(root) for root in settings.allowed_local_roots)
    return [
        (
            project_pb2_grpc.add_ProjectServiceServicer_to_server,
            ProjectServicer(work, pager),
            "picstore.catalog.v1.ProjectService",
        ),
        (
            project_pb2_grpc.add_StorageLocationServiceServicer_to_server,
            StorageLocationServicer(work, pager),
            "picstore.catalog.v1.StorageLocationService",
        ),
        (
            project_pb2_grpc.add_ConversionProfileServiceServicer_to_server,
            ConversionProfileServicer(work, pager),
            "picstore.catalog.v1.ConversionProfileService",
        ),
        (
            project_pb2_grpc.add_UploadProfileServiceServicer_to_server,
            UploadProfileServicer(work, pager),
            "picstore.catalog.v1.UploadProfileService",
        ),
        (
            image_pb2_grpc.add_ImageServiceServicer_to_server,
            ImageServicer(work, pager),
            "picstore.catalog.v1.ImageService",
        ),
        (
            ingest_pb2_grpc.add_IngestServiceServicer_to_server,
            IngestServicer(work, secrets, grace=sweeper.interval),
            "picstore.catalog.v1.IngestService",
        ),
        (
            job_pb2_grpc.add_JobServiceServicer_to_server,
            JobServicer(work, on_retry=sweeper.wake),
            "picstore.jobs.v1.JobService",
        ),
        (
            bootstrap_pb2_grpc.add_BootstrapServiceServicer_to_server,
            BootstrapServicer(work, secrets, local_roots=local_roots),
            "picstore.catalog.v1.BootstrapService",
        ),
    ]


def _forgets_keys(authenticator: RemoteAuthenticator) -> Callable[[Event], Awaitable[None]]:
    async def on_key_revoked(event: Event) -> None:
        for key_id in EventMessage.FromString(event.payload).key_revoked.key_ids:
            authenticator.forget(KeyId(key_id))

    return on_key_revoked


def main() -> int:
    """Run the catalog; the return value is the exit code."""
    return service_main(NAME, CatalogSettings, build)


if __name__ == "__main__":
    sys.exit(main())
