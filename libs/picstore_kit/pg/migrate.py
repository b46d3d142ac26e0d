"""Migrations: plain SQL files, applied once and in order, forward only.

A service's directory holds `NNNN_{pre|post}_words.sql`. What new code needs is `pre` and applied
before it rolls out, so it must not disturb the code still running; what only old code needed is
removed by `post`, afterwards. A file is one transaction with the schema as search path, unless its
first line is `-- no-transaction`: then it is a single statement that is safe to repeat, such as
`CREATE INDEX CONCURRENTLY IF NOT EXISTS`.

An applied file is never changed again (its checksum is kept); a mistake is mended by another file.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

import structlog
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow, class_row

from picstore_kit.errors import Reason, Unavailable
from picstore_kit.pg.errors import translated
from picstore_kit.pg.provision import connect, login_role, owner_role

Phase = Literal["pre", "post", "all"]

LOCK_WAIT_S: Final = 60.0
"""Seconds to wait for another run of the same service's migrations."""

_FILE_NAME: Final = re.compile(r"(?P<version>\d{4})_(?P<phase>pre|post)_[a-z0-9_]+\.sql")
_NO_TRANSACTION: Final = "-- no-transaction"

# A migration that waits for a lock makes everyone else queue up behind it: it gives up instead.
_LOCK_TIMEOUT: Final = "4s"
_STATEMENT_TIMEOUT: Final = "60s"

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version    integer PRIMARY KEY,
        name       text NOT NULL,
        checksum   text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        took_ms    integer NOT NULL
    )
"""

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The files and the database do not fit together; nothing was changed after that was seen."""


class State(StrEnum):
    """How one file relates to the database."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    """Applied, but the file is not what it was then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file."""

    version: int
    name: str
    phase: Literal["pre", "post"]
    text: str
    checksum: str
    """Hex sha256 of the text."""

    @property
    def transactional(self) -> bool:
        """Whether the file is applied in a transaction."""
        return not self.text.startswith(_NO_TRANSACTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One file that was applied, as the database remembers it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    took_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One file and what became of it."""

    migration: Migration
    state: State
    applied_at: datetime | None


def read(directory: Traversable | Path) -> list[Migration]:
    """Read a service's migrations in order.

    Raises:
        MigrationError: A file is named wrongly, or two have the same number.
    """
    migrations: dict[int, Migration] = {}
    for file in sorted(directory.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise MigrationError(
                f"{file.name} is not named NNNN_pre_words.sql or NNNN_post_words.sql"
            )
        version = int(match["version"])
        if version in migrations:
            raise MigrationError(f"{file.name} has the number of {migrations[version].name}")
        text = file.read_text(encoding="utf-8")
        migrations[version] = Migration(
            version=version,
            name=file.name,
            phase="pre" if match["phase"] == "pre" else "post",
            text=text,
            checksum=hashlib.sha256(text.encode()).hexdigest(),
        )
    return list(migrations.values())


async def migrate(
    dsn: str, *, service: str, directory: Traversable | Path, phase: Phase = "all"
) -> list[Applied]:
    """Apply what is pending of `phase`, one run at a time; return what was applied now.

    `dsn` logs in as a role that may become the service's owner, such as the one that provisioned.

    Raises:
        MigrationError: A file is wrong, or an applied one was changed or removed.
        Unavailable: The database does not answer, or another run holds the lock for too long.
        psycopg.Error: A statement failed; its file left no trace, unless it is `no-transaction`.
    """
    migrations = read(directory)
    applied_now: list[Applied] = []
    async with _as_owner(dsn, service) as conn, _exclusive(conn, service):
        await conn.execute(_TABLE)
        await conn.execute(
            sql.SQL("REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM {}").format(
                sql.Identifier(login_role(service))
            )
        )
        applied = await _applied(conn)
        _refuse_drift(migrations, applied)
        done = {row.version for row in applied}
        for migration in migrations:
            if migration.version not in done and phase in ("all", migration.phase):
                applied_now.append(await _apply(conn, migration))
                log.info("migration.applied", service=service, migration=migration.name)
    return applied_now


async def status(dsn: str, *, service: str, directory: Traversable | Path) -> list[Status]:
    """Compare every file with the database, changing nothing."""
    async with _as_owner(dsn, service) as conn:
        cursor = await conn.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
        row = await cursor.fetchone()
        applied = await _applied(conn) if row is not None and row[0] else []
    known = {row.version: row for row in applied}
    return [_status(migration, known.get(migration.version)) for migration in read(directory)]


def _status(migration: Migration, applied: Applied | None) -> Status:
    if applied is None:
        return Status(migration=migration, state=State.PENDING, applied_at=None)
    same = applied.checksum == migration.checksum and applied.name == migration.name
    state = State.APPLIED if same else State.CHANGED
    return Status(migration=migration, state=state, applied_at=applied.applied_at)


@asynccontextmanager
async def _as_owner(dsn: str, service: str) -> AsyncIterator[AsyncConnection[TupleRow]]:
    with translated():
        conn = await connect(dsn)
    async with conn:
        owner = sql.Identifier(owner_role(service))
        await conn.execute(sql.SQL("SET ROLE {}").format(owner))
        await conn.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(service)))
        await conn.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
        yield conn


