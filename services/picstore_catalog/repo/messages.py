"""What leaves the catalog through its outbox, with the transaction that it tells of."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from picstore_catalog.mapping.event import Fact, convert_job, event, subject_of
from picstore_catalog.model.job import Job
from picstore_kit.bus.lanes import Lane
from picstore_kit.ids import ProjectId, TeamId
from picstore_kit.pg import outbox


async def announce_job(conn: AsyncConnection[TupleRow], job: Job) -> None:
    """Wake a converter for a job. Once too often does no harm: the ledger is the truth."""
    await outbox.add(
        conn,
        subject=Lane(job.lane.value).subject,
        payload=convert_job(job).SerializeToString(),
        headers={},
    )


async def tell(
    conn: AsyncConnection[TupleRow], fact: Fact, *, team_id: TeamId, project_id: ProjectId
) -> None:
    """Tell whoever listens of a fact."""
    told = event(fact, team_id=team_id, project_id=project_id)
    await outbox.add(
        conn,
        subject=subject_of(fact),
        payload=told.SerializeToString(),
        headers={},
        msg_id=told.event_id,
    )
