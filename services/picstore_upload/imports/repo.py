"""Import jobs in Postgres, as their owners make, see and stop them.

Whatever changes a job or its items locks the job's row first, so no two of these wait for each
other in a circle. Fetching and checking the permission are one statement.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from picstore_kit.errors import (
    AlreadyExists,
    Reason,
    Resource,
    ResourceExhausted,
)
from picstore_kit.ids import ImportJobId, ProjectId, TeamId, UploadId, new_id
from picstore_kit.pg.access import Access, fetch_all, fetch_one
from picstore_kit.pg.database import Database
from picstore_upload.imports.model import (
    Item,
    ItemState,
    Job,
    JobState,
    Kind,
    NewJob,
    Settlement,
)

CHANNEL: Final = "picstore_imports"
"""Is notified when there is something to take."""

ENDED_AT_ONCE: Final = 2000
"""Items that one statement ends."""

_ONE: Final = """
    SELECT j.id, j.project_id, j.upload_profile, j.location, j.on_duplicate, j.kind, j.url,
           j.filename, j.alt_text, j.bucket_location_id, j.bucket_prefix, j.state, j.listed,
           j.item_count, j.imported_count, j.duplicate_count, j.refused_count, j.failed_count,
           j.received_bytes, j.total_bytes, j.failure_reason, j.failure_message, j.created_at,
           j.ended_at, (%(allowed_everywhere)s OR j.project_id = ANY(%(allowed_on)s)) AS allowed
    FROM import_jobs j
    WHERE j.team_id = %(team_id)s AND j.id = %(job_id)s
      AND (%(visible_everywhere)s OR j.project_id = ANY(%(visible_on)s))
"""
_ONE_LOCKED: Final = _ONE + " FOR NO KEY UPDATE OF j"
_INSERT: Final = """
    INSERT INTO import_jobs
        (id, team_id, project_id, upload_profile, location, on_duplicate, kind, url, filename,
         alt_text, bucket_location_id, bucket_prefix, principal, credential_id, request_key,
         request_hash, listed, item_count, open_count)
    VALUES
        (%(id)s, %(team_id)s, %(project_id)s, %(upload_profile)s, %(location)s, %(on_duplicate)s,
         %(kind)s, %(url)s, %(filename)s, %(alt_text)s, %(bucket_location_id)s, %(bucket_prefix)s,
         %(principal)s, %(credential_id)s, %(request_key)s, %(request_hash)s, %(listed)s,
         %(items)s, %(items)s)
    ON CONFLICT (team_id, request_key) DO NOTHING
    RETURNING id
"""
_INSERT_ITEM: Final = """
    INSERT INTO import_items (job_id, number, team_id, source, url, upload_id)
    VALUES (%s, 1, %s, %s, %s, %s)
"""
_REPEATED: Final = """
    SELECT id, request_hash FROM import_jobs WHERE team_id = %s AND request_key = %s
"""
_OPEN_JOBS: Final = """
    SELECT count(*) FROM (
        SELECT FROM import_jobs
        WHERE team_id = %s AND state IN ('queued', 'running')
        LIMIT %s
    ) AS unended
"""
_PAGE: Final = """
    SELECT j.id, j.project_id, j.upload_profile, j.location, j.on_duplicate, j.kind, j.url,
           j.filename, j.alt_text, j.bucket_location_id, j.bucket_prefix, j.state, j.listed,
           j.item_count, j.imported_count, j.duplicate_count, j.refused_count, j.failed_count,
           j.received_bytes, j.total_bytes, j.failure_reason, j.failure_message, j.created_at,
           j.ended_at
    FROM import_jobs j
    WHERE j.team_id = %(team_id)s AND j.project_id = %(project_id)s
      AND (%(allowed_everywhere)s OR j.project_id = ANY(%(allowed_on)s))
      AND (%(after)s::text IS NULL OR j.id < %(after)s)
    ORDER BY j.id DESC
    LIMIT %(limit)s
