"""The stores of locations as a test reaches them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picstore_catalog.model.storage_location import LocalDirectory, StorageLocation
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_catalog.usecases.storage_test import Reach
from picstore_kit.blobs.ambient import AmbientCredentials
from picstore_kit.blobs.base import BlobStore, BlobStoreDenied
from picstore_kit.blobs.provider import LocalConfig, S3Config, open_store
from picstore_kit.blobs.threads import Threads
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.net.fetch import Fetched, fetch
from picstore_kit.sealing import SealError

_FETCHES: Final = 4
_CONNECT_S: Final = 3.0
_READ_S: Final = 5.0
_ANSWER_S: Final = 10.0


class GuardedReach(Reach):
    """Reaches the locations of teams as far as a policy lets it, and those of the operator."""

    def __init__(
        self,
        secrets: LocationSecrets,
        egress: EgressPolicy,
        ambient: AmbientCredentials | None = None,
    ) -> None:
        self._secrets = secrets
        self._egress = egress
        self._ambient = ambient
        self._threads = Threads(_FETCHES, name="storage-test")

    def open(self, location: StorageLocation) -> BlobStore:
        """See `Reach`."""
        place = location.provider
        if isinstance(place, LocalDirectory):
            return open_store(LocalConfig(root=place.directory))
        config = S3Config(
            endpoint=place.endpoint,
            region=place.region or None,
            bucket=place.bucket,
            prefix=place.prefix,
            access_key=place.access_key_id or None,
            secret_key=self._secret(location),
            connect_timeout_s=_CONNECT_S,
            read_timeout_s=_READ_S,
            answer_timeout_s=_ANSWER_S,
        )
        if location.operator_managed:
            return open_store(replace(config, ambient=self._ambient))
        return open_store(replace(config, egress=self._egress))

    def _secret(self, location: StorageLocation) -> str | None:
        try:
            return self._secrets.open(location) or None
        except SealError as error:
            raise BlobStoreDenied("SecretUnreadable") from error

    async def fetch(self, location: StorageLocation, url: str) -> Fetched:
        """See `Reach`."""
        egress = None if location.operator_managed else self._egress
        return await self._threads.run(fetch, url, egress=egress)
