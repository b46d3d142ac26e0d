"""Sessions in Postgres: how they begin, are found, end and are forgotten. See also `progress`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.rows import kwargs_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from picstore_kit.errors import NotFound, PicstoreError, Resource
from picstore_kit.ids import UploadId
from picstore_kit.pg.access import Access, fetch_one
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import RequestKey, recall, remember
from picstore_upload.sessions.model import Session, State, destination_to_json, header_to_json
from picstore_upload.sessions.rows import COLUMNS, LEASE_S, change, read_session

KEEP_S: Final = 7 * 24 * 3600
"""How long an upload that is over can still be asked about."""

# One that the sweeper has not come to yet is over all the same.
_FETCH: Final = SQL(
    """
    SELECT CASE WHEN state = 'OPEN' AND expires_at < clock_timestamp() THEN 'EXPIRED'
                ELSE state END AS state,
           (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s)) AS allowed, {columns}
    FROM sessions
    WHERE team_id = %(team_id)s AND id = %(id)s
      AND (%(visible_everywhere)s OR project_id = ANY(%(visible_on)s))
    """
).format(columns=COLUMNS)
_TAKE_DUE: Final = SQL(
    """
    UPDATE sessions
    SET epoch = epoch + 1, completing = true,
        lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id IN (
        SELECT id FROM sessions
        WHERE due_at < clock_timestamp()
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY due_at
        LIMIT %s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING state, {columns}
    """
).format(columns=COLUMNS)


class Sessions:
    """The table, one short transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(
        self, session: Session, access: Access, *, request_id: str, request: bytes, ttl_s: float
    ) -> UploadId:
        """Add a session; with a `request_id` that was used before, return the id made then.

        Raises:
            AlreadyExists: The request id was used for another request (REQUEST_ID_REUSED).
        """
        key = RequestKey(principal=access.caller, method="CreateUpload", request_id=request_id)
        async with self._database.transaction(team=access.team_id) as conn:
            known = await recall(conn, key, request)
            if known is not None:
                return UploadId(known.decode())
            await conn.execute(
                """
                INSERT INTO sessions (id, team_id, project_id, method, header, destination, sha256,
                                      note, partial, concat, size_bytes, expires_at, due_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                        clock_timestamp() + make_interval(secs => %s),
                        clock_timestamp() + make_interval(secs => %s))
                """,
                (
                    session.id,
                    session.team_id,
                    session.project_id,
                    session.method.value,
                    Jsonb(header_to_json(session.header)),
                    Jsonb(destination_to_json(session.destination)),
                    session.sha256,
                    session.note,
                    session.partial,
                    list(session.concat),
                    session.size_bytes,
                    ttl_s,
                    ttl_s,
                ),
            )
            await remember(conn, key, request, session.id.encode())
            return session.id

    async def find_request(
        self, access: Access, *, request_id: str, request: bytes
    ) -> UploadId | None:
        """Return the upload that a request made before, if it did.

        Raises:
            AlreadyExists: The request id was used for another request (REQUEST_ID_REUSED).
        """
        key = RequestKey(principal=access.caller, method="CreateUpload", request_id=request_id)
        async with self._database.transaction(team=access.team_id) as conn:
            known = await recall(conn, key, request)
        return None if known is None else UploadId(known.decode())

    async def fetch(self, access: Access, upload_id: UploadId) -> Session:
        """Return a session.

        Raises:
            NotFound: There is none that the caller can see.
            PermissionDenied: The caller may not upload to its project.
        """
        async with self._database.transaction(team=access.team_id) as conn:
            return await fetch_one(
                conn,
                read_session,
                _FETCH,
                {"id": upload_id},
                access=access,
                resource=Resource(type="Upload", name=upload_id),
            )

    async def signed(self, session: Session, *, seconds: float) -> datetime:
        """Record that presigned requests are good for so long; return until when."""
        async with self._database.transaction(team=session.team_id) as conn:
            cursor = await conn.execute(
                """
                UPDATE sessions
                SET signed_until = greatest(
                        signed_until, clock_timestamp() + make_interval(secs => %s))
                WHERE id = %s
                RETURNING clock_timestamp() + make_interval(secs => %s)
                """,
                (seconds, session.id, seconds),
            )
            row = await cursor.fetchone()
        if row is None:
            raise NotFound.of("Upload", session.id)
        until: datetime = row[0]
        return until

    async def end(
        self,
        session: Session,
        state: State,
        *,
        failure: PicstoreError | None = None,
        result: bytes | None = None,
    ) -> None:
        """End an upload; what is left of it is the sweeper's from now on.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        await change(
            self._database,
            session,
            """
            UPDATE sessions
            SET state = %(state)s, failure_reason = %(reason)s, failure_message = %(message)s,
                result = %(result)s, ended_at = clock_timestamp(),
                due_at = CASE WHEN partial AND %(state)s = 'COMPLETED' THEN expires_at
                              ELSE clock_timestamp() END,
                completing = false,
                lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
            WHERE id = %(id)s AND epoch = %(epoch)s AND state IN ('OPEN', 'COMPLETED')
            RETURNING id
            """,
            {
                "state": state.value,
                "reason": failure.reason.value if failure else None,
                "message": failure.message if failure else None,
                "result": result,
                "lease_s": LEASE_S,
            },
        )

    async def cleaned(self, session: Session) -> None:
        """Say that nothing is left; where a presigned request may bring more, look again then."""
        async with self._database.transaction(team=session.team_id) as conn:
            await conn.execute(
                """
                UPDATE sessions
                SET cleaned = signed_until IS NULL OR signed_until < clock_timestamp(),
                    due_at = CASE WHEN signed_until > clock_timestamp()
                                  THEN signed_until + interval '1 minute'
                                  ELSE ended_at + make_interval(secs => %s) END,
                    lease_until = NULL
                WHERE id = %s AND epoch = %s AND state <> 'OPEN'
                """,
                (KEEP_S, session.id, session.epoch),
            )

    async def give_up(self, access: Access, upload_ids: Sequence[UploadId]) -> None:
        """Let partial uploads whose bytes are a picture's now be cleaned up at once."""
        async with self._database.transaction(team=access.team_id) as conn:
            await conn.execute(
                """
                UPDATE sessions SET expires_at = clock_timestamp(), due_at = clock_timestamp()
                WHERE id = ANY(%s) AND partial
                """,
                (list(upload_ids),),
            )

    async def forget(self, session: Session) -> None:
        """Forget a session, if nothing of it is left and nothing can come any more."""
        async with self._database.transaction(team=session.team_id) as conn:
            await conn.execute(
                "DELETE FROM sessions WHERE id = %s AND epoch = %s AND cleaned",
                (session.id, session.epoch),
            )

    async def take_due(self, *, limit: int) -> list[Session]:
        """Take the leases of sessions that the sweeper is to look at."""
        async with (
            self._database.system_transaction() as conn,
            conn.cursor(row_factory=kwargs_row(read_session)) as cursor,
        ):
            await cursor.execute(_TAKE_DUE, (LEASE_S, limit))
            return await cursor.fetchall()
