"""Bench: how long a job takes from its publisher to the handler of an idle worker."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.worker import Ack, Delivery, Outcome, Worker
from picstore_kit.settings import NATSSettings
from picstore_local.datadir import DataDir
from picstore_local.nats import EmbeddedNATS
from tests.perf.tables import median_and_tail, show

MESSAGES: Final = 500
WARM_UP: Final = 20
PAUSE_S: Final = 0.01
"""Between two jobs, so that the worker waits at its lanes again."""
_PATIENCE_S: Final = 60.0


def run() -> dict[str, float]:
    """Measure, print a table, and return `bus_latency_p50_ms` and more."""
    with tempfile.TemporaryDirectory() as directory:
        confirmed, handled = asyncio.run(_measure(Path(directory) / "stack"))
    show(
        f"{len(handled)} jobs, one at a time, with every message synced to the disk",
        ("from publishing until", "p50 ms", "p99 ms"),
        [
            ("the broker confirms it", *_cells(confirmed)),
            ("a handler has it", *_cells(handled)),
        ],
    )
    latency, tail = median_and_tail(handled, 99)
    return {
        "bus_publish_p50_ms": median_and_tail(confirmed, 99)[0],
        "bus_latency_p50_ms": latency,
        "bus_latency_p99_ms": tail,
    }


def _cells(samples: Sequence[float]) -> tuple[str, str]:
    middle, tail = median_and_tail(samples, 99)
    return f"{middle:.2f}", f"{tail:.2f}"


async def _measure(data_dir: Path) -> tuple[list[float], list[float]]:
    directory = DataDir(data_dir)
    directory.acquire()
    server = EmbeddedNATS(directory)
    try:
        await server.start()
        return await _publish_in_turn(server.url)
    finally:
        await server.stop()
        directory.release()


async def _publish_in_turn(url: str) -> tuple[list[float], list[float]]:
    """Return the milliseconds until each message was confirmed, and until it was handled."""
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def handle(delivery: Delivery) -> Outcome:
        arrivals.put_nowait(time.perf_counter())
        return Ack()

    confirmed: list[float] = []
    handled: list[float] = []
    async with Bus(NATSSettings(url=url), name="bench") as bus:
        await bus.restore_topology()
        publisher = Publisher(bus)
        async with Worker(bus, lanes=tuple(Lane), slots=2, handler=handle):
            for _ in range(WARM_UP + MESSAGES):
                began = time.perf_counter()
                await publisher.publish(Lane.FAST.subject, b"job", headers={}, msg_id=None)
                confirmed.append(1000 * (time.perf_counter() - began))
                async with asyncio.timeout(_PATIENCE_S):
                    handled.append(1000 * (await arrivals.get() - began))
                await asyncio.sleep(PAUSE_S)
    return confirmed[WARM_UP:], handled[WARM_UP:]
