"""The stores behind storage locations: opened as the catalog describes them, kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from picstore.catalog.v1.storage_location_pb2 import StorageLocation
from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.provider import LocalConfig, S3Config, open_store
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import LocationId
from picstore_kit.net.egress import EgressPolicy

_FRESH_S: Final = 60.0
"""Rotated credentials are taken up within this time."""


def open_location(
    location: StorageLocation, egress: EgressPolicy, ambient: AmbientCredentials | None
) -> BlobStore:
    """Open the store that `location` describes, secrets and all.

    What a team has set up is reached only as far as `egress` lets it, and never with the ambient
    credentials; what the operator has set up may be anywhere.

    Raises:
        FailedPrecondition: It is of a kind that this version does not know.
        BlobStoreDenied: No store can be reached by such a configuration.
    """
    match location.WhichOneof("provider"):
        case "s3":
            s3 = location.s3
            return open_store(
                S3Config(
                    endpoint=s3.endpoint,
                    region=s3.region or None,
                    bucket=s3.bucket,
                    prefix=s3.prefix,
                    access_key=s3.access_key_id or None,
                    secret_key=s3.secret_access_key or None,
                    ambient=ambient if location.operator_managed else None,
                    egress=None if location.operator_managed else egress,
                )
            )
        case "local":
            return open_store(LocalConfig(root=location.local.directory))
        case _:
            raise FailedPrecondition(
                Reason.STATE_WRONG,
                f"the storage location {location.id} is of an unknown kind",
                metadata={"storage_location": location.id},
            )


@dataclass(slots=True)
class _Entry:
    store: BlobStore
    etag: str
    fresh_until: float


class LocationStores:
    """Opens stores by location id; asks for a location again when what it knows grows old."""

    def __init__(
        self,
        fetch: Callable[[LocationId], Awaitable[StorageLocation]],
        egress: EgressPolicy,
        ambient: AmbientCredentials | None = None,
    ) -> None:
        self._fetch = fetch
        self._egress = egress
        self._ambient = ambient
        self._entries: dict[LocationId, _Entry] = {}
        # All that were opened, also those that a newer one replaced: somebody may be using them.
        self._opened = AsyncExitStack()
        self._fetching = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location.

        Raises:
            PicstoreError: The location could not be fetched, or no store can be as it says.
        """
        entry = self._entries.get(location_id)
        if entry is None or entry.fresh_until < time.monotonic():
            async with self._fetching:
                entry = self._entries.get(location_id)
                if entry is None or entry.fresh_until < time.monotonic():
                    entry = await self._refresh(location_id, entry)
        return entry.store

    async def _refresh(self, location_id: LocationId, known: _Entry | None) -> _Entry:
        location = await self._fetch(location_id)
        if known is not None and known.etag == location.etag:
            store = known.store
        else:
            store = open_location(location, self._egress, self._ambient)
            self._opened.push_async_callback(store.close)
        entry = _Entry(store=store, etag=location.etag, fresh_until=time.monotonic() + _FRESH_S)
        self._entries[location_id] = entry
        return entry
