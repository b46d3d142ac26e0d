"""What an administrator does with storage locations."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask

from picstore.catalog.v1.storage_location_pb2 import (
    CreateStorageLocationRequest,
    DeleteStorageLocationRequest,
    StorageLocation,
    UpdateStorageLocationRequest,
)
from tests.contract.catalog.callers import Client
from tests.contract.catalog.messages import location


async def create(
    client: Client, message: StorageLocation | None = None, **more: object
) -> StorageLocation:
    return await client.locations.CreateStorageLocation(
        CreateStorageLocationRequest(storage_location=message or location(), **more)  # type: ignore[arg-type]  # names are checked at run time
    )


async def update(client: Client, message: StorageLocation, *paths: str) -> StorageLocation:
    return await client.locations.UpdateStorageLocation(
        UpdateStorageLocationRequest(
            storage_location=message, update_mask=FieldMask(paths=list(paths))
        )
    )


async def delete(client: Client, location_id: str, etag: str = "") -> None:
    await client.locations.DeleteStorageLocation(
        DeleteStorageLocationRequest(storage_location_id=location_id, etag=etag)
    )
