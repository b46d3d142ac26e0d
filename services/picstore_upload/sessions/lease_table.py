"""The leases of uploads, in Postgres. All times are the database's."""

from __future__ import annotations

from typing import Final

from psycopg.rows import kwargs_row
from psycopg.sql import SQL

from picstore_kit.ids import TeamId, UploadId
from picstore_kit.pg.access import Access
from picstore_kit.pg.database import Database
from picstore_upload.sessions.model import Session
from picstore_upload.sessions.rows import COLUMNS, LEASE_S, change, read_session

_ACQUIRE: Final = SQL(
    """
    UPDATE sessions
    SET epoch = epoch + 1, wanted = false, completing = %(completing)s,
        lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
        size_bytes = coalesce(size_bytes, %(size_bytes)s)
    WHERE team_id = %(team_id)s AND id = %(id)s
      AND (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s))
      AND state = 'OPEN' AND expires_at > clock_timestamp()
      AND (lease_until IS NULL OR lease_until < clock_timestamp()
           OR (%(force)s AND NOT completing))
    RETURNING state, {columns}
    """
).format(columns=COLUMNS)


class LeaseTable:
    """Who has which lease, one short transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(
        self,
        access: Access,
        upload_id: UploadId,
        *,
        completing: bool,
        force: bool = False,
        size_bytes: int | None = None,
    ) -> Session | None:
        """Take the lease, or return None: somebody has it, or there is nothing to be had.

        `force` takes it from whoever writes, but not from whoever completes.
        """
        async with (
            self._database.transaction(team=access.team_id) as conn,
            conn.cursor(row_factory=kwargs_row(read_session)) as cursor,
        ):
            await cursor.execute(
                _ACQUIRE,
                {
                    **access.parameters(),
                    "id": upload_id,
                    "completing": completing,
                    "force": force,
                    "lease_s": LEASE_S,
                    "size_bytes": size_bytes,
                },
            )
            return await cursor.fetchone()

    async def want(self, team_id: TeamId, upload_id: UploadId) -> float:
        """Ask the holder of a lease to let go; return the seconds until it ends by itself."""
        async with self._database.transaction(team=team_id) as conn:
            cursor = await conn.execute(
                """
                UPDATE sessions SET wanted = true WHERE id = %s AND state = 'OPEN'
                RETURNING extract(epoch FROM lease_until - clock_timestamp())
                """,
                (upload_id,),
            )
            row = await cursor.fetchone()
        return max(0.0, float(row[0])) if row is not None and row[0] is not None else 0.0

    async def extend(self, session: Session) -> bool:
        """Keep the lease; return whether somebody wants it.

        Raises:
            Aborted: Somebody else has it (LEASE_LOST).
        """
        row = await change(
            self._database,
            session,
            """
            UPDATE sessions
            SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
            WHERE id = %(id)s AND epoch = %(epoch)s
            RETURNING wanted
            """,
            {"lease_s": LEASE_S},
        )
        return bool(row[0])

    async def release(self, session: Session) -> None:
        """Let go of the lease, if it is still held."""
        async with self._database.transaction(team=session.team_id) as conn:
            await conn.execute(
                """
                UPDATE sessions SET lease_until = NULL, completing = false, wanted = false
                WHERE id = %s AND epoch = %s
                """,
                (session.id, session.epoch),
            )

    async def completing(self, session: Session) -> None:
        """Say that nobody may take the lease any more.

        Raises:
            Aborted: Somebody has it already (LEASE_LOST).
        """
        await change(
            self._database,
            session,
            """
            UPDATE sessions
            SET completing = true,
                lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
            WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
            RETURNING id
            """,
            {"lease_s": LEASE_S},
        )
