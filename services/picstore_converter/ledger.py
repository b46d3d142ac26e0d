"""The catalog's ledger of jobs, over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from picstore.catalog.v1 import ingest_pb2, storage_location_pb2
from picstore.jobs.v1 import job_pb2
from picstore_converter import mapping
from picstore_converter.model import (
    Claim,
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    UselessOutput,
    Verdict,
)
from picstore_kit.errors import Code, PicstoreError
from picstore_kit.ids import JobId, LocationId

if TYPE_CHECKING:  # they exist for type checkers only
    from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceAsyncStub
    from picstore.jobs.v1.job_pb2_grpc import JobServiceAsyncStub

AnswerT = TypeVar("AnswerT")

log = structlog.get_logger(__name__)

_PATIENCE_S: Final = 15.0
"""How long a report is repeated while the catalog restarts: with the pause between two extensions
still less than a lease."""
_PAUSE_S: Final = 0.5
_NO_ANSWER: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})


class RPCLedger:
    """A `Ledger` at the other end of a channel; errors arrive as the catalog raised them."""

    def __init__(self, jobs: JobServiceAsyncStub, *, worker: str) -> None:
        self._jobs = jobs
        self._worker = worker

    async def claim(self, job_id: JobId) -> Claim:
        """Begin a new attempt."""
        request = job_pb2.ClaimJobRequest(job_id=job_id, worker=self._worker)
        return mapping.claim_from(await self._jobs.ClaimJob(request))

    async def extend(self, claim: Claim) -> None:
        """Keep the lease for its whole length from now."""
        request = job_pb2.ExtendJobRequest(job_id=claim.job_id, attempt=claim.attempt)
        await _patiently(lambda: self._jobs.ExtendJob(request))

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        """Report an output that is stored."""
        request = job_pb2.CompleteOutputRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            output_id=output.id,
            stored=mapping.stored_to(output, object_key),
        )
        await _patiently(lambda: self._jobs.CompleteOutput(request))

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        """Report an output that can't be made."""
        request = job_pb2.CompleteOutputRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            output_id=output.id,
            failed=mapping.failed_to(output),
        )
        await _patiently(lambda: self._jobs.CompleteOutput(request))

    async def skip_output(self, claim: Claim, output: UselessOutput) -> None:
        """Report an output that is of no use and not stored."""
        request = job_pb2.CompleteOutputRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            output_id=output.id,
            skipped=mapping.skipped_to(output),
        )
        await _patiently(lambda: self._jobs.CompleteOutput(request))

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None:
        """Report what pages show until the picture is there."""
        request = job_pb2.RecordPlaceholderRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            placeholder=mapping.placeholder_to(placeholder),
        )
        await _patiently(lambda: self._jobs.RecordPlaceholder(request))

    async def complete_render(self, claim: Claim, original: DrawnOriginal, object_key: str) -> bool:
        """Report an original that is stored; return whether it is kept."""
        request = job_pb2.CompleteRenderRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            object_key=object_key,
            facts=mapping.drawn_to(original),
            recipe=mapping.recipe_to(original.recipe),
        )
        answer = await _patiently(lambda: self._jobs.CompleteRender(request))
        return answer.original_kept

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        """End the attempt."""
        request = job_pb2.FailJobRequest(
            job_id=claim.job_id,
            attempt=claim.attempt,
            reason=verdict.reason.value,
            message=verdict.message,
            retryable=verdict.retryable,
            death=mapping.death_to(verdict.crash) if verdict.crash else None,
        )
        await _patiently(lambda: self._jobs.FailJob(request))


async def _patiently(send: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Send a report that may be repeated, again where the catalog does not answer."""
    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await send()
        except PicstoreError as error:
            if error.code not in _NO_ANSWER or time.monotonic() > give_up_at:
                raise
            log.warning("ledger.no_answer", reason=error.reason)
        await asyncio.sleep(_PAUSE_S)


class RPCLocations:
    """Asks the catalog for a storage location, secrets and all."""

    def __init__(self, ingest: IngestServiceAsyncStub) -> None:
        self._ingest = ingest

    async def get(self, location_id: LocationId) -> storage_location_pb2.StorageLocation:
        """Return the location as it is now."""
        request = ingest_pb2.GetStorageAccessRequest(storage_location_id=location_id)
        return await self._ingest.GetStorageAccess(request)
