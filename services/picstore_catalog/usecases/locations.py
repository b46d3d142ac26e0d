"""Setting up storage locations, and keeping their secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from picstore_catalog.model.storage_location import (
    GivenLocation,
    GivenProvider,
    LocalDirectory,
    Provider,
    S3Bucket,
    StorageLocation,
    describe_location,
    describe_secret_change,
)
from picstore_catalog.model.stored import Stored
from picstore_catalog.repo import project as projects
from picstore_catalog.repo import storage_location as repo
from picstore_catalog.uow import Transaction, UnitOfWork
from picstore_kit import audit
from picstore_kit.changes import FieldChange, differences
from picstore_kit.errors import FailedPrecondition, Reason
from picstore_kit.ids import LocationId
from picstore_kit.pg.access import Access
from picstore_kit.sealing import Sealer, SealError
from picstore_kit.usage import refuse_in_use

_BATCH: Final = 100
"""Secrets that are sealed again in one transaction."""

log = structlog.get_logger(__name__)


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
        sealed = location.sealed_secret
        if sealed is None:
            return ""
        return self._sealer.open(sealed, bound_to=_place(location.id)).decode()

    def sealed_location(
        self, location_id: LocationId, given: GivenLocation, kept: StorageLocation | None = None
    ) -> StorageLocation:
        """Return what to store for a location that a team describes, `kept` before."""
        return StorageLocation(
            id=location_id,
            project_id=given.project_id,
            short_name=given.short_name,
            display_name=given.display_name,
            provider=self.sealed_provider(location_id, given.provider, kept),
            public_base_url=given.public_base_url,
            cache_control=given.cache_control,
            operator_managed=False,
        )

    def sealed_provider(
        self, location_id: LocationId, given: GivenProvider, kept: StorageLocation | None
    ) -> Provider:
        """Return what to store of where a location is."""
        if isinstance(given, LocalDirectory):
            return given
        secret = (
            self.sealed_again(location_id, given.secret_access_key, kept)
            if given.access_key_id
            else None
        )
        return S3Bucket(
            endpoint=given.endpoint,
            region=given.region,
            bucket=given.bucket,
            prefix=given.prefix,
            access_key_id=given.access_key_id,
            sealed_secret=secret,
        )

    def renewed(self, secret: repo.SealedSecret) -> repo.SealedSecret | None:
        """Return the secret under the current key, or None where it is under that already.

        Raises:
            SealError: It was damaged, or its key is not configured any more.
        """
        if not self._sealer.is_stale(secret.sealed):
            return None
        opened = self._sealer.open(secret.sealed, bound_to=_place(secret.location_id))
        sealed = self._sealer.seal(opened, bound_to=_place(secret.location_id))
        return repo.SealedSecret(location_id=secret.location_id, sealed=sealed)

    def sealed_again(
        self, location_id: LocationId, given: str, kept: StorageLocation | None
    ) -> bytes:
        """Return what to store for a secret that was given to a location again.

        That is what is kept, where it holds the same secret (or none was given) under the current
        key: sealing never gives the same bytes twice.
        """
        sealed = kept.sealed_secret if kept else None
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


async def require_may_create(
    transaction: Transaction, access: Access, location: StorageLocation
) -> None:
    """Refuse to make a location where the caller may not.

    Raises:
        NotFound, PermissionDenied: For its project, or for the whole team.
    """
    if location.project_id is not None:
        await projects.fetch(transaction, access, location.project_id)
    elif not access.allowed.everywhere:
        raise access.denied()


async def create_location(
    transaction: Transaction, access: Access, location: StorageLocation
) -> Stored[StorageLocation]:
    """Make a location, for one project or for all of the team's.

    Raises:
        NotFound, PermissionDenied: The caller may not, in this project.
        AlreadyExists: The short name is taken.
    """
    await require_may_create(transaction, access, location)
    made = await repo.insert(transaction, access, location)
    await _record(transaction, access, None, made.value)
    return made


async def preview_update(
    transaction: Transaction,
    access: Access,
    location_id: LocationId,
    change: Callable[[StorageLocation], StorageLocation],
    *,
    etag: str,
) -> tuple[Stored[StorageLocation], StorageLocation]:
    """Return a location, locked, and what a change would make of it.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        InvalidFields: A new value is wrong, or does not go with one that stays.
        FailedPrecondition: It is the operator's (OPERATOR_MANAGED), or objects would no longer be
            found (RESOURCE_IN_USE).
    """
    seen = await repo.fetch(transaction, access, location_id, lock=True)
    _require_own(seen.value)
    seen.require_etag(etag, resource=repo.resource(location_id))
    changed = change(seen.value)
    if not changed.has_same_place(seen.value):
        kept = await repo.find_kept(transaction, access, location_id)
        refuse_in_use(repo.resource(location_id), [kept])
    return seen, changed


async def update_location(
    transaction: Transaction,
    access: Access,
    location_id: LocationId,
    change: Callable[[StorageLocation], StorageLocation],
    *,
    etag: str,
) -> Stored[StorageLocation]:
    """Change a location; where nothing differs it stays as it is, with its etag.

    Raises:
        PicstoreError: As `preview_update` does.
    """
    seen, changed = await preview_update(transaction, access, location_id, change, etag=etag)
    if changed == seen.value:
        return seen
    updated = await repo.update(transaction, access, seen, changed)
    await _record(transaction, access, seen.value, updated.value)
    return updated


async def delete_location(
    transaction: Transaction, access: Access, location_id: LocationId, *, etag: str
) -> None:
    """Delete a location that nothing uses; the objects in it stay.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        Aborted: It has changed since the caller saw it (ETAG_MISMATCH).
        FailedPrecondition: It is the operator's (OPERATOR_MANAGED), or in use (RESOURCE_IN_USE).
    """
    seen = await repo.fetch(transaction, access, location_id, lock=True)
    _require_own(seen.value)
    seen.require_etag(etag, resource=repo.resource(location_id))
    usages = await repo.find_usages(transaction, access, location_id)
    refuse_in_use(repo.resource(location_id), usages)
    await repo.delete(transaction, access, location_id)
    await _record(transaction, access, seen.value, None)


class Reencryption:
    """What sealing everything again has come to."""

    def __init__(self) -> None:
        self.examined = 0
        self.reencrypted = 0
        self.unreadable: list[LocationId] = []


async def reencrypt_secrets(work: UnitOfWork, secrets: LocationSecrets) -> Reencryption:
    """Seal all secrets under the current key, in batches that keep nobody waiting for long.

    Afterwards an older key can go from the settings, provided that every process had the new one by
    the time that this began.

    Raises:
        FailedPrecondition: Some do not open; all others were done.
    """
    done = Reencryption()
    after: LocationId | None = None
    while True:
        async with work.begin_for_all_teams() as transaction:
            batch = await repo.lock_secrets(transaction, after=after, limit=_BATCH)
            for secret in batch:
                await _renew(transaction, secrets, secret, done)
        if len(batch) < _BATCH:
            break
        after = batch[-1].location_id
    if done.unreadable:
        names = ",".join(done.unreadable[:10])
        raise FailedPrecondition(
            Reason.STATE_WRONG,
            f"{len(done.unreadable)} secrets do not open with any of the keys; give them again",
            metadata={"storage_locations": names},
        )
    return done


async def _renew(
    transaction: Transaction,
    secrets: LocationSecrets,
    secret: repo.SealedSecret,
    done: Reencryption,
) -> None:
    done.examined += 1
    try:
        renewed = secrets.renewed(secret)
    except SealError as error:
        log.warning("secret.unreadable", location=secret.location_id, reason=str(error))
        done.unreadable.append(secret.location_id)
        return
    if renewed is not None:
        await repo.replace_secret(transaction, renewed)
        done.reencrypted += 1


async def require_own(transaction: Transaction, access: Access, location_id: LocationId) -> None:
    """Refuse a caller who may not have everything in a location that others may share.

    Where the operator has set a location up, other teams may have theirs in the same bucket.

    Raises:
        NotFound, PermissionDenied: The caller may not.
        FailedPrecondition: It is the operator's (OPERATOR_MANAGED).
    """
    _require_own((await repo.fetch(transaction, access, location_id)).value)


def _require_own(location: StorageLocation) -> None:
    if location.operator_managed:
        raise FailedPrecondition(
            Reason.OPERATOR_MANAGED,
            f"{location.id} was set up by the operator, who alone changes it",
            metadata={"resource_name": location.id},
            resource=repo.resource(location.id),
        )


async def _record(
    transaction: Transaction,
    access: Access,
    before: StorageLocation | None,
    after: StorageLocation | None,
) -> None:
    location = after or before
    if location is None:
        return
    await audit.record(
        transaction,
        team_id=access.team_id,
        resource_type="StorageLocation",
        resource_id=location.id,
        project_id=location.project_id,
        changes=_changes(before, after),
    )


def _changes(
    before: StorageLocation | None, after: StorageLocation | None
) -> tuple[FieldChange, ...]:
    fields = differences(
        {"short_name": before.short_name, **describe_location(before, {})} if before else {},
        {"short_name": after.short_name, **describe_location(after, {})} if after else {},
    )
    return fields + describe_secret_change(before, after) if after else fields


def _place(location_id: LocationId) -> str:
    return f"storage_location:{location_id}"
