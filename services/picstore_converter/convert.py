"""The use-case: make what is missing of a picture, and report each output as it is stored."""

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

from picstore_converter.admission import MemoryBudget, conversion_bytes
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
from picstore_converter.render import RenderOverlay
from picstore_kit.blobs import keys
from picstore_kit.blobs.base import BlobDigestMismatch, BlobNotFound, BlobStore
from picstore_kit.errors import Aborted, Cancelled, PicstoreError, Reason, ungrouped
from picstore_kit.ids import JobId, OutputId
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import Room
from picstore_kit.scratch import scratch_errors, temporary_directory

log = structlog.get_logger(__name__)

_MAX_STORING: Final = 4
"""Outputs of one job on their way to the store at once; the child goes on encoding meanwhile."""

_MEMORY_BYTES: Final = SandboxLimits().memory_bytes


class ConvertImage:
    """Makes the outputs of one job: one download, one decode, every output stored as it is done.

    No child may be able to look into `private_dir`, which is on the file system of their rooms:
    what is in there is what was fetched, and what was checked. A child may use `memory_bytes`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        stores: Stores,
        children: Children,
        private_dir: Path,
        setup: Callable[[], Setup] | None = None,
        budget: MemoryBudget | None = None,
        memory_bytes: int = _MEMORY_BYTES,
    ) -> None:
        """`setup` says what the children are, for reports of their deaths.

        What a job is expected to take it waits for in the `budget`. `memory_bytes` is what one
        child may use.
        """
        self._ledger = ledger
        self._stores = stores
        self._children = children
        self._private_dir = private_dir
        self._setup = setup
        self._budget = budget or MemoryBudget(sys.maxsize)
        self._render = RenderOverlay(
            ledger=ledger,
            stores=stores,
            children=children,
            private_dir=private_dir,
            memory_bytes=memory_bytes,
            budget=self._budget,
        )

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
                    if claim.rendering is None:
                        await self._convert(claim, left)
                    else:
                        await self._render.run(claim, claim.rendering)
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
        expected = conversion_bytes(claim.facts, (output.spec for output in claim.outputs))
        async with (
            self._budget.held(expected),
            temporary_directory(self._private_dir, prefix="job-") as private,
        ):
            source = private / "source"
            try:
                with scratch_errors():
                    stat = await source_store.get_to_file(claim.source_key, source)
            except BlobNotFound:
                raise SourceMissing from None
            await self._encode_and_store(claim, left, source, stat.size, output_store)

    async def _encode_and_store(
        self,
        claim: Claim,
        left: dict[OutputId, WantedOutput],
        source: Path,
        size: int,
        store: BlobStore,
    ) -> None:
        made: Path | None = None

        def request_for(room: Room) -> dict[str, Any]:
            nonlocal made
            made = room.made
            given = room.give(source, source.name)
            return conversion_request(claim.facts, claim.outputs, given, size=size, made=made)

        wants_placeholder = claim.wants_placeholder
        comparison = Comparison(claim.outputs)
        places = asyncio.Semaphore(_MAX_STORING)

        async def store_in_place(output: EncodedOutput, path: Path) -> None:
            try:
                await self._store(claim, output, path, store)
            finally:
                places.release()

        async with (
            asyncio.TaskGroup() as group,
            aclosing(self._children.call(request_for)) as messages,
        ):
            async for message in messages:
                assert made is not None  # whoever answers was asked
                match parse_message(message, wanted=left, directory=made):
                    case EncodedOutput() as output:
                        del left[output.id]
                        if (useless := comparison.judge(output)) is not None:
                            await asyncio.to_thread(output.path.unlink, missing_ok=True)
                            group.create_task(self._ledger.skip_output(claim, useless))
                            continue
                        # Before the child goes on: what is in its room is gone with the call.
                        path = source.with_name(output.id)
                        await asyncio.to_thread(take_over, output.path, output.size_bytes, path)
                        await places.acquire()
                        group.create_task(store_in_place(output, path))
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
        self, claim: Claim, output: EncodedOutput, path: Path, store: BlobStore
    ) -> None:
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
