"""The whole service in this process, as its composition root builds it, and clients of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from picstore_auth.main import build
from picstore_auth.settings import AuthSettings, PasswordSettings
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from picstore_kit.settings import (
    NATSSettings,
    PostgresSettings,
    RPCSettings,
    SealingSettings,
    TargetsSettings,
)
from picstore_local.infrastructure import Infrastructure
from tests.contract.auth.catalog import Catalog
from tests.contract.auth.clients import (
    ADMIN_AND_WRITER,
    SECRETS,
    Client,
    Connect,
    Team,
    found_team,
    service_token,
)
from tests.integration.auth.schema import auth_schema


@pytest.fixture(scope="package")
def auth_dsn(infra: Infrastructure) -> Iterator[str]:
    with auth_schema(infra.postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """The catalog that the service asks for projects and upload profiles."""
    return Catalog(tmp_path)


@pytest.fixture
async def address(
    auth_dsn: str, infra: Infrastructure, catalog: Catalog, tmp_path: Path
) -> AsyncIterator[str]:
    """Where the service listens while the test runs."""
    address = f"unix:{tmp_path / 'auth.sock'}"
    settings = AuthSettings(
        postgres=PostgresSettings(
            dsn=SecretStr(auth_dsn), pool_min=1, pool_max=5, connection_wait_s=30
        ),
        nats=NATSSettings(url=infra.nats_url),
        sealing=SealingSettings(
            keys={"k1": SecretStr(base64.b64encode(bytes(32)).decode())}, current="k1"
        ),
        service_secrets={
            name: SecretStr(hashlib.sha256(secret.encode()).hexdigest())
            for name, secret in SECRETS.items()
        },
        rpc=RPCSettings(listen=address),
        targets=TargetsSettings(catalog=catalog.address),
        passwords=PasswordSettings(time_cost=1, memory_kib=8, parallelism=1),
    )
    async with Lifecycle() as lifecycle:
        assert await lifecycle.build(partial(build, settings))
        await catalog.serve(lifecycle, auth=address)
        serving = asyncio.create_task(lifecycle.serve())
        yield address
        lifecycle.stop()
        await serving
        assert not lifecycle.failed


@pytest.fixture
async def connect(address: str) -> AsyncIterator[Connect]:
    """Return clients by their credential; None for none."""
    async with AsyncExitStack() as stack:

        def connect(credential: str | None) -> Client:
            channel = open_channel(address, credentials=BearerCredentials(lambda: credential))
            stack.push_async_callback(channel.close)
            return Client(channel)

        yield connect


@pytest.fixture
def stranger(connect: Connect) -> Client:
    return connect(None)


@pytest.fixture
async def operator(connect: Connect, stranger: Client) -> Client:
    return connect(await service_token(stranger, "operator"))


@pytest.fixture
async def service(connect: Connect, stranger: Client) -> Client:
    return connect(await service_token(stranger, "catalog"))


@pytest.fixture
async def team(operator: Client, connect: Connect) -> Team:
    """A team with an administrator and one who may only change the team, and read images."""
    return await found_team(operator, connect, ADMIN_AND_WRITER)


@pytest.fixture
def admin(team: Team) -> Client:
    return team["admin"]
