"""The whole of Pic Store on this machine: the servers below, the services above them.

    async with Stack(Path(".picstore"), LocalSettings()) as stack:
        print(stack.urls.gateway)

What the data directory holds is described in `picstore_local.datadir`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import Signals
from types import MappingProxyType, TracebackType
from typing import Final, Self

from picstore_kit.credentials import new_api_key
from picstore_kit.ids import KeyId, new_id
from picstore_local.datadir import DataDir
from picstore_local.errors import LocalError, ServerFailed
from picstore_local.infrastructure import Infrastructure
from picstore_local.probes import grpc_serving, http_healthy
from picstore_local.process import ChildProcess, ProcessSpec
from picstore_local.provisioning import create_database, prepare_bus, prepare_schemas
from picstore_local.reporter import Reporter, SilentReporter
from picstore_local.s3 import S3Access
from picstore_local.services import (
    OPERATOR,
    SERVICES,
    Need,
    Serves,
    ServiceSpec,
    Surroundings,
    environment,
    new_secret,
)
from picstore_local.settings import LocalSettings
from picstore_local.supervisor import ServiceProcess

_CONVERTER: Final = "converter"

_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "NO_COLOR")
"""What services see of the caller's environment, beside its `PICSTORE_…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackURLs:
    """Where the running stack is reached."""

    gateway: str
    """The HTTP API; empty if the stack has no gateway."""
    grpc: Mapping[str, str]
    """gRPC target by service."""
    outputs: str
    """Where browsers find the converted pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSecrets:
    """What lets somebody in; the same at every start."""

    operator: str = field(repr=False)
    """Secret of the service identity `operator`, which may bootstrap teams."""
    demo_api_key: str = field(repr=False)
    """An API key for the demo team, for `bootstrap` to create."""


class Stack:
    """Everything, up between `start` and `stop`; both belong in the main thread."""

    def __init__(
        self,
        data_dir: Path,
        settings: LocalSettings,
        *,
        services: Sequence[ServiceSpec] = SERVICES,
        reporter: Reporter | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = DataDir(data_dir)
        self._settings = settings
        self._specs = services
        self._reporter = reporter or SilentReporter()
        self._environ = dict(os.environ if environ is None else environ)
        self._began = 0.0
        self._infra = Infrastructure(
            self.data_dir,
            settings,
            on_ready=lambda name: self._reporter.ready(name, time.monotonic() - self._began),
        )
        self._services: dict[str, ServiceProcess] = {}
        self._listen: dict[str, str] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._secrets: StackSecrets | None = None
        self._failed = asyncio.Event()
        self._failure: LocalError | None = None

    @property
    def services(self) -> Mapping[str, ServiceProcess]:
        """The running processes in the order of their start, by name."""
        return MappingProxyType(self._services)

    @property
    def infra(self) -> Infrastructure:
        """Postgres, NATS and the S3 store."""
        return self._infra

    @property
    def s3(self) -> S3Access:
        """How to reach the S3 store and its buckets."""
        return self._infra.s3

    @property
    def urls(self) -> StackURLs:
        """Where it is reached, once it was started."""
        gateway = next((spec.name for spec in self._specs if spec.serves is Serves.HTTP), None)
        return StackURLs(
            gateway=f"http://{self._listen[gateway]}" if gateway else "",
            grpc={
                spec.name: self._listen[spec.name]
                for spec in self._specs
                if spec.serves is Serves.GRPC and spec.name in self._listen
            },
            outputs=f"{self.s3.public_url}/{self.s3.outputs_bucket}",
        )

    @property
    def secrets(self) -> StackSecrets:
        """The operator's secret and the demo team's API key, once it was started."""
        assert self._secrets is not None
        return self._secrets

    async def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            AlreadyRunning: Another process runs a stack on the same data directory.
            LocalError: Something does not start; what did was stopped again.
        """
        self._began = time.monotonic()
        self._reporter.step(f"starting on {self.data_dir.path}")
        await self._infra.start()
        try:
            for server in self._infra.servers:
                if server.process is not None:
                    self._watch(server.process)
            surroundings = await self._prepare()
            await self._start_services(surroundings)
        except BaseException:
            await self.stop()
            raise
        urls = self.urls
        gateway = {"gateway": urls.gateway} if urls.gateway else {}
        self.data_dir.announce({**gateway, **urls.grpc})

    async def stop(self) -> None:
        """Stop everything, the last started first."""
        try:
            for service in reversed(self._services.values()):
                await service.stop()
        finally:
            for watcher in self._watchers:
                watcher.cancel()
            await asyncio.gather(*self._watchers, return_exceptions=True)
            self._watchers.clear()
            await self._infra.stop()

    def kill(self) -> None:
        """End every process at once, for a person who does not want to wait for `stop`."""
        for service in self._services.values():
            service.kill()
        for server in self._infra.servers:
            if server.process is not None:
                server.process.send(Signals.SIGKILL)

    async def wait_failed(self) -> LocalError:
        """Wait until something is beyond recovery, and return what."""
        await self._failed.wait()
        assert self._failure is not None
        return self._failure

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

    async def _prepare(self) -> Surroundings:
        self._secrets = StackSecrets(
            operator=self._secret(f"service.{OPERATOR}"),
            demo_api_key=self.data_dir.secret(
                "demo_api_key", lambda: new_api_key(new_id(KeyId)).text
            ),
        )
        self._listen = {
            name: f"127.0.0.1:{self.data_dir.port(name)}"
            for spec in self._specs
            for name in self._instances(spec)
        }
        surroundings = Surroundings(
            database_dsn=await create_database(self._infra.postgres_dsn),
            nats_url=self._infra.nats_url,
            s3_host=self._infra.s3.host,
            targets={
                name: self._listen[name]
                for name in ("auth", "catalog", "upload")
                if name in self._listen
            },
            work_dir=self.data_dir.folder("work"),
            secret=self._secret,
            names=[
                *(spec.name for spec in self._specs if Need.IDENTITY in spec.needs),
                OPERATOR,
            ],
        )
        applied = await prepare_schemas(self._specs, surroundings)
        await prepare_bus(self._infra.nats_url)
        self._reporter.step(f"database and bus are ready ({applied} migrations applied)")
        return surroundings

    async def _start_services(self, surroundings: Surroundings) -> None:
        ready = {spec.name: asyncio.Event() for spec in self._specs}

        async def start(spec: ServiceSpec) -> None:
            for name in spec.after:
                await ready[name].wait()
            async with asyncio.TaskGroup() as instances:
                for name in self._instances(spec):
                    instances.create_task(self._services[name].start())
            ready[spec.name].set()

        for spec in self._specs:
            for name in self._instances(spec):
                self._services[name] = self._process(spec, name, surroundings)
        first: ServerFailed | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for spec in self._specs:
                    group.create_task(start(spec))
        except* ServerFailed as failures:
            first = _first(failures)
        if first is not None:
            # Not within the block: before Python 3.11.4 it would come out in a group again.
            raise first

    def _process(self, spec: ServiceSpec, name: str, surroundings: Surroundings) -> ServiceProcess:
        listen = self._listen[name]
        inherited = {
            key: value
            for key, value in self._environ.items()
            if key in _INHERITED
            or (key.startswith("PICSTORE_") and not key.startswith("PICSTORE_LOCAL__"))
        }
        own = environment(spec, surroundings, instance=name, listen=listen)
        probe: Callable[[], Awaitable[bool]] = partial(grpc_serving, listen)
        if spec.serves is Serves.HTTP:
            probe = partial(http_healthy, f"http://{listen}")
        return ServiceProcess(
            ProcessSpec(
                name=name,
                command=[sys.executable, "-m", spec.module],
                env={**inherited, **own, "PYTHONUNBUFFERED": "1"},
                cwd=Path.cwd(),
                grace_s=spec.grace_s,
            ),
            data_dir=self.data_dir,
            probe=probe,
            reporter=self._reporter,
            crash_window_s=self._settings.crash_window_s,
            on_failure=self._fail,
        )

    def _instances(self, spec: ServiceSpec) -> list[str]:
        if spec.name != _CONVERTER or self._settings.converters == 1:
            return [spec.name]
        return [f"{spec.name}-{number + 1}" for number in range(self._settings.converters)]

    def _secret(self, name: str) -> str:
        return self.data_dir.secret(name, new_secret)

    def _watch(self, server: ChildProcess) -> None:
        async def watch() -> None:
            await server.wait()
            self._fail(server.failure())

        self._watchers.append(asyncio.create_task(watch(), name=f"watch {server.name}"))

    def _fail(self, failure: LocalError) -> None:
        if self._failure is None:
            self._failure = failure
            self._failed.set()


def _first(failures: BaseExceptionGroup[ServerFailed]) -> ServerFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
