"""Trying a storage location: all that will be asked of it, with a probe object of its own.

Nothing that a server sends is repeated to the caller, who may have named that server.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final, Protocol

import structlog

from picstore_catalog.model.storage_location import (
    DEFAULT_CACHE_CONTROL,
    LocalDirectory,
    StorageLocation,
)
from picstore_catalog.model.storage_test import Outcome, Report, Step
from picstore_kit.blobs.base import BlobNotFound, BlobStore, BlobStoreDenied, BlobStoreUnavailable
from picstore_kit.blobs.keys import public_url
from picstore_kit.errors import PicstoreError
from picstore_kit.net.egress import EndpointForbidden
from picstore_kit.net.fetch import Fetched, Unreachable

_TESTS: Final = 4
"""Tests at once; each may hold threads for as long as a server keeps it waiting."""

_BUDGET_S: Final = 40.0
"""Seconds for all steps, within the deadline of any call; what does not fit is skipped."""

_STEP_S: Final = 15.0

_CONTENT_TYPE: Final = "image/avif"
"""A type that a server hardly ever guesses: it has to be what was stored."""

_PROBE_BYTES: Final = 1024
_RANGE: Final = slice(100, 300)

_SETTINGS: Final = {
    "SignatureDoesNotMatch": "s3.secret_access_key: the one that belongs to the access key id",
    "InvalidAccessKeyId": "s3.access_key_id: one that the store knows",
    "InvalidSecurity": "s3.access_key_id: one that the store knows",
    "ExpiredToken": "credentials that have not expired",
    "NoSuchBucket": "s3.bucket: a bucket that exists at the endpoint",
    "InvalidBucketName": "s3.bucket: a bucket that exists at the endpoint",
    "AuthorizationHeaderMalformed": "s3.region: the region of the bucket",
    "PermanentRedirect": "s3.region and s3.endpoint: those of the bucket",
    "IllegalLocationConstraintException": "s3.region: the region of the bucket",
    "RequestTimeTooSkewed": "a clock that is right, here or in the store",
    "NoCredentialsFound": "s3.access_key_id, or credentials in the services' surroundings",
    "SecretUnreadable": "s3.secret_access_key: it has to be given again",
    "InvalidConfiguration": "s3.endpoint and s3.bucket: those of a store",
}

log = structlog.get_logger(__name__)


class Reach(Protocol):
    """How a test gets to a location."""

    def open(self, location: StorageLocation) -> BlobStore:
        """Open its store with short timeouts; within the egress policy if it is a team's."""

    async def fetch(self, location: StorageLocation, url: str) -> Fetched:
        """Get a URL below its public base URL; within the egress policy if it is a team's.

        Raises:
            Unreachable: There is no usable answer.
            EndpointForbidden: The policy does not let us go there.
        """


