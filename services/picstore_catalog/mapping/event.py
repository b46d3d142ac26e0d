"""Facts and jobs, as they travel on the bus."""

from __future__ import annotations

import uuid
from typing import Final, TypeAlias

from picstore.events.v1 import event_pb2
from picstore.jobs.v1 import job_pb2
from picstore_catalog.model.job import Job, Lane
from picstore_kit.ids import ProjectId, TeamId

Fact: TypeAlias = (
    event_pb2.ImageCommitted | event_pb2.OutputReady | event_pb2.ImageReady | event_pb2.ImageFailed
)

_SUBJECT: Final = "picstore.event."

_LANES: Final = {
    Lane.INTERACTIVE: job_pb2.LANE_INTERACTIVE,
    Lane.FAST: job_pb2.LANE_FAST,
    Lane.SLOW: job_pb2.LANE_SLOW,
    Lane.BULK: job_pb2.LANE_BULK,
}


def subject_of(fact: Fact) -> str:
    """Return the subject that a kind of fact is published on."""
    match fact:
        case event_pb2.ImageCommitted():
            return _SUBJECT + "image.committed"
        case event_pb2.OutputReady():
            return _SUBJECT + "output.ready"
        case event_pb2.ImageReady():
            return _SUBJECT + "image.ready"
        case event_pb2.ImageFailed():
            return _SUBJECT + "image.failed"


def event(fact: Fact, *, team_id: TeamId, project_id: ProjectId) -> event_pb2.Event:
    """Put a fact that is true as of now into its envelope."""
    told = event_pb2.Event(event_id=str(uuid.uuid4()), team_id=team_id, project_id=project_id)
    told.event_time.GetCurrentTime()
    match fact:
        case event_pb2.ImageCommitted():
            told.image_committed.CopyFrom(fact)
        case event_pb2.OutputReady():
            told.output_ready.CopyFrom(fact)
        case event_pb2.ImageReady():
            told.image_ready.CopyFrom(fact)
        case event_pb2.ImageFailed():
            told.image_failed.CopyFrom(fact)
    return told


def convert_job(job: Job) -> job_pb2.ConvertJob:
    """Return the message that wakes a converter."""
    return job_pb2.ConvertJob(
        job_id=job.id,
        team_id=job.team_id,
        image_id=job.image_id,
        generation=job.generation,
        lane=_LANES[job.lane],
    )
