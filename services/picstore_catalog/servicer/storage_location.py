"""StorageLocationService."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.empty_pb2 import Empty

from picstore.catalog.v1 import storage_location_pb2, storage_location_pb2_grpc
from picstore_catalog.mapping.storage_location import (
    TeamRules,
    changed_location,
    location_message,
    masked_paths,
    new_location,
    report_message,
)
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.storage_location import StorageLocation
from picstore_catalog.repo import storage_location as repo
from picstore_catalog.servicer.named_list import named_page
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_catalog.usecases.locations import (
    LocationSecrets,
    create_location,
    delete_location,
    preview_update,
    reencrypt_secrets,
    require_may_create,
    update_location,
)
from picstore_catalog.usecases.storage_test import LocationTester
from picstore_kit.ids import LocationId, new_id, parse_id
from picstore_kit.pg.access import Access
from picstore_kit.pg.paging import Pager
from picstore_kit.rpc.auth import require_principal
from picstore_kit.rpc.call import Context
from picstore_kit.violations import all_at_once


class StorageLocationServicer(storage_location_pb2_grpc.StorageLocationServiceServicer):
    """Administers storage locations."""

    def __init__(
        self,
        work: UnitOfWork,
        pager: Pager,
        *,
        secrets: LocationSecrets,
        tester: LocationTester,
        rules: TeamRules,
    ) -> None:
        self._work = work
        self._pager = pager
        self._secrets = secrets
        self._tester = tester
        self._rules = rules

    async def CreateStorageLocation(
        self, request: storage_location_pb2.CreateStorageLocationRequest, context: Context
    ) -> storage_location_pb2.StorageLocation:
        """See the contract."""
        access = Access.of(require_principal(), Permission.STORAGE_LOCATION_WRITE)
        with all_at_once() as violations:
            given = new_location(
                request.storage_location, violations, team_id=access.team_id, rules=self._rules
            )
        location = self._secrets.sealed_location(new_id(LocationId), given)
        if request.require_test:
            earlier = await self._work.answered(
                access,
                method="CreateStorageLocation",
                request=request,
                answer=storage_location_pb2.StorageLocation,
            )
            if earlier is not None:
                return earlier
            async with self._work.begin(access.team_id) as transaction:
                await require_may_create(transaction, access, location)
            (await self._tester.test(location)).require_passed()

        async def create(transaction: Transaction) -> storage_location_pb2.StorageLocation:
            return location_message(await create_location(transaction, access, location))

        return await self._work.once(
            access,
            method="CreateStorageLocation",
            request=request,
            answer=storage_location_pb2.StorageLocation,
            work=create,
        )

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
        page = await named_page(
            self._work,
            self._pager,
            request,
            method="ListStorageLocations",
            id_kind=LocationId,
            find_all=repo.find_all,
        )
        return storage_location_pb2.ListStorageLocationsResponse(
            storage_locations=[location_message(stored) for stored in page.rows],
            next_page_token=page.next_page_token,
        )

    async def UpdateStorageLocation(
        self, request: storage_location_pb2.UpdateStorageLocationRequest, context: Context
    ) -> storage_location_pb2.StorageLocation:
        """See the contract."""
        access = Access.of(require_principal(), Permission.STORAGE_LOCATION_WRITE)
        message = request.storage_location
        with all_at_once() as violations:
            location_id = violations.id(LocationId, message.id, "storage_location.id")
            paths = masked_paths(request.update_mask, message, violations)

        def change(kept: StorageLocation) -> StorageLocation:
            with all_at_once() as violations:
                given = changed_location(
                    kept, message, paths, violations, team_id=access.team_id, rules=self._rules
                )
            return self._secrets.sealed_location(kept.id, given, kept)

        etag = message.etag
        if request.require_test:
            etag = await self._test_changed(access, location_id, change, etag=etag)
        async with self._work.begin(access.team_id) as transaction:
            updated = await update_location(transaction, access, location_id, change, etag=etag)
        return location_message(updated)

    async def DeleteStorageLocation(
        self, request: storage_location_pb2.DeleteStorageLocationRequest, context: Context
    ) -> Empty:
        """See the contract."""
        access = Access.of(require_principal(), Permission.STORAGE_LOCATION_WRITE)
        location_id = parse_id(LocationId, request.storage_location_id, field="storage_location_id")
        async with self._work.begin(access.team_id) as transaction:
            await delete_location(transaction, access, location_id, etag=request.etag)
        return Empty()

    async def TestStorageLocation(
        self, request: storage_location_pb2.TestStorageLocationRequest, context: Context
    ) -> storage_location_pb2.TestStorageLocationResponse:
        """See the contract."""
        access = Access.of(require_principal(), Permission.STORAGE_LOCATION_WRITE)
        location_id = parse_id(LocationId, request.storage_location_id, field="storage_location_id")
        async with self._work.begin(access.team_id) as transaction:
            stored = await repo.fetch(transaction, access, location_id)
        return report_message(await self._tester.test(stored.value))

    async def ReencryptStorageSecrets(
        self, request: storage_location_pb2.ReencryptStorageSecretsRequest, context: Context
    ) -> storage_location_pb2.ReencryptStorageSecretsResponse:
        """See the contract."""
        done = await reencrypt_secrets(self._work, self._secrets)
        return storage_location_pb2.ReencryptStorageSecretsResponse(
            examined=done.examined, reencrypted=done.reencrypted
        )

    async def _test_changed(
        self,
        access: Access,
        location_id: LocationId,
        change: Callable[[StorageLocation], StorageLocation],
        *,
        etag: str,
    ) -> str:
        """Test what a location would become, and return the etag of what it was tested as."""
        async with self._work.begin(access.team_id) as transaction:
            seen, changed = await preview_update(
                transaction, access, location_id, change, etag=etag
            )
        (await self._tester.test(changed)).require_passed()
        return seen.etag
