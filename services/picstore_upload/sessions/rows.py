"""A row of a session, and the fence around what a writer changes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from picstore_kit.ids import ProjectId, UploadId
from picstore_kit.pg.database import Database
from picstore_upload.sessions.model import (
    Method,
    Session,
    State,
    destination_from_json,
    header_from_json,
    lease_lost,
)

LEASE_S: Final = 20
"""A writer that has not been heard of for this long is dead."""

COLUMNS: Final = SQL(
    """
    id, team_id, project_id, method, header, destination, sha256, note, partial, concat,
    size_bytes, failure_reason, failure_message, result, persisted_size, store_upload_id,
    tail_key, tail_size, epoch, signed_until, cleaned, created_at, expires_at
    """
)
"""Those of `read_session`, but for the state, which depends on the time as well."""


async def change(
    database: Database,
    session: Session,
    statement: LiteralString,
    parameters: Mapping[str, Any],
) -> TupleRow:
    """Make one change in a transaction of its own; see `fenced`."""
    async with database.transaction(team=session.team_id) as conn:
        return await fenced(conn, session, statement, parameters)


async def fenced(
    conn: AsyncConnection[TupleRow],
    session: Session,
    statement: LiteralString,
    parameters: Mapping[str, Any],
) -> TupleRow:
    """Run a statement that names `id` and `epoch`, and return the row that it has changed.

    So only the writer whose lease is the newest changes anything.

    Raises:
        Aborted: It has changed none, for somebody else has the lease (LEASE_LOST).
    """
    cursor = await conn.execute(statement, {**parameters, "id": session.id, "epoch": session.epoch})
    row = await cursor.fetchone()
    if row is None:
        raise lease_lost(session.id)
    return row


def read_session(
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
    """Make a session of a row."""
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
