"""A broker of its own for each test, which may hurt it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import TOPOLOGY, apply_topology
from picstore_kit.settings import NATSSettings
from picstore_local.infrastructure import Infrastructure


class Broker:
    """A NATS server of one test's own, which the test may kill and start again."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self._options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    async def start(self) -> None:
        with (self.directory / "nats.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("nats-server"),
                *("-a", "127.0.0.1", "-p", str(self._port)),
                *("-js", "-sd", str(self.directory)),
                *self._options,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self._process = None

    async def pause(self) -> None:
        """Return once every thread of it has stopped; on a busy machine that takes a moment."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(
            os.waitid, os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT
        )

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self._process is not None:
            await self.kill()


@pytest.fixture
async def make_broker() -> AsyncIterator[Callable[..., Broker]]:
    """Make brokers that end with the test."""
    brokers: list[Broker] = []

    def make_broker(directory: Path, *options: str) -> Broker:
        brokers.append(Broker(directory, *options))
        return brokers[-1]

    yield make_broker
    for broker in brokers:
        await broker.stop()


@pytest.fixture
async def broker(tmp_path: Path, make_broker: Callable[..., Broker]) -> Broker:
    broker = make_broker(tmp_path)
    await broker.start()
    return broker


@pytest.fixture
async def bus(infra: Infrastructure) -> AsyncIterator[Bus]:
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
