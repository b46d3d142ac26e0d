"""What has come of an upload, in Postgres: parts, and the tail behind them."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import kwargs_row

from picstore_kit.blobs.base import Part
from picstore_kit.pg.database import Database
from picstore_upload.sessions.model import Session
from picstore_upload.sessions.rows import change, fenced


class Progress:
    """How far uploads are; every change is the newest writer's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begun(self, session: Session, store_upload_id: str) -> str:
        """Remember the store's id of the upload of parts, or return the one that is known.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        row = await change(
            self._database,
            session,
            """
            UPDATE sessions SET store_upload_id = coalesce(store_upload_id, %(store_upload_id)s)
            WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
            RETURNING store_upload_id
            """,
            {"store_upload_id": store_upload_id},
        )
        return str(row[0])

    async def next_part(self, session: Session) -> int:
        """Return a number for a part that nobody else gets.

        So what a writer puts after it has lost the lease is in no list of parts.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        row = await change(
            self._database,
            session,
            """
            UPDATE sessions SET next_part = next_part + 1
            WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
            RETURNING next_part - 1
            """,
            {},
        )
        return int(row[0])

    async def stored(self, session: Session, parts: Sequence[Part], persisted_size: int) -> None:
        """Record parts, which hold the bytes of the tail as well.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        async with self._database.transaction(team=session.team_id) as conn:
            await fenced(
                conn,
                session,
                """
                UPDATE sessions
                SET persisted_size = %(persisted_size)s, tail_key = NULL, tail_size = 0
                WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
                RETURNING id
                """,
                {"persisted_size": persisted_size},
            )
            async with conn.cursor() as cursor:
                await cursor.executemany(
                    """
                    INSERT INTO session_parts (team_id, session_id, number, etag, size)
                    VALUES (%s, %s, %s, %s, %s)
                    """,
                    [
                        (session.team_id, session.id, part.number, part.etag, part.size)
                        for part in parts
                    ],
                )

    async def set_tail(self, session: Session, key: str, size: int, persisted_size: int) -> None:
        """Record the bytes behind the last part, which are an object of their own.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        await change(
            self._database,
            session,
            """
            UPDATE sessions
            SET tail_key = %(key)s, tail_size = %(size)s, persisted_size = %(persisted_size)s
            WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
            RETURNING id
            """,
            {"key": key, "size": size, "persisted_size": persisted_size},
        )

    async def parts(self, session: Session) -> list[Part]:
        """Return the parts that are recorded, in the order of the file."""
        async with (
            self._database.transaction(team=session.team_id) as conn,
            conn.cursor(row_factory=kwargs_row(Part)) as cursor,
        ):
            await cursor.execute(
                "SELECT number, etag, size FROM session_parts WHERE session_id = %s"
                " ORDER BY number",
                (session.id,),
            )
            return await cursor.fetchall()
