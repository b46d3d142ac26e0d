"""Postgres, NATS and an S3 store: embedded ones, or those that the machine already has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from picstore_local.datadir import DataDir
from picstore_local.nats import EmbeddedNATS
from picstore_local.postgres import EmbeddedPostgres
from picstore_local.process import ChildProcess
from picstore_local.s3 import EmbeddedS3, S3Access, ensure_buckets
from picstore_local.settings import LocalSettings


class EmbeddedServer(Protocol):
    """A server that the stack brings along."""

    @property
    def process(self) -> ChildProcess | None:
        """The server, once it was started."""

    async def start(self) -> None:
        """Start it and wait until it serves."""

    async def stop(self) -> None:
        """Stop it; does nothing if it never started."""


class Infrastructure:
    """The three servers below the services, up between `start` and `stop`."""

    def __init__(
        self,
        data_dir: DataDir | Path,
        settings: LocalSettings | None = None,
        *,
        on_ready: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir = data_dir if isinstance(data_dir, DataDir) else DataDir(data_dir)
        self._settings = settings or LocalSettings()
        self._on_ready = on_ready
        self._postgres: EmbeddedPostgres | None = None
        self._nats: EmbeddedNATS | None = None
        self._s3: EmbeddedS3 | None = None
        if self._settings.postgres_dsn is None:
            self._postgres = EmbeddedPostgres(self.data_dir, fsync=self._settings.postgres_fsync)
        if self._settings.nats_url is None:
            self._nats = EmbeddedNATS(self.data_dir)
        if self._settings.s3_endpoint is None:
            self._s3 = EmbeddedS3(
                self.data_dir,
                originals_bucket=self._settings.s3_originals_bucket,
                outputs_bucket=self._settings.s3_outputs_bucket,
            )

    @property
    def postgres_dsn(self) -> str:
        """Connection string of a Postgres administrator."""
        if self._postgres is not None:
            return self._postgres.dsn
        assert self._settings.postgres_dsn is not None
        return self._settings.postgres_dsn.get_secret_value()

    @property
    def nats_url(self) -> str:
        """URL of the NATS server, with its credentials."""
        if self._nats is not None:
            return self._nats.url
        assert self._settings.nats_url is not None
        return self._settings.nats_url.get_secret_value()

    @property
    def s3(self) -> S3Access:
        """How to reach the S3 store."""
        if self._s3 is not None:
            return self._s3.access
        settings = self._settings
        assert settings.s3_endpoint is not None
        assert settings.s3_access_key is not None
        assert settings.s3_secret_key is not None
        return S3Access(
            endpoint=settings.s3_endpoint,
            public_url=settings.s3_public_url or settings.s3_endpoint,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            originals_bucket=settings.s3_originals_bucket,
            outputs_bucket=settings.s3_outputs_bucket,
        )

    @property
    def servers(self) -> list[EmbeddedServer]:
        """The embedded ones."""
        return [server for server in (self._postgres, self._nats, self._s3) if server is not None]

    async def start(self) -> None:
        """Take the data directory and start what is embedded, all at once.

        Raises:
            AlreadyRunning: Another process runs a stack on the data directory.
            LocalError: A server cannot run; those that started were stopped again.
        """
        self.data_dir.acquire()
        try:
            async with asyncio.TaskGroup() as group:
                for server in self.servers:
                    group.create_task(self._start(server))
                if self._s3 is None:
                    group.create_task(asyncio.to_thread(ensure_buckets, self.s3))
        except BaseExceptionGroup as errors:
            await self.stop()
            raise errors.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop what is embedded and let go of the data directory."""
        try:
            async with asyncio.TaskGroup() as group:
                for server in self.servers:
                    group.create_task(server.stop())
        finally:
            self.data_dir.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _start(self, server: EmbeddedServer) -> None:
        await server.start()
        if server.process is not None:
            self._on_ready(server.process.name)
