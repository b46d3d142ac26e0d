"""Fixtures for all tests: the embedded servers, started once per session and only when needed."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from picstore_local.infrastructure import Infrastructure
from picstore_local.settings import LocalSettings

# A busy machine makes an example slow, which says nothing of the code.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test connects to {address}, which is not this machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infrastructure]:
    """Postgres, NATS and an S3 store of this session, on free ports."""
    data_dir = tmp_path_factory.mktemp("stack")
    # The servers end with the thread that started them, so all of it happens in this one.
    with asyncio.Runner() as runner:
        infrastructure = Infrastructure(data_dir, LocalSettings(postgres_fsync=False))
        runner.run(infrastructure.start())
        try:
            yield infrastructure
        finally:
            runner.run(infrastructure.stop())


@pytest.fixture
def database_url(infra: Infrastructure) -> Iterator[str]:
    """A fresh, empty database, as its administrator; dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(infra.postgres_dsn, dbname=name)
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def bucket(infra: Infrastructure) -> str:
    """The name of a fresh, empty and private bucket."""
    name = f"test-{uuid.uuid4().hex}"
    infra.s3.client().make_bucket(name)
    return name


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
