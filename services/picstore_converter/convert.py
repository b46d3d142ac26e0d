"""The one use-case: make what is missing of a picture, and report each output as it is stored."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import structlog

from picstore_converter.messages import Totals, conversion_request, parse_message
from picstore_converter.model import Claim, EncodedOutput, FailedOutput, Placeholder, verdict_of
from picstore_converter.ports import Children, Ledger, Stores
from picstore_kit.blobs import keys
from picstore_kit.blobs.base import BlobStore
from picstore_kit.errors import Cancelled, PicstoreError, Reason, first_error
from picstore_kit.ids import JobId

log = structlog.get_logger(__name__)

_MAX_STORING: Final = 4
"""Outputs of one job on their way to the store at once; the child goes on encoding meanwhile."""


class ConvertImage:
    """Makes the outputs of one job: one download, one decode, every output stored as it is done."""

    def __init__(
        self, *, ledger: Ledger, stores: Stores, children: Children, work_dir: Path
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._children = children
        self._work_dir = work_dir

    async def run(self, job_id: JobId) -> None:
        """Claim the job and work on it until nothing is left, or report why that can't be.

        Returns normally also where the attempt failed and the ledger knows it: from there on the
        retry is the ledger's.

        Raises:
            PicstoreError: The job could not be claimed, or the ledger could not be told.
        """
        claim = await self._ledger.claim(job_id)
        started = time.monotonic()
        try:
            error = await self._attempt(claim)
        except asyncio.CancelledError:
            # The service stops: let another converter begin at once instead of after the lease.
            stopped = Cancelled(Reason.CANCELLED, "the converter was stopped")
            with suppress(PicstoreError):
                await asyncio.shield(self._ledger.fail(claim, verdict_of(stopped)))
            raise
        bound = log.bind(job=claim.job_id, image=claim.image_id, attempt=claim.attempt)
        ms = round(1000 * (time.monotonic() - started))
        if error is None:
            bound.info("job.finished", outputs=len(claim.outputs), ms=ms)
        elif error.reason is Reason.LEASE_LOST:
            bound.info("job.lease_lost", ms=ms)
        else:
            verdict = verdict_of(error)
            bound.warning("job.failed", reason=verdict.reason, retryable=verdict.retryable, ms=ms)
            await self._ledger.fail(claim, verdict)

    async def _attempt(self, claim: Claim) -> PicstoreError | None:
        """Work on the claim and return what ended the attempt early, if anything did."""
        error: PicstoreError | None = None
        try:
            async with self._lease_kept(claim):
                await self._convert(claim)
        except* PicstoreError as group:
            error = first_error(group, rather=Reason.LEASE_LOST)
        return error

    @asynccontextmanager
    async def _lease_kept(self, claim: Claim) -> AsyncIterator[None]:
        """Extend the lease while the body runs; a lost lease ends the body."""

        async def extend() -> None:
            while True:
                await asyncio.sleep(claim.lease_s / 3)
                await self._ledger.extend(claim)

        async with asyncio.TaskGroup() as group:
            heartbeat = group.create_task(extend())
            try:
                yield
            finally:
                heartbeat.cancel()

    async def _convert(self, claim: Claim) -> None:
        source_store = await self._stores.open(claim.source_location)
        output_store = await self._stores.open(claim.outputs_location)
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="job-") as scratch:
            source = Path(scratch) / "source"
            await source_store.get_to_file(claim.source_key, source)
            await self._encode_and_store(claim, source, output_store)

    async def _encode_and_store(self, claim: Claim, source: Path, store: BlobStore) -> None:
        wanted = {output.id: output for output in claim.outputs}
        places = asyncio.Semaphore(_MAX_STORING)
        async with asyncio.TaskGroup() as group:
            async for message in self._children.call(conversion_request(claim, source)):
                match parse_message(message, wanted=wanted, directory=source.parent):
                    case EncodedOutput() as output:
                        await places.acquire()
                        task = group.create_task(self._store(claim, output, store))
                        task.add_done_callback(lambda _: places.release())
                    case FailedOutput() as failed:
                        group.create_task(self._ledger.give_up_output(claim, failed))
                    case Placeholder() as placeholder if claim.wants_placeholder:
                        group.create_task(self._ledger.record_placeholder(claim, placeholder))
                    case Placeholder():
                        pass  # an earlier attempt recorded it
                    case Totals() as totals:
                        log.info("job.encoded", job=claim.job_id, **asdict(totals))

    async def _store(self, claim: Claim, output: EncodedOutput, store: BlobStore) -> None:
        key = keys.output_key(
            claim.output_key_prefix,
            width=output.width,
            height=output.height,
            density=output.density,
            sha256=output.sha256,
            format=output.format.value,
        )
        # The blob comes before the row: what a page is told of is there.
        await store.put_file(
            key,
            output.path,
            content_type=output.format.mime_type,
            cache_control=claim.cache_control,
            sha256=output.sha256,
        )
        await self._ledger.complete(claim, output, key)
        output.path.unlink(missing_ok=True)