@asynccontextmanager
async def _exclusive(conn: AsyncConnection[TupleRow], service: str) -> AsyncIterator[None]:
    """Hold the lock of the service's migrations; it ends with the connection.

    Polled, because a session that blocks in pg_advisory_lock holds a snapshot, and the holder's
    CREATE INDEX CONCURRENTLY would wait for that one in turn.
    """
    key = f"picstore.migrate.{service}"
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        cursor = await conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,))
        if await cursor.fetchone() == (True,):
            break
        if time.monotonic() > deadline:
            raise Unavailable(
                Reason.DEPENDENCY_UNAVAILABLE, f"another run migrates {service} and does not end"
            )
        await asyncio.sleep(0.2)
    yield


async def _applied(conn: AsyncConnection[TupleRow]) -> list[Applied]:
    async with conn.cursor(row_factory=class_row(Applied)) as cursor:
        await cursor.execute(
            "SELECT version, name, checksum, applied_at, took_ms"
            " FROM schema_migrations ORDER BY version"
        )
        return await cursor.fetchall()


def _refuse_drift(migrations: Sequence[Migration], applied: Sequence[Applied]) -> None:
    """Versions above all files are fine: an older release runs against a newer schema."""
    files = {migration.version: migration for migration in migrations}
    newest = max(files, default=0)
    for row in applied:
        file = files.get(row.version)
        if file is None and row.version < newest:
            raise MigrationError(f"{row.name} was applied but its file is gone")
        if file is not None and (file.checksum, file.name) != (row.checksum, row.name):
            raise MigrationError(f"{file.name} was changed after it was applied as {row.name}")


async def _apply(conn: AsyncConnection[TupleRow], migration: Migration) -> Applied:
    started = time.monotonic()
    statements = migration.text.encode()  # as bytes: it comes from a file of ours, not a literal
    if not migration.transactional:
        await conn.execute(statements)
        return await _record(conn, migration, started)
    async with conn.transaction():
        await conn.execute(
            "SELECT set_config('statement_timeout', %s, true)", (_STATEMENT_TIMEOUT,)
        )
        await conn.execute(statements)
        return await _record(conn, migration, started)


async def _record(conn: AsyncConnection[TupleRow], migration: Migration, started: float) -> Applied:
    took_ms = round((time.monotonic() - started) * 1000)
    async with conn.cursor(row_factory=class_row(Applied)) as cursor:
        await cursor.execute(
            """
            INSERT INTO schema_migrations (version, name, checksum, took_ms)
            VALUES (%s, %s, %s, %s)
            RETURNING version, name, checksum, applied_at, took_ms
            """,
            (migration.version, migration.name, migration.checksum, took_ms),
        )
        row = await cursor.fetchone()
    if row is None:
        raise MigrationError(f"{migration.name} could not be recorded")
    return row
