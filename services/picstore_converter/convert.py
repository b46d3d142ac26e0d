"""The one use-case: make what is missing of a picture, and report each output as it is stored."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import structlog

from picstore_converter.admission import MemoryBudget
from picstore_converter.comparing import Comparison
from picstore_converter.messages import (
    ChildMisbehaved,
    Totals,
    conversion_request,
    parse_message,
    take_over,
)
from picstore_converter.model import (
    Claim,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    Setup,
    SourceMissing,
    WantedOutput,
    verdict_of,
)
from picstore_converter.ports import Children, Ledger, Stores
from picstore_imaging.cost import estimate_memory_bytes
from picstore_kit.blobs import keys
from picstore_kit.blobs.base import BlobDigestMismatch, BlobNotFound, BlobStore
from picstore_kit.errors import Aborted, Cancelled, PicstoreError, Reason, ungrouped
from picstore_kit.ids import JobId, OutputId
from picstore_kit.scratch import scratch_errors, temporary_directory

log = structlog.get_logger(__name__)

_MAX_STORING: Final = 4
"""Outputs of one job on their way to the store at once; the child goes on encoding meanwhile."""


class ConvertImage:
    """Makes the outputs of one job: one download, one decode, every output stored as it is done.

    The children can write in `shared_dir`, and must not be able to in `private_dir`, which is on
    the same file system: what is in there is what was checked.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Stores,
        children: Children,
        shared_dir: Path,
        private_dir: Path,
        setup: Callable[[], Setup] | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        """`setup` says what the children are, for reports of their deaths.

        What a job is expected to take it waits for in the `budget`.
        """
        self._ledger = ledger
        self._stores = stores
        self._children = children
        self._shared_dir = shared_dir
        self._private_dir = private_dir
        self._setup = setup
        self._budget = budget or MemoryBudget(sys.maxsize)

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
            left = {output.id: output for output in claim.outputs}
            error = await self._attempt(claim, left)
        except asyncio.CancelledError:
            # The service stops: let another converter begin soon instead of after the lease.
            stopped = Cancelled(Reason.CANCELLED, "the converter was stopped")
            with suppress(PicstoreError):
                await asyncio.shield(self._ledger.fail(claim, verdict_of(stopped)))
            raise
        bound = log.bind(job=claim.job_id, image=claim.image_id, attempt=claim.attempt)
        ms = round(1000 * (time.monotonic() - started))
        if error is None:
            bound.info("job.finished", outputs=len(claim.outputs), ms=ms)
        elif isinstance(error, Aborted) and error.reason is Reason.LEASE_LOST:
            bound.info("job.lease_lost", ms=ms)
        else:
            setup = self._setup() if self._setup else None
            verdict = verdict_of(error, setup=setup, owed=left)
            bound.warning("job.failed", reason=verdict.reason, retryable=verdict.retryable, ms=ms)
            await self._ledger.fail(claim, verdict)

    async def _attempt(
        self, claim: Claim, left: dict[OutputId, WantedOutput]
    ) -> PicstoreError | None:
        """Work on the claim and return what ended the attempt early, if anything did.

        What a child has told of goes out of `left`.
        """
        try:
            with ungrouped(rather=Reason.LEASE_LOST):
                async with self._lease_kept(claim):
                    await self._convert(claim, left)
        except PicstoreError as error:
            return error
        return None

    @asynccontextmanager
    async def _lease_kept(self, claim: Claim) -> AsyncIterator[None]:
        """Extend the lease while the body runs; a lost lease ends the body."""

        async def extend_for_ever() -> None:
            while True:
                await asyncio.sleep(claim.lease_s / 3)
                await self._ledger.extend(claim)

        async with asyncio.TaskGroup() as group:
            heartbeat = group.create_task(extend_for_ever())
            try:
                yield
            finally:
                heartbeat.cancel()

    async def _convert(self, claim: Claim, left: dict[OutputId, WantedOutput]) -> None:
        source_store = await self._stores.open(claim.source_location)
        output_store = await self._stores.open(claim.outputs_location)
        expected = estimate_memory_bytes(claim.facts, (output.spec for output in claim.outputs))
        async with (
            self._budget.held(expected),
            temporary_directory(self._shared_dir, prefix="job-") as shared,
            temporary_directory(self._private_dir, prefix="job-") as private,
        ):
            source = shared / "source"
            try:
                with scratch_errors():
                    stat = await source_store.get_to_file(claim.source_key, source)
            except BlobNotFound:
                raise SourceMissing from None
            request = conversion_request(claim.facts, claim.outputs, source, size=stat.size)
            await self._encode_and_store(claim, left, request, shared, private, output_store)

    async def _encode_and_store(
        self,
        claim: Claim,
        left: dict[OutputId, WantedOutput],
        request: dict[str, Any],
        shared: Path,
        private: Path,
        store: BlobStore,
    ) -> None:
        wants_placeholder = claim.wants_placeholder
        comparison = Comparison(claim.outputs)
        places = asyncio.Semaphore(_MAX_STORING)

        async def store_in_place(output: EncodedOutput) -> None:
            try:
                await self._store(claim, output, private, store)
            finally:
                places.release()

        async with asyncio.TaskGroup() as group, aclosing(self._children.call(request)) as messages:
            async for message in messages:
                match parse_message(message, wanted=left, directory=shared):
                    case EncodedOutput() as output:
                        del left[output.id]
                        if (useless := comparison.judge(output)) is not None:
                            await asyncio.to_thread(output.path.unlink, missing_ok=True)
                            group.create_task(self._ledger.skip_output(claim, useless))
                            continue
                        await places.acquire()
                        group.create_task(store_in_place(output))
                    case FailedOutput() as failed:
                        del left[failed.id]
                        log.warning("output.failed", output=failed.id, reason=failed.reason)
                        group.create_task(self._ledger.give_up_output(claim, failed))
                    case Placeholder() as placeholder if wants_placeholder:
                        wants_placeholder = False
                        group.create_task(self._ledger.record_placeholder(claim, placeholder))
                    case Placeholder():
                        pass  # an earlier attempt recorded it
                    case Totals() as totals:
                        log.info("job.encoded", job=claim.job_id, **asdict(totals))
            if left:
                raise ChildMisbehaved

    async def _store(
        self, claim: Claim, output: EncodedOutput, private: Path, store: BlobStore
    ) -> None:
        path = private / output.id
        await asyncio.to_thread(take_over, output, path)
        key = keys.output_key(
            claim.output_key_prefix,
            width=output.width,
            height=output.height,
            density=output.density,
            sha256=output.sha256,
            format=output.format.value,
        )
        # The blob comes before the row: what a page is told of is there.
        try:
            with scratch_errors():
                await store.put_file(
                    key,
                    path,
                    content_type=output.format.mime_type,
                    cache_control=claim.cache_control,
                    sha256=output.sha256,
                )
        except BlobDigestMismatch:
            raise ChildMisbehaved from None
        await self._ledger.complete(claim, output, key)
        await asyncio.to_thread(path.unlink, missing_ok=True)
