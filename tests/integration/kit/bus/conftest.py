from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
from nats.js.errors import NotFoundError

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import TOPOLOGY, apply_topology
from picstore_kit.settings import NATSSettings


class Infra(Protocol):
    nats_url: str


class Broker:
    """A NATS server of one test's own, which the test may kill and start again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    async def start(self) -> None:
        log = (self._directory / "nats.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("nats-server"),
                *("-a", "127.0.0.1", "-p", str(self._port)),
                *("-js", "-sd", str(self._directory)),
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._process = None

    async def stop(self) -> None:
        if self._process is not None:
            await self.kill()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@pytest.fixture
async def bus(infra: Infra) -> AsyncIterator[Bus]:
    """A connection to the shared broker, with empty streams."""
    async with Bus(NATSSettings(url=infra.nats_url), name="test") as bus:
        for stream in TOPOLOGY:
            try:
                await bus.js.delete_stream(stream.name)
            except NotFoundError:
                continue
        await apply_topology(bus.js)
        yield bus


@pytest.fixture
def publisher(bus: Bus) -> Publisher:
    return Publisher(bus)
