"""The order in which a process opens, serves, drains and closes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from picstore_kit.lifecycle import Lifecycle, run


class Journal(list[str]):
    """What happened, in order."""

    @asynccontextmanager
    async def component(self, name: str) -> AsyncIterator[str]:
        self.append(f"open {name}")
        try:
            yield name
        finally:
            self.append(f"close {name}")

    async def note(self, event: str) -> None:
        self.append(event)


@pytest.fixture
def journal() -> Journal:
    return Journal()


async def _stop(lifecycle: Lifecycle) -> None:
    lifecycle.stop()


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_components_open_in_order_and_close_in_reverse(journal: Journal) -> None:
    async def build(lifecycle: Lifecycle) -> None:
        assert await lifecycle.enter(journal.component("database")) == "database"
        await lifecycle.enter(journal.component("server"))
        lifecycle.on_warm(lambda: journal.note("serving"))
        lifecycle.on_warm(lambda: _stop(lifecycle))
        lifecycle.on_drain(lambda: journal.note("draining"))

    assert await run("test", build) == 0
    assert journal == [
        "open database",
        "open server",
        "serving",
        "draining",
        "close server",
        "close database",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains(journal: Journal, number: signal.Signals) -> None:
    async def send() -> None:
        os.kill(os.getpid(), number)

    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("server"))
        lifecycle.on_warm(send)
        lifecycle.on_drain(lambda: journal.note("draining"))

    assert await run("test", build) == 0
    assert journal == ["open server", "draining", "close server"]


async def test_side_task_runs_until_its_components_close(journal: Journal) -> None:
    async def work() -> None:
        async with journal.component("work"):
            await _forever()

    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("database"))
        lifecycle.spawn("relay", work())
        await lifecycle.enter(journal.component("server"))
        await asyncio.sleep(0)
        lifecycle.on_warm(lambda: _stop(lifecycle))

    assert await run("test", build) == 0
    assert journal == [
        "open database",
        "open server",
        "open work",
        "close server",
        "close work",
        "close database",
    ]


async def test_side_task_that_dies_stops_the_service(journal: Journal) -> None:
    async def die() -> None:
        raise ConnectionError("the bus is gone")

    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("server"))
        lifecycle.on_drain(lambda: journal.note("draining"))
        lifecycle.on_warm(lambda: _spawn(lifecycle))

    async def _spawn(lifecycle: Lifecycle) -> None:
        lifecycle.spawn("relay", die())

    assert await run("test", build) == 1
    assert journal == ["open server", "draining", "close server"]


async def test_side_task_that_just_ends_stops_the_service_too() -> None:
    async def end() -> None:
        return

    async def build(lifecycle: Lifecycle) -> None:
        lifecycle.spawn("relay", end())

    assert await run("test", build) == 1


async def test_side_task_may_end_while_the_service_stops() -> None:
    async def build(lifecycle: Lifecycle) -> None:
        stopped = asyncio.Event()

        async def set_stopped() -> None:
            stopped.set()

        async def end() -> None:
            await stopped.wait()

        lifecycle.spawn("relay", end())
        lifecycle.on_warm(lambda: _stop(lifecycle))
        lifecycle.on_drain(set_stopped)

    assert await run("test", build) == 0


async def test_component_that_does_not_open_closes_the_others(journal: Journal) -> None:
    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("database"))
        lifecycle.on_warm(lambda: journal.note("serving"))
        raise ConnectionError("no bus")

    assert await run("test", build) == 1
    assert journal == ["open database", "close database"]


async def test_component_that_does_not_close_does_not_keep_the_others_open(
    journal: Journal,
) -> None:
    @asynccontextmanager
    async def stubborn() -> AsyncIterator[None]:
        yield
        raise ConnectionError("already gone")

    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("database"))
        await lifecycle.enter(stubborn())
        lifecycle.on_warm(lambda: _stop(lifecycle))

    assert await run("test", build) == 1
    assert journal == ["open database", "close database"]


async def test_stop_gives_up_what_is_being_opened(journal: Journal) -> None:
    @asynccontextmanager
    async def waiting_for_a_server() -> AsyncIterator[None]:
        os.kill(os.getpid(), signal.SIGTERM)
        await _forever()
        yield

    async def build(lifecycle: Lifecycle) -> None:
        lifecycle.on_warm(lambda: journal.note("serving"))
        await lifecycle.enter(journal.component("database"))
        bus: AbstractAsyncContextManager[None] = waiting_for_a_server()
        await lifecycle.enter(bus)

    assert await run("test", build) == 0
    assert journal == ["open database", "close database"]


async def test_cancelling_the_run_is_not_taken_for_a_stop(journal: Journal) -> None:
    opened = asyncio.Event()

    async def build(lifecycle: Lifecycle) -> None:
        await lifecycle.enter(journal.component("database"))
        opened.set()
        await _forever()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run("test", build))
        await opened.wait()
        task.cancel()
    assert task.cancelled()
    assert journal == ["open database", "close database"]
