"""The same tables as a queue: what is taken, reported and settled by whichever replica works on it.

A claim raises the number of the attempt and moves `due_at` to the end of a lease; a report extends
it. Both, and the settlement, lock the job first and count only for the newest attempt, so a process
may be killed at any point: what it held is claimed again when its lease ends, and an item is
settled once. The counts of a job change in the transaction that settles the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from picstore_kit.ids import ImportJobId, UploadId, new_id
from picstore_kit.pg.database import Database
from picstore_upload.imports.model import (
    ClaimedItem,
    ClaimedListing,
    ItemState,
    JobState,
    Settlement,
    Standing,
)
from picstore_upload.imports.repo import CHANNEL, end_job

LEASE_S: Final = 60.0
"""An attempt that was not heard of for this long is over."""


RowT = TypeVar("RowT")

_NEXT_JOB: Final = """
    SELECT j.id
    FROM import_jobs j
    WHERE j.state IN ('queued', 'running')
      AND (SELECT i.due_at
           FROM import_items i
           WHERE i.job_id = j.id AND i.state IN ('queued', 'running')
           ORDER BY i.due_at, i.number
           LIMIT 1) <= clock_timestamp()
    ORDER BY j.served_at
    LIMIT 1
"""
LOCK_OPEN: Final = """
    SELECT state, failure_reason, failure_message FROM import_jobs
    WHERE id = %s AND state IN ('queued', 'running')
    FOR NO KEY UPDATE
"""
LOCK: Final = """
    SELECT state, failure_reason, failure_message FROM import_jobs
    WHERE id = %s
    FOR NO KEY UPDATE
"""
_CLAIM_ITEM: Final = """
    WITH next AS (
        SELECT i.number
        FROM import_items i
        WHERE i.job_id = %(job_id)s AND i.state IN ('queued', 'running')
          AND i.due_at <= clock_timestamp()
        ORDER BY i.due_at, i.number
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ), item AS (
        UPDATE import_items i
        SET state = 'running', attempts = i.attempts + 1,
            due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
        FROM next
        WHERE i.job_id = %(job_id)s AND i.number = next.number
        RETURNING i.job_id, i.number, i.team_id, i.attempts, i.source, i.url, i.upload_id
    )
    UPDATE import_jobs j
    SET state = 'running', served_at = clock_timestamp()
    FROM item
    WHERE j.id = item.job_id
    RETURNING item.job_id, item.number, item.team_id, item.attempts AS attempt, item.source,
              item.url, item.upload_id, j.project_id, j.upload_profile, j.location,
              j.on_duplicate, j.filename, j.alt_text, j.bucket_location_id, j.bucket_prefix,
              j.principal,
              j.created_at < clock_timestamp() - make_interval(secs => %(max_age_s)s) AS too_old
"""
_REPORT: Final = """
    WITH old AS (
        SELECT received_bytes, total_bytes FROM import_items
        WHERE job_id = %(job_id)s AND number = %(number)s
          AND attempts = %(attempt)s AND state = 'running'
    ), item AS (
        UPDATE import_items i
        SET received_bytes = %(received)s, total_bytes = %(total)s,
            due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
        FROM old
        WHERE i.job_id = %(job_id)s AND i.number = %(number)s
        RETURNING i.received_bytes - old.received_bytes AS received,
                  i.total_bytes - old.total_bytes AS total
    )
    UPDATE import_jobs j
    SET received_bytes = j.received_bytes + item.received,
        total_bytes = j.total_bytes + item.total
    FROM item
    WHERE j.id = %(job_id)s
"""
_SETTLE_ITEM: Final = """
    UPDATE import_items
    SET state = %(state)s, image_id = %(image_id)s, reason = %(reason)s, message = %(message)s,
        url = CASE WHEN %(ended)s THEN NULL ELSE url END,
        due_at = clock_timestamp() + make_interval(secs => %(pause_s)s)
    WHERE job_id = %(job_id)s AND number = %(number)s
      AND attempts = %(attempt)s AND state = 'running'
