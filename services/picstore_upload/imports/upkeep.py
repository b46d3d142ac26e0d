"""What is done to import jobs as a whole: ended where somebody says so, swept, and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from picstore_kit.ids import ImportJobId
from picstore_kit.pg.database import Database
from picstore_upload.imports.model import revoked
from picstore_upload.imports.queue import LOCK, LOCK_OPEN, locked, settle_attempt
from picstore_upload.imports.repo import end_items, end_job

_DELETED_AT_ONCE: Final = 1
"""Jobs: each may have a hundred thousand items."""
_LOST_AT_ONCE: Final = 50

_LOST: Final = """
    SELECT i.job_id, i.number, i.attempts
    FROM import_items i
    JOIN import_jobs j ON j.id = i.job_id
    WHERE i.state = 'running' AND i.due_at < clock_timestamp()
      AND j.state NOT IN ('queued', 'running')
    LIMIT %s
"""
_LEFTOVER: Final = """
    SELECT id FROM import_jobs
    WHERE leftover
    ORDER BY id
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
"""
_NOTHING_LEFT: Final = "UPDATE import_jobs SET leftover = false WHERE id = %s"
_DELETE_OLD: Final = """
    DELETE FROM import_jobs WHERE id IN (
        SELECT id FROM import_jobs
        WHERE ended_at < clock_timestamp() - make_interval(secs => %s)
        ORDER BY ended_at
        LIMIT %s
        FOR UPDATE SKIP LOCKED
    )
"""
_OF_CREDENTIALS: Final = """
    SELECT id FROM import_jobs
    WHERE credential_id = ANY(%s) AND state IN ('queued', 'running')
    LIMIT %s
"""


class ImportUpkeep:
    """One short transaction for each step; safe in every replica, and to kill."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revoke(self, credential_ids: Sequence[str], *, limit: int = 100) -> int:
        """End the jobs of credentials that are no longer what they were; return how many."""
        ended = 0
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute(_OF_CREDENTIALS, (list(credential_ids), limit))
            for (job_id,) in await cursor.fetchall():
                if await locked(conn, LOCK_OPEN, job_id):
                    await end_job(conn, job_id, revoked())
                    ended += 1
        return ended

    async def settle_lost(self) -> int:
        """End items of ended jobs whose attempts were broken off; return how many."""
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute(_LOST, (_LOST_AT_ONCE,))
            found = await cursor.fetchall()
            for job_id, number, attempt in sorted(found):
                standing = await locked(conn, LOCK, job_id)
                ending = standing.ending() if standing else None
                if ending is not None:
                    await settle_attempt(conn, ImportJobId(job_id), number, attempt, ending)
        return len(found)

    async def end_leftover(self) -> bool:
        """End some more items of a job that has ended; False if there are none."""
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute(_LEFTOVER)
            row = await cursor.fetchone()
            standing = await locked(conn, LOCK, row[0]) if row else None
            ending = standing.ending() if standing else None
            if row is None or ending is None:
                return False
            if not await end_items(conn, row[0], ending):
                await conn.execute(_NOTHING_LEFT, (row[0],))
            return True

    async def delete_old(self, *, keep_s: float) -> int:
        """Delete jobs that ended so long ago, with their items; return how many."""
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute(_DELETE_OLD, (keep_s, _DELETED_AT_ONCE))
            return cursor.rowcount