class LocationTester:
    """Tries storage locations."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._turns = asyncio.Semaphore(_TESTS)

    async def test(self, location: StorageLocation) -> Report:
        """Try a location, which may not be stored yet; what was written is deleted again."""
        async with self._turns:
            return await _Probe(location, self._reach).run()


class _Fault(Exception):
    """A step has failed."""

    def __init__(self, message: str, missing: str) -> None:
        super().__init__(message)
        self.message = message
        self.missing = missing


class _Probe:
    """One test of one location."""

    def __init__(self, location: StorageLocation, reach: Reach) -> None:
        self._location = location
        self._reach = reach
        self._content = secrets.token_bytes(_PROBE_BYTES)
        self._key = f"picstore-probe-{secrets.token_hex(16)}"
        self._copy = f"{self._key}-copy"
        self._cache_control = location.cache_control or DEFAULT_CACHE_CONTROL
        self._steps: dict[str, Step] = {}
        self._ends = time.monotonic() + _BUDGET_S

    async def run(self) -> Report:
        try:
            store = self._reach.open(self._location)
        except BlobStoreDenied as error:
            message, missing = self._diagnosis(error)
            failed = Step(name="write", outcome=Outcome.FAILED, message=message, missing=missing)
            return Report(steps=(failed,))
        try:
            await self._run(store)
        finally:
            await self._clean_up(store)
            await store.close()
        return Report(steps=tuple(self._steps.values()))

    async def _run(self, store: BlobStore) -> None:
        await self._step("write", lambda: self._write(store))
        await self._step("read", lambda: self._read(store), after="write")
        await self._step("range", lambda: self._read_range(store), after="write")
        await self._step("list", lambda: self._list(store), after="write")
        await self._step("copy", lambda: self._copy_it(store), after="write")
        await self._try_public()
        await self._step("delete", lambda: self._delete(store), after="write")

    async def _try_public(self) -> None:
        base = self._location.public_base_url
        if not base:
            for name in ("public", "content_type", "cache_control"):
                self._skip(name, "the location has no public_base_url")
            return
        answers: list[Fetched] = []
        await self._step("public", lambda: self._fetch(base, answers), after="write")
        await self._step("content_type", lambda: self._check_type(answers[0]), after="public")
        await self._step("cache_control", lambda: self._check_cache(answers[0]), after="public")

    async def _step(
        self, name: str, attempt: Callable[[], Awaitable[str]], *, after: str | None = None
    ) -> None:
        if after is not None and self._steps[after].outcome is not Outcome.PASSED:
            self._skip(name, f"needs the step {after}")
            return
        left = self._ends - time.monotonic()
        if left <= 0:
            self._skip(name, "the steps before it took too long")
            return
        started = time.monotonic()
        missing = ""
        try:
            async with asyncio.timeout(min(left, _STEP_S)):
                message = await attempt()
        except TimeoutError:
            message, missing = "took too long", "a store that answers sooner"
        except _Fault as fault:
            message, missing = fault.message, fault.missing
        except PicstoreError as error:
            message, missing = self._diagnosis(error)
        self._steps[name] = Step(
            name=name,
            outcome=Outcome.FAILED if missing else Outcome.PASSED,
            message=message,
            missing=missing,
            duration_ms=round((time.monotonic() - started) * 1000),
        )

    def _skip(self, name: str, reason: str) -> None:
        self._steps[name] = Step(name=name, outcome=Outcome.SKIPPED, message=reason)

    async def _write(self, store: BlobStore) -> str:
        try:
            await store.put_bytes(
                self._key,
                self._content,
                content_type=_CONTENT_TYPE,
                cache_control=self._cache_control,
            )
        except BlobStoreDenied as error:
            if error.action != "s3:GetObject":
                raise
            # It is there, but may not be looked at: the next step says so.
        return f"wrote {_PROBE_BYTES} bytes"

    async def _read(self, store: BlobStore) -> str:
        if await _collect(store, self._key) != self._content:
            raise _Fault(
                "other bytes came back than were written", "a store that keeps objects as they are"
            )
        return "read what was written"

    async def _read_range(self, store: BlobStore) -> str:
        found = await _collect(
            store, self._key, offset=_RANGE.start, length=_RANGE.stop - _RANGE.start
        )
        if found != self._content[_RANGE]:
            raise _Fault(
                "a part of the object is not what it should be",
                "a store that answers range requests",
            )
        return "read a part of it"

    async def _list(self, store: BlobStore) -> str:
        async with aclosing(store.list(self._key)) as keys:  # type: ignore[type-var]  # a generator
            async for key in keys:
                if key == self._key:
                    return "found it by its prefix"
        raise _Fault(
            "the object is not listed", "a store that lists objects as soon as they are written"
        )

    async def _copy_it(self, store: BlobStore) -> str:
        stat = await store.copy(self._key, self._copy)
        if stat.size != _PROBE_BYTES or stat.content_type != _CONTENT_TYPE:
            raise _Fault(
                "the copy differs from the object", "a store that copies objects with their headers"
            )
        return "copied it within the store"

    async def _delete(self, store: BlobStore) -> str:
        for key in (self._key, self._copy):
            await store.delete(key)
        try:
            await store.stat(self._key)
        except (BlobNotFound, BlobStoreDenied):
            # Without the right to list, a store does not even say that something is missing.
            return "deleted it"
        raise _Fault("the object is still there", "a store in which deleted objects are gone")

    async def _fetch(self, base: str, answers: list[Fetched]) -> str:
        try:
            answer = await self._reach.fetch(self._location, public_url(base, self._key))
        except EndpointForbidden as error:
            raise _Fault(
                error.message, "public_base_url: a host that everybody can reach"
            ) from None
        except Unreachable as error:
            raise _Fault(
                f"the public URL is not usable: {error}",
                "public_base_url: where everybody finds the objects",
            ) from None
        if 300 <= answer.status < 400:
            raise _Fault(
                "the public URL redirects elsewhere",
                "public_base_url: the address that it redirects to",
            )
        if answer.status != 200:
            raise _Fault(
                f"the public URL answers with status {answer.status}",
                f"public_base_url that leads to {self._place()}, and read access for everybody",
            )
        if answer.body != self._content:
            raise _Fault(
                "the public URL has something else than was written",
                f"public_base_url that leads to {self._place()}",
            )
        answers.append(answer)
        return "everybody can read it"

    async def _check_type(self, answer: Fetched) -> str:
        found = answer.content_type.partition(";")[0].strip().lower()
        if found != _CONTENT_TYPE:
            raise _Fault(
                f"the public URL does not send the content type {_CONTENT_TYPE}",
                "a store, and a CDN, that send the Content-Type that was stored",
            )
        return f"sent as {_CONTENT_TYPE}"

    async def _check_cache(self, answer: Fetched) -> str:
        if not _directives(self._cache_control) <= _directives(answer.cache_control):
            raise _Fault(
                f"the public URL does not send Cache-Control: {self._cache_control}",
                "a store, and a CDN, that send the Cache-Control that was stored",
            )
        return f"sent with Cache-Control: {self._cache_control}"

    async def _clean_up(self, store: BlobStore) -> None:
        """Delete what may be there: also after a write of which nobody knows what became."""
        outcomes = {name: step.outcome for name, step in self._steps.items()}
        if outcomes.get("delete") is Outcome.PASSED:
            return
        for key in (self._key, self._copy):
            try:
                await store.delete(key)
            except PicstoreError as error:
                if outcomes.get("write") is Outcome.PASSED:
                    log.warning(
                        "storage_test.left_behind",
                        location=self._location.id,
                        key=key,
                        reason=error.reason,
                    )

    def _diagnosis(self, error: PicstoreError) -> tuple[str, str]:
        """Say what happened, and what would have to be otherwise."""
        match error:
            case EndpointForbidden():
                return error.message, "s3.endpoint: a host that everybody can reach"
            case BlobStoreUnavailable():
                return "the store does not answer", f"a store that answers at {self._place()}"
            case BlobNotFound():
                return (
                    "the object is not there",
                    "a store that shows objects as soon as they are written",
                )
            case BlobStoreDenied(storage_code=code, action=action):
                message = f"the store refuses: {code}"
                return message, _SETTINGS.get(code) or self._right(action)
            case _:
                return error.message, f"a store that works at {self._place()}"

    def _right(self, action: str) -> str:
        provider = self._location.provider
        if isinstance(provider, LocalDirectory):
            return f"read and write access of the services to {provider.directory}"
        bucket = f"arn:aws:s3:::{provider.bucket}"
        if action == "s3:ListBucket":
            return f"{action} on {bucket}"
        prefix = f"{provider.prefix}/" if provider.prefix else ""
        return f"{action or 's3:*'} on {bucket}/{prefix}*"

    def _place(self) -> str:
        provider = self._location.provider
        if isinstance(provider, LocalDirectory):
            return provider.directory
        prefix = f"/{provider.prefix}" if provider.prefix else ""
        return f"{provider.endpoint}/{provider.bucket}{prefix}"


async def _collect(
    store: BlobStore, key: str, *, offset: int = 0, length: int | None = None
) -> bytes:
    """Read no more than a probe may have."""
    found = bytearray()
    async with aclosing(store.get_range(key, offset=offset, length=length)) as chunks:
        async for chunk in chunks:
            found += chunk
            if len(found) > _PROBE_BYTES:
                break
    return bytes(found)


def _directives(cache_control: str) -> set[str]:
    return {part.strip().lower() for part in cache_control.split(",") if part.strip()}