"""
# What waits in a job that has ended will be swept, and is shown as if it had been.
_ITEMS: Final = """
    SELECT i.number, i.source, s.state, i.image_id,
           CASE WHEN s.state = i.state THEN i.reason ELSE j.failure_reason END AS reason,
           CASE WHEN s.state = i.state THEN i.message ELSE j.failure_message END AS message,
           i.received_bytes, i.total_bytes, i.attempts
    FROM import_jobs j
    JOIN import_items i ON i.job_id = j.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN i.state = 'queued' AND j.state IN ('failed', 'cancelled')
                    THEN j.state ELSE i.state END AS state
    ) AS s
    WHERE j.id = %(job_id)s AND i.number > %(after)s
      AND (%(state)s::text IS NULL OR s.state = %(state)s)
    ORDER BY i.number
    LIMIT %(limit)s
"""
_END_QUEUED: Final = """
    UPDATE import_items
    SET state = %(state)s, reason = %(reason)s, message = %(message)s, url = NULL
    WHERE job_id = %(job_id)s AND number IN (
        SELECT number FROM import_items
        WHERE job_id = %(job_id)s AND state = 'queued'
        ORDER BY due_at, number
        LIMIT %(limit)s
    )
"""
_QUEUED: Final = "SELECT count(*) FROM import_items WHERE job_id = %s AND state = 'queued'"
_END_JOB: Final = """
    UPDATE import_jobs
    SET state = %(state)s, ended_at = clock_timestamp(), open_count = open_count - %(ended)s,
        failed_count = failed_count + %(failed)s, leftover = %(leftover)s,
        failure_reason = %(reason)s, failure_message = %(message)s
    WHERE id = %(job_id)s
