"""Opens what imports work with; a part of the service's composition root."""

from __future__ import annotations

from typing import Final

from picstore.events.v1.event_pb2 import Event as EventMessage
from picstore.upload.v1.import_pb2_grpc import add_ImportServiceServicer_to_server
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.events import Event, Subscription
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.net.download import DownloadTimes
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.pg.database import Database
from picstore_kit.pg.listen import listen
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.server import Servicer
from picstore_upload.imports.engine import ReceivingEngine
from picstore_upload.imports.listing import ListBuckets
from picstore_upload.imports.ports import Catalog
from picstore_upload.imports.queue import ImportQueue
from picstore_upload.imports.remote import RemoteSources
from picstore_upload.imports.repo import CHANNEL, ImportJobs
from picstore_upload.imports.servicer import ImportServicer
from picstore_upload.imports.settings import ImportSettings
from picstore_upload.imports.upkeep import ImportUpkeep
from picstore_upload.imports.worker import ImportItems, ImportWorkers
from picstore_upload.receive import ReceiveUpload

_SERVICE: Final = "picstore.upload.v1.ImportService"
_REVOKED: Final = "picstore.event.key.revoked"
_DAY_S: Final = 24 * 3600.0


async def open_imports(
    settings: ImportSettings,
    lifecycle: Lifecycle,
    *,
    database: Database,
    bus: Bus,
    catalog: Catalog,
    stores: LocationStores,
    receive: ReceiveUpload,
    page_secret: bytes,
) -> Servicer:
    """Begin to work on imports, and return what serves their calls."""
    egress = EgressPolicy(settings.egress)
    sources = await lifecycle.enter(
        RemoteSources(stores, egress, times=times_of(settings), downloads=settings.workers)
    )
    queue = ImportQueue(database, max_age_s=settings.max_days * _DAY_S)
    workers = ImportWorkers(
        ImportUpkeep(database),
        ImportItems(
            queue,
            ReceivingEngine(receive),
            catalog,
            sources,
        ),
        ListBuckets(queue, catalog, stores, max_items=settings.max_items),
        workers=settings.workers,
        keep_s=settings.keep_days * _DAY_S,
    )

    async def revoke(event: Event) -> None:
        await workers.revoke(list(EventMessage.FromString(event.payload).key_revoked.key_ids))

    await lifecycle.enter(Subscription(bus, _REVOKED, revoke))
    lifecycle.spawn("imports", workers.run())
    lifecycle.spawn("imports listen", listen(database.conninfo, CHANNEL, workers.wake))
    servicer = ImportServicer(
        ImportJobs(database, max_open=settings.max_jobs), catalog, egress, Pager(page_secret)
    )
    return add_ImportServiceServicer_to_server, servicer, _SERVICE


def times_of(settings: ImportSettings) -> DownloadTimes:
    """Return how long a server may take."""
    return DownloadTimes(
        connect_s=settings.connect_s,
        answer_s=settings.answer_s,
        stall_s=settings.stall_s,
        whole_s=settings.whole_s,
    )
