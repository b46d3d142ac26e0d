"""StorageLocationService."""

from __future__ import annotations

from picstore.catalog.v1 import storage_location_pb2, storage_location_pb2_grpc
from picstore_catalog.mapping.storage_location import location_message
from picstore_catalog.model.permission import Permission
from picstore_catalog.repo import storage_location as repo
from picstore_catalog.repo.access import Access
from picstore_catalog.uow import UnitOfWork
from picstore_kit.ids import LocationId, parse_id
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context


class StorageLocationServicer(storage_location_pb2_grpc.StorageLocationServiceServicer):
    """Shows storage locations."""

    def __init__(self, work: UnitOfWork, pager: Pager) -> None:
        self._work = work
        self._pager = pager

    async def GetStorageLocation(
        self, request: storage_location_pb2.GetStorageLocationRequest, context: Context
    ) -> storage_location_pb2.StorageLocation:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        location_id = parse_id(LocationId, request.storage_location_id, field="storage_location_id")
        async with self._work.begin(access.team_id) as transaction:
            return location_message(await repo.fetch(transaction, access, location_id))

    async def ListStorageLocations(
        self, request: storage_location_pb2.ListStorageLocationsRequest, context: Context
    ) -> storage_location_pb2.ListStorageLocationsResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.PROJECT_READ)
        access.require_somewhere()
        asked = self._pager.open(
            page_size=request.page_size,
            page_token=request.page_token,
            scope=("ListStorageLocations", access.team_id),
        )
        async with self._work.begin(access.team_id) as transaction:
            found = await repo.find_all(
                transaction,
                access,
                after=LocationId(asked.after[0]) if asked.after else None,
                limit=asked.limit,
            )
        page = self._pager.close(asked, found, cursor=lambda stored: (stored.value.id,))
        return storage_location_pb2.ListStorageLocationsResponse(
            storage_locations=[location_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )
