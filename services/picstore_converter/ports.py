"""What a conversion needs of the world."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from picstore_converter.model import (
    Claim,
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    UselessOutput,
    Verdict,
)
from picstore_kit.blobs.base import BlobStore
from picstore_kit.ids import JobId, LocationId
from picstore_kit.sandbox.pool import RequestFor


class Ledger(Protocol):
    """The catalog's ledger of jobs. Every report raises `Aborted` (LEASE_LOST) once it is stale.

    Reports may be repeated without harm, and are, for a while, where the catalog does not answer.
    """

    async def claim(self, job_id: JobId) -> Claim:
        """Begin a new attempt.

        Raises:
            Unavailable, Aborted: JOB_BUSY, another worker has it; `retry_after` says for how long.
            FailedPrecondition: JOB_FINISHED, nothing is left to do.
            NotFound: The job is gone, with its picture.
        """
        ...

    async def extend(self, claim: Claim) -> None:
        """Keep the lease for its whole length from now."""
        ...

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        """Report an output that is stored under `object_key`."""
        ...

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        """Report an output that can't be made."""
        ...

    async def skip_output(self, claim: Claim, output: UselessOutput) -> None:
        """Report an output that is of no use and not stored."""
        ...

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None:
        """Report what pages show until the picture is there."""
        ...

    async def complete_render(self, claim: Claim, original: DrawnOriginal, object_key: str) -> bool:
        """Report an original that is stored under `object_key`; return whether it is kept."""
        ...

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        """End the attempt; the ledger decides whether there is another."""
        ...


class Stores(Protocol):
    """Where originals and outputs are."""

    async def open(self, location_id: LocationId) -> BlobStore:
        """Return the store of a location; it may be shared and kept."""
        ...


class Children(Protocol):
    """The sandboxed processes that decode and encode."""

    def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        """Let a child work and yield its messages, the last of them final.

        `request_for` says what on, given the room of the child, where it puts the files for it.
        What the child made is there no longer than until the next message is asked for.
        Closing the iterator early ends the child.
        """
        ...