"""
# A job of one URL has failed where that could not be fetched: nothing can come of it.
_COUNT_ITEM: Final = """
    UPDATE import_jobs
    SET open_count = open_count - 1,
        imported_count = imported_count + (%(state)s = 'imported')::int,
        duplicate_count = duplicate_count + (%(state)s = 'duplicate')::int,
        refused_count = refused_count + (%(state)s = 'refused')::int,
        failed_count = failed_count + (%(state)s = 'failed')::int,
        state = CASE
            WHEN state NOT IN ('queued', 'running') OR NOT listed OR open_count > 1 THEN state
            WHEN kind = 'url' AND %(state)s = 'failed' THEN 'failed'
            ELSE 'done'
        END,
        failure_reason = CASE
            WHEN state IN ('queued', 'running') AND kind = 'url' AND %(state)s = 'failed'
            THEN %(reason)s ELSE failure_reason
        END,
        failure_message = CASE
            WHEN state IN ('queued', 'running') AND kind = 'url' AND %(state)s = 'failed'
            THEN %(message)s ELSE failure_message
        END,
        ended_at = CASE
            WHEN ended_at IS NULL AND listed AND open_count <= 1 THEN clock_timestamp()
            ELSE ended_at
        END
    WHERE id = %(job_id)s
"""
_CLAIM_LISTING: Final = """
    UPDATE import_jobs j
    SET state = 'running', list_attempts = j.list_attempts + 1,
        list_due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
    WHERE j.id = (
        SELECT id FROM import_jobs
        WHERE state IN ('queued', 'running') AND NOT listed AND list_due_at <= clock_timestamp()
        ORDER BY list_due_at
        LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING j.id AS job_id, j.team_id, j.list_attempts AS attempt, j.project_id,
              j.bucket_location_id, j.bucket_prefix, j.principal,
              j.created_at < clock_timestamp() - make_interval(secs => %(max_age_s)s) AS too_old
"""
_LOCK_LISTING: Final = """
    SELECT item_count FROM import_jobs
    WHERE id = %s AND list_attempts = %s AND NOT listed AND state IN ('queued', 'running')
    FOR NO KEY UPDATE
"""
_ADD_ITEMS: Final = """
    WITH known AS MATERIALIZED (
        SELECT i.source
        FROM import_items i
        WHERE i.job_id = %(job_id)s
          AND i.source_hash = ANY(ARRAY(SELECT md5(key) FROM unnest(%(keys)s::text[]) AS key))
    )
    INSERT INTO import_items (job_id, number, team_id, source, upload_id)
    SELECT %(job_id)s, %(count)s + row_number() OVER (ORDER BY found.place), %(team_id)s,
           found.key, found.upload_id
    FROM unnest(%(keys)s::text[], %(upload_ids)s::text[]) WITH ORDINALITY
         AS found (key, upload_id, place)
    WHERE found.key NOT IN (SELECT source FROM known)
    ON CONFLICT DO NOTHING
"""
_COUNT_ADDED: Final = """
    UPDATE import_jobs
    SET item_count = item_count + %(added)s, open_count = open_count + %(added)s,
        list_due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
    WHERE id = %(job_id)s
"""
_LISTED: Final = """
    UPDATE import_jobs
    SET listed = true,
        state = CASE WHEN open_count = 0 THEN 'done' ELSE state END,
        ended_at = CASE WHEN open_count = 0 THEN clock_timestamp() END
    WHERE id = %s
"""
_LIST_LATER: Final = """
    UPDATE import_jobs
    SET list_due_at = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s
"""


class ImportQueue:
    """What is to be done, one short transaction for each step of it."""

    def __init__(self, database: Database, *, max_age_s: float) -> None:
        """`max_age_s` is how long a job may act for the principal that it was made with."""
        self._database = database
        self._max_age_s = max_age_s

    async def claim_item(self) -> ClaimedItem | None:
        """Take the next item of the job whose turn it is, or None if there is nothing to do."""
        async with self._database.system_transaction() as conn:
            cursor = await conn.execute(_NEXT_JOB)
            row = await cursor.fetchone()
            if row is None or not await locked(conn, LOCK_OPEN, row[0]):
                return None
            return await _one(
                conn,
                ClaimedItem,
                _CLAIM_ITEM,
                {"job_id": row[0], "lease_s": LEASE_S, "max_age_s": self._max_age_s},
            )

    async def report(self, item: ClaimedItem, *, received: int, total: int) -> Standing | None:
        """Say that an attempt goes on, and how far it is; None if it is no longer the newest."""
        async with self._database.transaction(team=item.team_id) as conn:
            standing = await locked(conn, LOCK, item.job_id)
            cursor = await conn.execute(
                _REPORT,
                {
                    "job_id": item.job_id,
                    "number": item.number,
                    "attempt": item.attempt,
                    "received": received,
                    "total": total,
                    "lease_s": LEASE_S,
                },
            )
            return standing if cursor.rowcount else None

    async def settle(self, item: ClaimedItem, settlement: Settlement) -> bool:
        """End an attempt; False, and nothing changed, if it is no longer the newest."""
        async with self._database.transaction(team=item.team_id) as conn:
            return await settle_attempt(conn, item.job_id, item.number, item.attempt, settlement)

    async def claim_listing(self) -> ClaimedListing | None:
        """Take a job whose bucket is to be listed, or None."""
        async with self._database.system_transaction() as conn:
            return await _one(
                conn,
                ClaimedListing,
                _CLAIM_LISTING,
                {"lease_s": LEASE_S, "max_age_s": self._max_age_s},
            )

    async def add_items(self, listing: ClaimedListing, keys: Sequence[str]) -> int | None:
        """Add what was found, but for what is there already, and return how many items there are.

        Returns None if the listing is over: another one has begun, or the job has ended.
        """
        async with self._database.transaction(team=listing.team_id) as conn:
            count = await self._lock_listing(conn, listing)
            if count is None:
                return None
            cursor = await conn.execute(
                _ADD_ITEMS,
                {
                    "job_id": listing.job_id,
                    "team_id": listing.team_id,
                    "count": count,
                    "keys": list(keys),
                    "upload_ids": [new_id(UploadId) for _ in keys],
                },
            )
            added = cursor.rowcount
            await conn.execute(
                _COUNT_ADDED, {"job_id": listing.job_id, "added": added, "lease_s": LEASE_S}
            )
            await conn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
            return count + added

    async def finish_listing(self, listing: ClaimedListing) -> None:
        """Say that all items are known."""
        async with self._database.transaction(team=listing.team_id) as conn:
            if await self._lock_listing(conn, listing) is not None:
                await conn.execute(_LISTED, (listing.job_id,))

    async def settle_listing(self, listing: ClaimedListing, settlement: Settlement) -> None:
        """End an attempt at listing that has failed: for a pause, or with all of its job."""
        async with self._database.transaction(team=listing.team_id) as conn:
            if await self._lock_listing(conn, listing) is None:
                return
            if settlement.state is ItemState.QUEUED:
                await conn.execute(_LIST_LATER, (settlement.pause_s, listing.job_id))
            else:
                await end_job(conn, listing.job_id, settlement)

    async def _lock_listing(
        self, conn: AsyncConnection[TupleRow], listing: ClaimedListing
    ) -> int | None:
        cursor = await conn.execute(_LOCK_LISTING, (listing.job_id, listing.attempt))
        row = await cursor.fetchone()
        return None if row is None else int(row[0])


async def settle_attempt(
    conn: AsyncConnection[TupleRow],
    job_id: ImportJobId,
    number: int,
    attempt: int,
    settlement: Settlement,
) -> bool:
    """End an attempt, and count its item; False, and nothing changed, if it is not the newest."""
    await locked(conn, LOCK, job_id)
    ended = settlement.state is not ItemState.QUEUED
    parameters = {
        "job_id": job_id,
        "number": number,
        "attempt": attempt,
        "state": settlement.state,
        "image_id": settlement.image_id,
        "reason": settlement.reason,
        "message": settlement.message,
        "pause_s": settlement.pause_s,
        "ended": ended,
    }
    cursor = await conn.execute(_SETTLE_ITEM, parameters)
    if not cursor.rowcount:
        return False
    if ended:
        await conn.execute(_COUNT_ITEM, parameters)
    return True


async def locked(
    conn: AsyncConnection[TupleRow], statement: Any, job_id: ImportJobId
) -> Standing | None:
    """Lock a job's row and say how it stands; None if there is none that the statement takes."""
    cursor = await conn.execute(statement, (job_id,))
    row = await cursor.fetchone()
    if row is None:
        return None
    state, reason, message = row
    return Standing(state=JobState(state), failure_reason=reason, failure_message=message)


async def _one(
    conn: AsyncConnection[TupleRow],
    kind: type[RowT],
    statement: Any,
    parameters: dict[str, Any],
) -> RowT | None:
    async with conn.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()
