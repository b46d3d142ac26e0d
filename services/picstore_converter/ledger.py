"""The catalog's ledger of jobs, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picstore.catalog.v1 import ingest_pb2, project_pb2
from picstore.jobs.v1 import job_pb2
from picstore_converter import mapping
from picstore_converter.model import Claim, EncodedOutput, FailedOutput, Placeholder, Verdict
from picstore_kit.ids import JobId, LocationId

if TYPE_CHECKING:  # they exist for type checkers only
    from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceAsyncStub
    from picstore.jobs.v1.job_pb2_grpc import JobServiceAsyncStub


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
        await self._jobs.ExtendJob(
            job_pb2.ExtendJobRequest(job_id=claim.job_id, attempt=claim.attempt)
        )

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        """Report an output that is stored."""
        await self._jobs.CompleteOutput(
            job_pb2.CompleteOutputRequest(
                job_id=claim.job_id,
                attempt=claim.attempt,
                output_id=output.id,
                stored=mapping.stored_to(output, object_key),
            )
        )

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        """Report an output that can't be made."""
        await self._jobs.CompleteOutput(
            job_pb2.CompleteOutputRequest(
                job_id=claim.job_id,
                attempt=claim.attempt,
                output_id=output.id,
                failed=mapping.failed_to(output),
            )
        )

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None:
        """Report what pages show until the picture is there."""
        await self._jobs.RecordPlaceholder(
            job_pb2.RecordPlaceholderRequest(
                job_id=claim.job_id,
                attempt=claim.attempt,
                placeholder=mapping.placeholder_to(placeholder),
            )
        )

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        """End the attempt."""
        await self._jobs.FailJob(
            job_pb2.FailJobRequest(
                job_id=claim.job_id,
                attempt=claim.attempt,
                reason=verdict.reason.value,
                message=verdict.message,
                retryable=verdict.retryable,
            )
        )


class RPCLocations:
    """Asks the catalog for a storage location, secrets and all."""

    def __init__(self, ingest: IngestServiceAsyncStub) -> None:
        self._ingest = ingest

    async def get(self, location_id: LocationId) -> project_pb2.StorageLocation:
        """Return the location as it is now."""
        request = ingest_pb2.GetStorageAccessRequest(storage_location_id=location_id)
        return await self._ingest.GetStorageAccess(request)
