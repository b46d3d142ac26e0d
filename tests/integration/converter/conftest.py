"""An installation whose jobs travel, and converters to take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from nats.js.errors import NotFoundError

from picstore.catalog.v1 import image_pb2, image_service_pb2
from picstore.catalog.v1.ingest_pb2_grpc import IngestServiceStub
from picstore.jobs.v1.job_pb2_grpc import JobServiceStub
from picstore_converter.convert import ConvertImage
from picstore_converter.handler import JobHandler
from picstore_converter.ledger import RPCLedger, RPCLocations
from picstore_converter.model import Setup
from picstore_converter.ports import Children
from picstore_imaging import versions
from picstore_kit.blobs.locations import LocationStores
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import JOBS, TOPOLOGY, apply_topology
from picstore_kit.bus.worker import Worker
from picstore_kit.net.egress import EgressPolicy
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.rpc.channel import open_channel
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool, RequestFor
from picstore_kit.settings import EgressSettings, NATSSettings
from picstore_local.infrastructure import Infrastructure
from tests.integration.upload.installation import Installation, installation
from tests.integration.upload.pictures import jpeg, quick


@pytest.fixture
async def bus(infra: Infrastructure) -> AsyncIterator[Bus]:
    """The session's broker, with empty streams."""
    async with Bus(NATSSettings(url=infra.nats_url), name="test") as bus:
        for stream in TOPOLOGY:
            try:
                await bus.js.delete_stream(stream.name)
            except NotFoundError:
                continue
        await apply_topology(bus.js)
        yield bus


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """Everything but a converter."""

    installed: Installation
    bus: Bus

    async def upload(self, data: bytes | None = None) -> str:
        """Take in a picture and return its id."""
        messages = quick(jpeg() if data is None else data, project_id=self.installed.project_id)
        return (await self.installed.uploads.QuickUpload(messages)).id

    async def image(self, image_id: str) -> image_pb2.Image:
        return await self.installed.images.GetImage(
            image_service_pb2.GetImageRequest(image_id=image_id)
        )

    async def settled(self, image_id: str) -> image_pb2.Image:
        """Wait until the picture is READY or FAILED, and return it."""
        final = (image_pb2.Image.STATE_READY, image_pb2.Image.STATE_FAILED)
        async with asyncio.timeout(40):
            while True:
                image = await self.image(image_id)
                if image.state in final:
                    return image
                await asyncio.sleep(0.05)

    async def queue_is_empty(self) -> None:
        """Wait until no job is on the bus."""
        async with asyncio.timeout(20):
            while (await self.bus.js.stream_info(JOBS)).state.messages:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.05)

    async def jobs(self) -> list[tuple[Any, ...]]:
        """State, number of attempts and last failure of every job."""
        return await self.installed.catalog_rows("SELECT state, attempt, failure_reason FROM jobs")


@pytest.fixture
async def factory(
    infra: Infrastructure, database_url: str, bucket: str, tmp_path: Path, bus: Bus
) -> AsyncIterator[Factory]:
    spool_dir = tmp_path / "spool"
    spool_dir.mkdir()
    async with installation(infra, database_url, bucket, spool_dir) as installed:
        relay = OutboxRelay(installed.catalog_database, Publisher(bus))
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(relay.run()),
                tasks.create_task(installed.sweeper.run()),
            ]
            yield Factory(installed=installed, bus=bus)
            for task in running:
                task.cancel()


class StartConverter(Protocol):
    """Starts a converter, perhaps with children that behave in a special way."""

    def __call__(
        self, *, children: Callable[[ChildPool], Children] = ..., drain_s: float = ...
    ) -> AbstractAsyncContextManager[None]: ...


@pytest.fixture
def converter(factory: Factory, tmp_path: Path) -> StartConverter:
    installed = factory.installed

    @asynccontextmanager
    async def start(
        *, children: Callable[[ChildPool], Children] = lambda pool: pool, drain_s: float = 20.0
    ) -> AsyncIterator[None]:
        rooms_dir, private_dir = tmp_path / "rooms", tmp_path / "private"
        for directory in (rooms_dir, private_dir):
            directory.mkdir(exist_ok=True)
        async with (
            open_channel(
                installed.catalog_address, credentials=installed.credentials("converter")
            ) as channel,
            LocationStores(
                RPCLocations(IngestServiceStub(channel)).get, EgressPolicy(EgressSettings())
            ) as stores,
            ChildPool(
                target="picstore_imaging.sandboxed:work",
                size=1,
                limits=SandboxLimits(),
                work_dir=rooms_dir,
            ) as pool,
        ):
            await pool.started()
            convert = ConvertImage(
                ledger=RPCLedger(JobServiceStub(channel), worker="test"),
                stores=stores,
                children=children(pool),
                private_dir=private_dir,
                setup=lambda: Setup(
                    limits=SandboxLimits(),
                    versions=versions.installed(),
                    sandbox=pool.report.summary() if pool.report else {},
                ),
            )
            async with Worker(
                factory.bus,
                lanes=tuple(Lane),
                slots=1,
                handler=JobHandler(convert),
                drain_s=drain_s,
            ):
                yield
            assert list(private_dir.iterdir()) == []
        assert list(rooms_dir.iterdir()) == []

    return start


class Interrupted:
    """Children to whom something happens when a call has told its first news."""

    def __init__(self, pool: ChildPool, interrupt: Callable[[ChildPool], Any]) -> None:
        self._pool = pool
        self._interrupt = interrupt
        self.calls = 0

    async def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        self.calls += 1
        first = self.calls == 1
        async for message in self._pool.call(request_for):
            if first:
                first = False
                await self._interrupt(self._pool)
            yield message


class KilledAtWork:
    """Children of whom the first, or the first few, are killed when they have their work.

    They are stopped before that, for a small picture would be done before anybody could kill it.
    """

    def __init__(self, pool: ChildPool, *, times: int = 1) -> None:
        self._pool = pool
        self._times = times
        self._calls = 0

    async def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        self._calls += 1
        async with aclosing(self._pool.call(request_for)) as messages:
            if self._calls <= self._times:
                await self._kill_the_one_that_begins(messages)
            async for message in messages:
                yield message

    async def _kill_the_one_that_begins(
        self, messages: AsyncGenerator[dict[str, Any], None]
    ) -> None:
        children = {pid: psutil.Process(pid) for pid in self._pool.idle}
        for child in children.values():
            child.suspend()
        first = asyncio.ensure_future(anext(messages))
        while True:
            if busy := children.keys() - set(self._pool.idle):
                break
            await asyncio.sleep(0)
        for pid in children.keys() - busy:
            children[pid].resume()
        for pid in busy:
            children[pid].kill()
        await first
