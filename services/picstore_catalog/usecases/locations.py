"""The secrets of storage locations."""

from __future__ import annotations

from picstore_catalog.model.storage_location import S3Bucket, StorageLocation
from picstore_kit.ids import LocationId
from picstore_kit.sealing import Sealer


class LocationSecrets:
    """Seals secret access keys before they are stored, and opens them for services."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, location_id: LocationId, secret: str) -> bytes:
        """Encrypt the secret access key of one location."""
        return self._sealer.seal(secret.encode(), bound_to=_place(location_id))

    def open(self, location: StorageLocation) -> str:
        """Return the secret access key of a location, empty where it has none.

        Raises:
            SealError: It was damaged, or its key is not configured any more.
        """
        if not isinstance(location.provider, S3Bucket) or location.provider.sealed_secret is None:
            return ""
        sealed = location.provider.sealed_secret
        return self._sealer.open(sealed, bound_to=_place(location.id)).decode()

    def is_stale(self, location: StorageLocation) -> bool:
        """Whether the secret is sealed with another key than the current one."""
        sealed = (
            location.provider.sealed_secret if isinstance(location.provider, S3Bucket) else None
        )
        return sealed is not None and self._sealer.is_stale(sealed)


def _place(location_id: LocationId) -> str:
    return f"storage_location:{location_id}"
