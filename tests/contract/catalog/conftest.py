"""The catalog on a real server and a real database."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from pydantic import SecretStr

from picstore_catalog.hub import WatchHub
from picstore_catalog.main import servicers
from picstore_catalog.settings import CatalogSettings
from picstore_catalog.uow import UnitOfWork
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.ids import TeamId, new_id
from picstore_kit.pg.database import Database
from picstore_kit.pg.migrate import migrate
from picstore_kit.pg.provision import login_dsn, provision
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.settings import (
    PostgresSettings,
    RPCSettings,
    SealingSettings,
    ServiceIdentitySettings,
)
from tests.contract.catalog.callers import ADMIN, Catalog, Client, KnownKeys, TokenAuthority

PASSWORD = "not a secret"


@pytest.fixture
async def settings(database_url: str) -> CatalogSettings:
    """Settings of a catalog whose schema is migrated."""
    await provision(database_url, service="catalog", password=PASSWORD)
    migrations = resources.files("picstore_catalog") / "migrations"
    await migrate(database_url, service="catalog", directory=migrations)
    dsn = login_dsn(database_url, service="catalog", password=PASSWORD)
    return CatalogSettings(
        postgres=PostgresSettings(
            dsn=SecretStr(dsn), pool_min=1, pool_max=10, connection_wait_s=30
        ),
        identity=ServiceIdentitySettings(name="catalog", secret=SecretStr(PASSWORD)),
        sealing=SealingSettings(
            keys={"k1": SecretStr(base64.b64encode(bytes(32)).decode())}, current="k1"
        ),
        rpc=RPCSettings(stop_grace_s=0.2),
        allowed_local_roots=(Path("/srv/pictures"),),
    )


@pytest.fixture
async def database(settings: CatalogSettings) -> AsyncIterator[Database]:
    async with Database(settings.postgres, schema="catalog", application_name="tests") as database:
        yield database


@pytest.fixture
async def catalog(settings: CatalogSettings, database: Database) -> AsyncIterator[Catalog]:
    keys, authority = KnownKeys(), TokenAuthority()
    work = UnitOfWork(database)
    sweeper = Sweeper(work, interval=timedelta(seconds=settings.sweep_interval_s))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            RPCServer(
                settings.rpc,
                servicers=servicers(settings, work, sweeper, WatchHub(limit=10)),
                authenticator=keys,
                verifier=ServiceTokenVerifier(authority),
            )
        )
        await server.serving()
        yield Catalog(server.address, stack, keys, authority)


@pytest.fixture
def team_id() -> TeamId:
    return new_id(TeamId)


@pytest.fixture
async def admin(catalog: Catalog, team_id: TeamId) -> Client:
    """Somebody who may do everything in the team."""
    return await catalog.user(team_id, ADMIN)


@pytest.fixture
async def stranger(catalog: Catalog) -> Client:
    """Somebody who may do everything in another team."""
    return await catalog.user(new_id(TeamId), ADMIN)


@pytest.fixture
async def operator(catalog: Catalog) -> Client:
    return await catalog.service("operator")
