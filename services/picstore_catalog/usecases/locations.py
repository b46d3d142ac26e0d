"""The secrets of storage locations."""

from __future__ import annotations

from picstore_catalog.model.storage_location import S3Bucket, StorageLocation
from picstore_kit.ids import LocationId
from picstore_kit.sealing import Sealer, SealError


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

    def sealed_again(
        self, location_id: LocationId, given: str, kept: StorageLocation | None
    ) -> bytes:
        """Return what to store for a secret that was given to a location again.

        That is what is kept, where it holds the same secret (or none was given) under the current
        key: sealing never gives the same bytes twice.
        """
        sealed = (
            kept.provider.sealed_secret if kept and isinstance(kept.provider, S3Bucket) else None
        )
        if kept is None or sealed is None:
            return self.seal(location_id, given)
        try:
            secret = self.open(kept)
        except SealError:
            # Its key is gone; giving the secret again is how it is mended.
            return self.seal(location_id, given) if given else sealed
        if given in ("", secret) and not self._sealer.is_stale(sealed):
            return sealed
        return self.seal(location_id, given or secret)


def _place(location_id: LocationId) -> str:
    return f"storage_location:{location_id}"
