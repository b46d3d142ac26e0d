"""Composition root of the converter."""

from __future__ import annotations

import os
import socket
import sys

from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceStub
from picstore.jobs.v1.job_pb2_grpc import JobServiceStub
from picstore_converter.admission import MemoryBudget, usual_budget
from picstore_converter.convert import ConvertImage
from picstore_converter.handler import JobHandler
from picstore_converter.ledger import RPCLedger, RPCLocations
from picstore_converter.model import Setup
from picstore_converter.settings import ConverterSettings, limits_of
from picstore_imaging.fonts import child_environment
from picstore_imaging.versions import installed
from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.worker import Worker
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.peers import meet_peers
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.server import RPCServer
from picstore_kit.sandbox.pool import ChildPool
from picstore_kit.sandbox.report import Layer
from picstore_kit.scratch import scratch_directory, temporary_directory

_INGEST = "picstore.catalog.v1.IngestService"
_JOBS = "picstore.jobs.v1.JobService"


async def build(settings: ConverterSettings, lifecycle: Lifecycle) -> None:
    """Open everything that a converter works with."""
    peers = await meet_peers(lifecycle, identity=settings.identity, auth=settings.targets.auth)
    catalog = await lifecycle.enter(
        open_channel(
            settings.targets.catalog,
            services=[_INGEST, _JOBS],
            credentials=peers.credentials,
        )
    )
    locations = RPCLocations(IngestServiceStub(catalog))
    stores = await lifecycle.enter(
        LocationStores(locations.get, EgressPolicy(settings.egress), AmbientCredentials(os.environ))
    )
    server = await lifecycle.enter(
        RPCServer(
            settings.rpc,
            servicers=[],
            authenticator=peers.authenticator,
            verifier=peers.verifier,
        )
    )
    work_dir = await lifecycle.enter(
        scratch_directory(settings.conversion.work_dir, prefix="picstore-converter-")
    )
    rooms_dir = await lifecycle.enter(temporary_directory(work_dir, prefix="rooms-"))
    private_dir = await lifecycle.enter(temporary_directory(work_dir, prefix="private-"))
    limits = limits_of(settings.conversion)
    fonts_dir = settings.conversion.fonts_dir
    children = await lifecycle.enter(
        ChildPool(
            target="picstore_imaging.sandboxed:work",
            size=settings.conversion.children + settings.express,
            env=child_environment(fonts_dir),
            limits=limits,
            work_dir=rooms_dir,
            readable=() if fonts_dir is None else (fonts_dir,),
            required=tuple(Layer) if settings.conversion.require_sandbox else (),
        )
    )

    def setup() -> Setup:
        layers = children.report.summary() if children.report else {}
        return Setup(limits=limits, versions=installed(), sandbox=layers)

    convert = ConvertImage(
        ledger=RPCLedger(JobServiceStub(catalog), worker=f"{socket.gethostname()}-{os.getpid()}"),
        stores=stores,
        children=children,
        private_dir=private_dir,
        setup=setup,
        budget=MemoryBudget(settings.conversion.memory_budget_bytes or usual_budget()),
        memory_bytes=settings.conversion.memory_bytes,
    )
    # No job may come before a child can take it, or where none can be had.
    await children.started()
    bus = await lifecycle.enter(Bus(settings.nats, name="picstore-converter"))
    worker = await lifecycle.enter(
        Worker(
            bus,
            lanes=settings.lanes,
            slots=settings.conversion.children,
            express=settings.express,
            handler=JobHandler(convert),
            deadline_s=settings.conversion.wall_s + 120,
        )
    )
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)
    lifecycle.on_drain(worker.draining)


def main() -> int:
    """Run the converter until it is told to stop."""
    return service_main("converter", ConverterSettings, build)


if __name__ == "__main__":
    sys.exit(main())