"""


class ImportJobs:
    """The jobs of all teams, each method for one team."""

    def __init__(self, database: Database, *, max_open: int) -> None:
        """A team has at most about `max_open` jobs at once that have not ended."""
        self._database = database
        self._max_open = max_open

    async def add(self, access: Access, new: NewJob) -> Job:
        """Make a job whose caller may do what it is about; the same request makes it once.

        Raises:
            AlreadyExists: The request id was used for another job (REQUEST_ID_REUSED).
            ResourceExhausted: The team has too many jobs already (OVERLOADED).
        """
        async with self._database.transaction(team=new.team_id) as conn:
            job_id = await self._find_repeated(conn, new)
            if job_id is None:
                await self._refuse_more(conn, new.team_id)
                job_id = await self._insert(conn, new)
            if job_id is None:  # by the same request, a moment ago
                job_id = await self._find_repeated(conn, new)
            return await _fetch(conn, access, job_id or new.id)

    async def get(self, access: Access, job_id: ImportJobId) -> Job:
        """Return a job.

        Raises:
            NotFound, PermissionDenied: The caller sees none such, or may not.
        """
        async with self._database.transaction(team=access.team_id) as conn:
            return await _fetch(conn, access, job_id)

    async def page(
        self, access: Access, project_id: ProjectId, *, after: str | None, limit: int
    ) -> list[Job]:
        """Return jobs of a project, newest first, from behind `after`."""
        async with self._database.transaction(team=access.team_id) as conn:
            return await fetch_all(
                conn,
                _job,
                _PAGE,
                {"project_id": project_id, "after": after, "limit": limit},
                access=access,
            )

    async def items(
        self,
        access: Access,
        job_id: ImportJobId,
        *,
        state: ItemState | None,
        after: int,
        limit: int,
    ) -> list[Item]:
        """Return items of a job in their order, from behind number `after`.

        Raises:
            NotFound, PermissionDenied: As with `get`.
        """
        async with self._database.transaction(team=access.team_id) as conn:
            await _fetch(conn, access, job_id)
            cursor = conn.cursor(row_factory=dict_row)
            await cursor.execute(
                _ITEMS, {"job_id": job_id, "after": after, "state": state, "limit": limit}
            )
            return [
                Item(**{**row, "state": ItemState(row["state"])}) for row in await cursor.fetchall()
            ]

    async def cancel(self, access: Access, job_id: ImportJobId) -> Job:
        """Stop a job that has not ended; what is being fetched stops at its next report.

        Raises:
            NotFound, PermissionDenied: As with `get`.
        """
        async with self._database.transaction(team=access.team_id) as conn:
            job = await _fetch(conn, access, job_id, lock=True)
            if not job.state.open:
                return job
            await end_job(conn, job_id, Settlement(state=ItemState.CANCELLED))
            return await _fetch(conn, access, job_id)

    async def _find_repeated(
        self, conn: AsyncConnection[TupleRow], new: NewJob
    ) -> ImportJobId | None:
        if new.request_key is None:
            return None
        cursor = await conn.execute(_REPEATED, (new.team_id, new.request_key))
        row = await cursor.fetchone()
        if row is None:
            return None
        job_id, request_hash = row
        if bytes(request_hash) != new.request_hash:
            raise AlreadyExists(
                Reason.REQUEST_ID_REUSED, "the request_id was used before, for another request"
            )
        return ImportJobId(job_id)

    async def _refuse_more(self, conn: AsyncConnection[TupleRow], team_id: TeamId) -> None:
        cursor = await conn.execute(_OPEN_JOBS, (team_id, self._max_open))
        row = await cursor.fetchone()
        if row is not None and row[0] >= self._max_open:
            raise ResourceExhausted(
                Reason.OVERLOADED,
                f"the team has {self._max_open} imports that have not ended",
                retry_after=60.0,
            )

    async def _insert(self, conn: AsyncConnection[TupleRow], new: NewJob) -> ImportJobId | None:
        source = new.source
        alone = source.kind is Kind.URL
        shown = source.url.partition("#")[0].partition("?")[0]
        cursor = await conn.execute(
            _INSERT,
            {
                "id": new.id,
                "team_id": new.team_id,
                "project_id": new.project_id,
                "upload_profile": new.upload_profile,
                "location": new.location,
                "on_duplicate": new.on_duplicate,
                "kind": source.kind,
                "url": shown,
                "filename": source.filename,
                "alt_text": source.alt_text,
                "bucket_location_id": source.location_id or "",
                "bucket_prefix": source.prefix,
                "principal": new.principal,
                "credential_id": new.credential_id,
                "request_key": new.request_key,
                "request_hash": new.request_hash,
                "listed": alone,
                "items": int(alone),
            },
        )
        if await cursor.fetchone() is None:
            return None
        if alone:
            await conn.execute(
                _INSERT_ITEM, (new.id, new.team_id, shown, source.url, new_id(UploadId))
            )
        await conn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return new.id


async def end_job(conn: AsyncConnection[TupleRow], job_id: ImportJobId, ending: Settlement) -> None:
    """End an open job whose row is locked, and all of its items that have not begun.

    The ending is CANCELLED or FAILED. Of many items some are left for `end_items`.
    """
    ended = await end_items(conn, job_id, ending)
    cursor = await conn.execute(_QUEUED, (job_id,))
    row = await cursor.fetchone()
    left = row[0] if row else 0
    failed = ending.state is ItemState.FAILED
    await conn.execute(
        _END_JOB,
        {
            "job_id": job_id,
            "state": ending.state,
            "ended": ended + left,
            "failed": ended + left if failed else 0,
            "leftover": left > 0,
            "reason": ending.reason,
            "message": ending.message,
        },
    )


async def end_items(
    conn: AsyncConnection[TupleRow], job_id: ImportJobId, ending: Settlement
) -> int:
    """End some items that have not begun, and return how many: few enough for one statement."""
    cursor = await conn.execute(
        _END_QUEUED,
        {
            "job_id": job_id,
            "state": ending.state,
            "reason": ending.reason,
            "message": ending.message,
            "limit": ENDED_AT_ONCE,
        },
    )
    return cursor.rowcount


async def _fetch(
    conn: AsyncConnection[TupleRow], access: Access, job_id: ImportJobId, *, lock: bool = False
) -> Job:
    return await fetch_one(
        conn,
        _job,
        _ONE_LOCKED if lock else _ONE,
        {"job_id": job_id},
        access=access,
        resource=Resource(type="ImportJob", name=job_id),
    )


def _job(*, state: str, kind: str, **columns: Any) -> Job:
    return Job(state=JobState(state), kind=Kind(kind), **columns)
