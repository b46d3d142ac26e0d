"""A migrated catalog with nothing in it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from importlib import resources

import pytest
from pydantic import SecretStr

from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.locations import LocationSecrets
from picstore_kit.ids import TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.sealing import Sealer
from picstore_kit.settings import PostgresSettings, SealingSettings
from tests.integration.catalog.projects.teams import Team

PASSWORD = "not a secret"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await provision(database_url, service="catalog", password=PASSWORD)
    directory = resources.files("picstore_catalog") / "migrations"
    await migrate(database_url, service="catalog", directory=directory)
    dsn = login_dsn(database_url, service="catalog", password=PASSWORD)
    settings = PostgresSettings(dsn=SecretStr(dsn), pool_min=1, pool_max=5, connection_wait_s=30)
    async with Database(settings, schema="catalog", application_name="tests") as database:
        yield database


@pytest.fixture
def work(database: Database) -> UnitOfWork:
    return UnitOfWork(database)


@pytest.fixture
def secrets() -> LocationSecrets:
    key = SecretStr(base64.b64encode(bytes(32)).decode())
    return LocationSecrets(Sealer(SealingSettings(keys={"k1": key}, current="k1")))


@pytest.fixture
def team_id() -> TeamId:
    return new_id(TeamId)


@pytest.fixture
async def team(work: UnitOfWork, secrets: LocationSecrets) -> Team:
    """A team that has one of everything."""
    return await Team.set_up(work, secrets)
