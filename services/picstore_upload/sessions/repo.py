"""Sessions in Postgres. All times are the database's; every change of a writer names its epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row, kwargs_row
from psycopg.types.json import Jsonb

from picstore_kit.blobs.base import Part
from picstore_kit.errors import NotFound, PermissionDenied, PicstoreError, Resource
from picstore_kit.ids import ProjectId, TeamId, UploadId
from picstore_kit.pg.database import Database
from picstore_kit.pg.idempotency import RequestKey, recall, remember
from picstore_upload.access import IMAGE_CREATE, Access
from picstore_upload.sessions.model import (
    Method,
    Session,
    State,
    destination_from_json,
    destination_to_json,
    header_from_json,
    header_to_json,
    lease_lost,
)

LEASE_S: Final = 20
"""A writer that has not been heard of for this long is dead."""

KEEP_S: Final = 7 * 24 * 3600
"""How long an upload that is over can still be asked about."""

# One that the sweeper has not come to yet is over all the same.
_FETCH: Final = """
    SELECT CASE WHEN state = 'OPEN' AND expires_at < clock_timestamp() THEN 'EXPIRED'
                ELSE state END AS state,
           id, team_id, project_id, method, header, destination, sha256, note, partial, concat,
           size_bytes, failure_reason, failure_message, result, persisted_size, store_upload_id,
           tail_key, tail_size, epoch, signed_until, cleaned, created_at, expires_at,
           (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s)) AS allowed
    FROM sessions
    WHERE team_id = %(team_id)s AND id = %(id)s
      AND (%(visible_everywhere)s OR project_id = ANY(%(visible_on)s))
"""
_ACQUIRE: Final = """
    UPDATE sessions
    SET epoch = epoch + 1, wanted = false, completing = %(completing)s,
        lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
        size_bytes = coalesce(size_bytes, %(size_bytes)s)
    WHERE team_id = %(team_id)s AND id = %(id)s
      AND (%(allowed_everywhere)s OR project_id = ANY(%(allowed_on)s))
      AND state = 'OPEN' AND expires_at > clock_timestamp()
      AND (lease_until IS NULL OR lease_until < clock_timestamp()
           OR (%(force)s AND NOT completing))
    RETURNING state, id, team_id, project_id, method, header, destination, sha256, note, partial,
              concat, size_bytes, failure_reason, failure_message, result, persisted_size,
              store_upload_id, tail_key, tail_size, epoch, signed_until, cleaned, created_at,
              expires_at
"""
_TAKE_DUE: Final = """
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
    RETURNING state, id, team_id, project_id, method, header, destination, sha256, note, partial,
              concat, size_bytes, failure_reason, failure_message, result, persisted_size,
              store_upload_id, tail_key, tail_size, epoch, signed_until, cleaned, created_at,
              expires_at
"""


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
        async with (
            self._database.transaction(team=access.team_id) as conn,
            conn.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(_FETCH, {**access.parameters(), "id": upload_id})
            row = await cursor.fetchone()
        if row is None:
            raise NotFound.of("Upload", upload_id)
        if not row.pop("allowed"):
            raise PermissionDenied.missing(
                IMAGE_CREATE, resource=Resource(type="Upload", name=upload_id)
            )
        return _session(**row)

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
            conn.cursor(row_factory=kwargs_row(_session)) as cursor,
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
        row = await self._fenced(
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
        await self._fenced(
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

    async def begun(self, session: Session, store_upload_id: str) -> None:
        """Remember the store's id of the upload of parts.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        await self._fenced(
            session,
            """
            UPDATE sessions SET store_upload_id = %(store_upload_id)s
            WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'OPEN'
            RETURNING id
            """,
            {"store_upload_id": store_upload_id},
        )

    async def next_part(self, session: Session) -> int:
        """Return a number for a part that nobody else gets.

        So what a writer puts after it has lost the lease is in no list of parts.

        Raises:
            Aborted: Somebody else has the lease (LEASE_LOST).
        """
        row = await self._fenced(
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
            await self._fenced_in(
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
        await self._fenced(
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
        await self._fenced(
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
            conn.cursor(row_factory=kwargs_row(_session)) as cursor,
        ):
            await cursor.execute(_TAKE_DUE, (LEASE_S, limit))
            return await cursor.fetchall()

    async def _fenced(
        self, session: Session, statement: LiteralString, parameters: Mapping[str, Any]
    ) -> TupleRow:
        async with self._database.transaction(team=session.team_id) as conn:
            return await self._fenced_in(conn, session, statement, parameters)

    async def _fenced_in(
        self,
        conn: AsyncConnection[TupleRow],
        session: Session,
        statement: LiteralString,
        parameters: Mapping[str, Any],
    ) -> TupleRow:
        cursor = await conn.execute(
            statement, {**parameters, "id": session.id, "epoch": session.epoch}
        )
        row = await cursor.fetchone()
        if row is None:
            raise lease_lost(session.id)
        return row


def _session(
    *,
    method: str,
    header: Mapping[str, Any],
    destination: Mapping[str, Any],
    concat: Sequence[str],
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    project_id: str,
    **columns: Any,
) -> Session:
    return Session(
        method=Method(method),
        header=header_from_json(header),
        destination=destination_from_json(destination),
        concat=tuple(map(UploadId, concat)),
        state=State(state),
        failure_reason=failure_reason or "",
        failure_message=failure_message or "",
        project_id=ProjectId(project_id),
        **columns,
    )
