"""From a message on the bus to the use-case, and from its end to the message's fate."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from picstore.jobs.v1 import job_pb2
from picstore_converter.convert import ConvertImage
from picstore_kit.bus.worker import Ack, Delivery, Outcome, Retry, Terminate
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import JobId

_BUSY_S = 5.0
_UNREACHABLE_S = 2.0


class JobHandler:
    """Handles one delivery of a `ConvertJob`.

    The message is only a wake-up call: whether the job is done, failed or tried again is written in
    the ledger, so the message is acknowledged as soon as the ledger knows, and comes back only
    where the ledger could not be asked.
    """

    def __init__(self, convert: ConvertImage) -> None:
        self._convert = convert

    async def __call__(self, delivery: Delivery) -> Outcome:
        """Work on the job and say what becomes of the message."""
        try:
            job = job_pb2.ConvertJob.FromString(delivery.payload)
        except DecodeError:
            return Terminate("not a ConvertJob")
        try:
            await self._convert.run(JobId(job.job_id))
        except PicstoreError as error:
            return _fate(error)
        return Ack()


def _fate(error: PicstoreError) -> Outcome:
    match error.reason:
        case Reason.JOB_FINISHED | Reason.RESOURCE_NOT_FOUND | Reason.LEASE_LOST:
            return Ack()
        case Reason.JOB_BUSY:
            return Retry(error.retry_after or _BUSY_S)
        case Reason.FIELD_INVALID:
            return Terminate(error.message)
        case _:
            return Retry(error.retry_after or _UNREACHABLE_S)
