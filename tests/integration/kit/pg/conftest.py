"""A provisioned schema with a team-owned table, both outboxes and request ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from picstore_kit import audit
from picstore_kit.ids import TeamId
from picstore_kit.pg import idempotency, outbox
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.settings import PostgresSettings

SERVICE = "shop"
PASSWORD = "not a secret"
RED = TeamId("tem_red")
BLUE = TeamId("tem_blue")

THINGS = """
CREATE TABLE things (
    id      text COLLATE "C" PRIMARY KEY,
    team_id text COLLATE "C" NOT NULL,
    name    text NOT NULL,
    CONSTRAINT things_name_key UNIQUE (team_id, name)
);
CREATE TABLE parts (
    id       text COLLATE "C" PRIMARY KEY,
    thing_id text NOT NULL CONSTRAINT parts_thing_fkey REFERENCES things (id)
);

ALTER TABLE things ENABLE ROW LEVEL SECURITY;
ALTER TABLE things FORCE ROW LEVEL SECURITY;
CREATE POLICY team ON things
    USING (team_id = current_setting('picstore.team', true)
           OR current_setting('picstore.system', true) = 'on');
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    directory = tmp_path / "migrations"
    directory.mkdir()
    (directory / "0001_pre_things.sql").write_text(THINGS)
    standard_tables = outbox.DDL + idempotency.DDL + audit.DDL
    (directory / "0002_pre_standard_tables.sql").write_text(standard_tables)
    return directory


@pytest.fixture
async def dsn(database_url: str, migrations: Path) -> str:
    """The service's own login to its migrated schema."""
    await provision(database_url, service=SERVICE, password=PASSWORD)
    await migrate(database_url, service=SERVICE, directory=migrations)
    return login_dsn(database_url, service=SERVICE, password=PASSWORD)


def open_database(
    dsn: str,
    *,
    statement_timeout_s: float = 15,
    pool_max: int = 10,
    connection_wait_s: float = 3,
) -> Database:
    settings = PostgresSettings(
        dsn=SecretStr(dsn),
        pool_min=1,
        pool_max=pool_max,
        connection_wait_s=connection_wait_s,
        statement_timeout_s=statement_timeout_s,
    )
    return Database(settings, schema=SERVICE, application_name="tests")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn) as database:
        yield database
