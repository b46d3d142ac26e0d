"""The journal of uploads, in Postgres. All times are the database's."""

from __future__ import annotations

from typing import Final

from psycopg.rows import class_row

from picstore_kit.pg.database import Database
from picstore_upload.model import JournalEntry

LEASE_S: Final = 60
"""An upload not heard of for this long is dead."""

COMMIT_LEASE_S: Final = 600
"""The same while the catalog records it: far longer than the call may take."""

_OPEN = """
    INSERT INTO uploads (id, team_id, location_id, object_key, lease_until)
    VALUES (%s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s))
"""
_EXTEND = """
    UPDATE uploads SET lease_until = greatest(
        lease_until, clock_timestamp() + make_interval(secs => %s))
    WHERE id = %s AND state <> 'sweeping'
"""
_COMMIT = """
    UPDATE uploads
    SET state = 'committing', lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND state = 'receiving'
"""
_CLOSE = "DELETE FROM uploads WHERE id = %s"
# An entry whose sweeper died is taken up again when the sweeper's own lease ends.
_TAKE_DEAD = """
    UPDATE uploads
    SET state = 'sweeping', lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id IN (
        SELECT id FROM uploads
        WHERE lease_until < clock_timestamp()
        ORDER BY lease_until
        LIMIT %s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id AS upload_id, team_id, location_id, object_key
"""


class UploadJournal:
    """The journal, one short transaction for each entry made in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, entry: JournalEntry) -> None:
        """Write down where an upload may store something, before it does."""
        async with self._database.transaction(team=entry.team_id) as conn:
            await conn.execute(
                _OPEN,
                (entry.upload_id, entry.team_id, entry.location_id, entry.object_key, LEASE_S),
            )

    async def extend(self, entry: JournalEntry) -> bool:
        """Say that the upload goes on; False if the sweeper has taken it for dead."""
        async with self._database.transaction(team=entry.team_id) as conn:
            cursor = await conn.execute(_EXTEND, (LEASE_S, entry.upload_id))
            return cursor.rowcount == 1

    async def commit(self, entry: JournalEntry) -> bool:
        """Say that the original is being recorded; False if the sweeper has taken it for dead."""
        async with self._database.transaction(team=entry.team_id) as conn:
            cursor = await conn.execute(_COMMIT, (COMMIT_LEASE_S, entry.upload_id))
            return cursor.rowcount == 1

    async def close(self, entry: JournalEntry) -> None:
        """Forget an upload that left nothing, or whose original is recorded."""
        async with self._database.transaction(team=entry.team_id) as conn:
            await conn.execute(_CLOSE, (entry.upload_id,))

    async def take_dead(self, *, limit: int) -> list[JournalEntry]:
        """Take uploads that nobody has heard of; no process can commit them any more."""
        async with self._database.system_transaction() as conn:
            cursor = conn.cursor(row_factory=class_row(JournalEntry))
            await cursor.execute(_TAKE_DEAD, (LEASE_S, limit))
            return await cursor.fetchall()
