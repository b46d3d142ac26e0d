"""JobService."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from picstore.jobs.v1 import job_pb2, job_pb2_grpc
from picstore_catalog.mapping.explanation import read_crash
from picstore_catalog.mapping.image import optional_timestamp, state_number
from picstore_catalog.mapping.ingest import read_original
from picstore_catalog.mapping.job import (
    claim_message,
    read_failure,
    read_placeholder,
    read_result,
)
from picstore_catalog.mapping.recipe import read_recipe
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases import jobs as cases
from picstore_catalog.usecases.complete_output import complete_output
from picstore_catalog.usecases.complete_render import complete_render
from picstore_kit.errors import InvalidField
from picstore_kit.ids import JobId, LocationId, OutputId, parse_id
from picstore_kit.rpc.call import Context

_MAX_WORKER: Final = 200


class JobServicer(job_pb2_grpc.JobServiceServicer):
    """Keeps the ledger; a worker reaches a job of any team by its id."""

    def __init__(self, work: UnitOfWork, *, on_retry: Callable[[], None], grace: timedelta) -> None:
        """`on_retry` is called when a job has become due earlier than the sweeper knows.

        `grace` is how long the bus gets to bring a job to a worker before it is swept.
        """
        self._work = work
        self._on_retry = on_retry
        self._grace = grace

    async def ClaimJob(self, request: job_pb2.ClaimJobRequest, context: Context) -> job_pb2.Claim:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        if not 1 <= len(request.worker) <= _MAX_WORKER or not request.worker.isprintable():
            raise InvalidField("worker", f"must be 1 to {_MAX_WORKER} printable characters")
        async with self._work.begin_for_all_teams() as transaction:
            return claim_message(
                await cases.claim_job(transaction, job_id=job_id, worker=request.worker)
            )

    async def ExtendJob(
        self, request: job_pb2.ExtendJobRequest, context: Context
    ) -> job_pb2.ExtendJobResponse:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        async with self._work.begin_for_all_teams() as transaction:
            expiry = await cases.extend_job(transaction, job_id=job_id, attempt=request.attempt)
        return job_pb2.ExtendJobResponse(lease_expire_time=timestamp(expiry))

    async def CompleteOutput(
        self, request: job_pb2.CompleteOutputRequest, context: Context
    ) -> job_pb2.CompleteOutputResponse:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        output_id = parse_id(OutputId, request.output_id, field="output_id")
        result = read_result(request)
        async with self._work.begin_for_all_teams() as transaction:
            completion = await complete_output(
                transaction,
                job_id=job_id,
                attempt=request.attempt,
                output_id=output_id,
                result=result,
            )
        return job_pb2.CompleteOutputResponse(
            image_state=state_number(completion.image_state),
            job_finished=completion.job_finished,
        )

    async def RecordPlaceholder(
        self, request: job_pb2.RecordPlaceholderRequest, context: Context
    ) -> job_pb2.RecordPlaceholderResponse:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        placeholder = read_placeholder(request.placeholder)
        async with self._work.begin_for_all_teams() as transaction:
            await cases.record_placeholder(
                transaction, job_id=job_id, attempt=request.attempt, placeholder=placeholder
            )
        return job_pb2.RecordPlaceholderResponse()

    async def CompleteRender(
        self, request: job_pb2.CompleteRenderRequest, context: Context
    ) -> job_pb2.CompleteRenderResponse:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        original = read_original(
            request.facts, location_id=LocationId(""), object_key=request.object_key
        )
        recipe = read_recipe(request.recipe, field="recipe") if request.HasField("recipe") else None
        async with self._work.begin_for_all_teams() as transaction:
            rendered = await complete_render(
                transaction,
                job_id=job_id,
                attempt=request.attempt,
                original=original,
                recipe=recipe,
                grace=self._grace,
            )
        return job_pb2.CompleteRenderResponse(
            image_state=state_number(rendered.image_state), original_kept=rendered.original_kept
        )

    async def FailJob(
        self, request: job_pb2.FailJobRequest, context: Context
    ) -> job_pb2.FailJobResponse:
        """See the contract."""
        job_id = parse_id(JobId, request.job_id, field="job_id")
        failure = read_failure(request.reason, request.message, field="reason")
        crash = read_crash(request.death) if request.HasField("death") else None
        async with self._work.begin_for_all_teams() as transaction:
            retry_at = await cases.fail_job(
                transaction,
                job_id=job_id,
                attempt=request.attempt,
                failure=failure,
                retryable=request.retryable,
                jitter=random.random(),
                crash=crash,
            )
        if retry_at is not None:
            self._on_retry()
        return job_pb2.FailJobResponse(retry_time=optional_timestamp(retry_at))
