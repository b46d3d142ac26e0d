"""Waiting for an import, with a bar on a terminal."""

from __future__ import annotations

import asyncio
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from picstore.upload.v1.import_pb2 import GetImportJobRequest, ImportJob
from picstore_cli.console import err, size
from picstore_client import PicStoreClient
from picstore_client.methods import GET_IMPORT_JOB

_OPEN: Final = frozenset({ImportJob.STATE_QUEUED, ImportJob.STATE_RUNNING})
_POLL_MIN_S: Final = 0.1
_POLL_MAX_S: Final = 1.0


async def finished(client: PicStoreClient, job: ImportJob, console: Console = err) -> ImportJob:
    """Return an import job once it has ended; a terminal sees how far it is.

    Raises:
        PicstoreError: It can't be asked for.
    """
    pause_s = _POLL_MIN_S
    bars = Progress(
        SpinnerColumn(),
        TextColumn("import"),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        bar = bars.add_task("import", total=None, amount="")
        while job.state in _OPEN:
            completed, total = far(job)
            bars.update(bar, completed=completed, total=total, amount=amount(job))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _POLL_MAX_S)
            job = await client.call(GET_IMPORT_JOB, GetImportJobRequest(import_job_id=job.id))
    return job


def far(job: ImportJob) -> tuple[int, int | None]:
    """Return how much is done of how much: bytes of one picture, or pictures of many.

    The latter is None where it is not known.
    """
    if job.HasField("url"):
        return job.received_bytes, job.total_bytes or None
    return _ended(job), job.item_count if job.listed else None


def amount(job: ImportJob) -> str:
    """Say the same in words."""
    if job.HasField("url"):
        return size(job.received_bytes)
    of = f"of {job.item_count}" if job.listed else f"of {job.item_count} and more"
    return f"{_ended(job)} {of}, {size(job.received_bytes)}"


def succeeded(job: ImportJob) -> bool:
    """Whether an ended job did what it was to do: nothing of a bucket's pictures is missing."""
    if job.state != ImportJob.STATE_DONE or job.failed_count:
        return False
    return job.HasField("bucket") or not job.refused_count


def _ended(job: ImportJob) -> int:
    return job.imported_count + job.duplicate_count + job.refused_count + job.failed_count
