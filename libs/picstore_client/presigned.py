"""Uploads whose bytes go to the store itself, by requests that Pic Store has signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1.upload_pb2 import PresignedRequest, Upload
from picstore_client.begun import Begun
from picstore_client.connection import LOOPBACK, Connection
from picstore_client.meter import Meter
from picstore_client.patience import Patience, is_passing, patiently
from picstore_client.plan import UploadPlan
from picstore_client.sources import Source
from picstore_client.wire import HTTPWire
from picstore_kit.errors import FailedPrecondition, PicstoreError, Reason, Unavailable

MAX_PUT_BYTES: Final = 64 * 1024 * 1024
"""The largest file that goes in one request; a larger one goes in parts."""
_AT_ONCE: Final = 4
"""How many parts are sent at a time."""
_REFUSALS: Final = 3
"""How often in a row the store may refuse all that it is sent; its signatures may be too old."""
_THERE_ALREADY: Final = frozenset({409, 412})
"""Statuses of a store that takes an object once: an answer was lost. Completing it will tell."""


class PresignedUpload:
    """Sends a file to the store, without the credential; then has the picture made of it."""

    def __init__(
        self,
        connection: Connection,
        plan: UploadPlan,
        source: Source,
        meter: Meter,
        *,
        state: Path | None,
    ) -> None:
        self._connection = connection
        self._source = source
        self._meter = meter
        one = source.size <= MAX_PUT_BYTES
        method = Upload.METHOD_PUT if one else Upload.METHOD_MULTIPART
        self._begun = Begun(HTTPWire(connection), plan, method, state)

    @property
    def upload_id(self) -> str:
        """Such as `upl_…`; empty before it is made."""
        return self._begun.id

    async def run(self, patience_s: float) -> Image:
        """Upload the file; one that was interrupted before, if it is remembered.

        Raises:
            PicstoreError: It is refused, or did not get on for `patience_s` seconds.
        """
        return await self._begun.outlived(lambda: self._once(Patience(patience_s)))

    async def _once(self, patience: Patience) -> Image:
        upload = await patiently(patience, self._begun.begin)
        fewest = len(upload.requests)
        refusals = 0
        while True:
            image = self._begun.outcome(upload)
            if image is not None:
                self._meter.set(self._source.size)
                return image
            missing = sum(request.size_bytes for request in upload.requests)
            self._meter.set(self._source.size - missing)
            if len(upload.requests) < fewest:
                fewest = len(upload.requests)
                refusals = 0
                patience.renew()
            failure = await self._send_all(upload) or await self._complete()
            if isinstance(failure, Image):
                return failure
            refusals += failure.reason is Reason.STORAGE_DENIED
            if refusals >= _REFUSALS:
                raise failure
            await patience.wait(failure)
            upload = await patiently(patience, lambda: self._begun.look(sign=True))

    async def _complete(self) -> Image | PicstoreError:
        """Return the picture; or why there is none yet."""
        self._source.assert_unchanged()
        try:
            image = await self._begun.complete()
        except PicstoreError as error:
            if not is_passing(error):
                raise
            return error
        return image or Unavailable(
            Reason.STORAGE_UNAVAILABLE, "the store did not keep all of the file", retry_after=0.0
        )

    async def _send_all(self, upload: Upload) -> PicstoreError | None:
        """Send everything that is missing, a few parts at once; return a failure, if there is one.

        A part that fails does not keep the others from being sent.
        """
        requests = list(upload.requests)
        for request in requests:
            self._check(request)
        if not requests:
            return None
        places = asyncio.Semaphore(_AT_ONCE)
        unreadable: list[PicstoreError | OSError] = []
        async with httpx.AsyncClient(
            timeout=self._connection.timeout,
            trust_env=urlsplit(requests[0].url).hostname not in LOOPBACK,
        ) as store:

            async def send(request: PresignedRequest) -> PicstoreError | None:
                async with places:
                    if unreadable:
                        return None
                    try:
                        return await self._send(store, request)
                    except (PicstoreError, OSError) as error:
                        unreadable.append(error)
                        return None

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(send(request)) for request in requests]
        if unreadable:
            raise unreadable[0]
        return next((failure for task in tasks if (failure := task.result())), None)

    async def _send(
        self, store: httpx.AsyncClient, request: PresignedRequest
    ) -> PicstoreError | None:
        sent = 0

        async def blocks() -> AsyncIterator[bytes]:
            nonlocal sent
            end = request.offset + request.size_bytes
            async for block in self._source.blocks(request.offset, end):
                yield block
                sent += len(block)
                self._meter.add(len(block))

        headers = {name.lower(): value for name, value in request.headers.items()}
        headers["content-length"] = str(request.size_bytes)
        try:
            response = await store.request(
                request.method, request.url, headers=headers, content=blocks()
            )
        except httpx.TransportError as error:
            self._meter.add(-sent)
            return Unavailable(
                Reason.STORAGE_UNAVAILABLE,
                f"the store does not answer ({type(error).__name__})",
                retry_after=0.0,
            )
        if response.is_success or response.status_code in _THERE_ALREADY:
            return None
        self._meter.add(-sent)
        message = f"the store answered {response.status_code}"
        metadata = {"status": str(response.status_code)}
        if response.is_client_error and response.status_code not in (408, 429):
            return FailedPrecondition(Reason.STORAGE_DENIED, message, metadata=metadata)
        return Unavailable(Reason.STORAGE_UNAVAILABLE, message, metadata=metadata, retry_after=0.0)

    def _check(self, request: PresignedRequest) -> None:
        """See to it that a request is for bytes of this file.

        Raises:
            FailedPrecondition: It is not.
        """
        end = request.offset + request.size_bytes
        if request.offset < 0 or request.size_bytes <= 0 or end > self._source.size:
            raise FailedPrecondition(
                Reason.UPLOAD_OFFSET_WRONG,
                f"a request is for the bytes from {request.offset} to {end} "
                f"of a file that has {self._source.size}",
                metadata={"expected": str(self._source.size), "received": str(end)},
            )
