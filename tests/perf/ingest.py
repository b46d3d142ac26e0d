"""Bench: how fast pictures come in by each way, beside a plain PUT, and what memory that takes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Final

from tests.perf.cpu_watch import CLIENT, CPUWatch
from tests.perf.ingest_file import MB, BenchFile
from tests.perf.ingest_ways import Ways, open_ways
from tests.perf.slow_clients import SlowClients
from tests.perf.tables import show
from tests.perf.upload import SERVICES, RSSWatch, nothing_converted
from tests.stack import LiveStack, live_stack

STORE: Final = "s3"
SIZE: Final = 100 * MB
"""Bytes of a file of the throughput table."""
ROUNDS: Final = 5
PROCESSES: Final = (CLIENT, *SERVICES, STORE)
"""Between whom the bytes go: what all of them take together is what a shared machine gives."""
LARGEST: Final = 1000 * MB
"""Bytes of the file that memory is watched with."""

Way = Callable[[BenchFile], Awaitable[float]]
"""Sends a file and returns the seconds that its bytes took; what follows is not counted."""


def run() -> dict[str, float]:
    """Measure, print tables, and return `stream_put_ratio` and more."""
    settings = {
        "PICSTORE_INGEST__MAX_BYTES": str(LARGEST + MB),
        "PICSTORE_TUS__MAX_BYTES": str(LARGEST + MB),
        # What is not of this bench: files of a gigabyte for a store in a temporary directory.
        "PICSTORE_IMPORTS__WHOLE_S": "600",
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        live_stack(Path(directory) / "stack", **settings) as stack,
        nothing_converted(stack),
    ):
        return asyncio.run(_measure(stack))


async def _measure(stack: LiveStack) -> dict[str, float]:
    async with AsyncExitStack() as exits:
        ways = await exits.enter_async_context(open_ways(stack))
        speeds = await _speeds(ways)
        growth = await _growth(stack, ways)
        slow = await _slow(stack, ways)
    return {**speeds, **growth, **slow}


async def _speeds(ways: Ways) -> dict[str, float]:
    """Send a file by every way in turn, round after round; the ratios are medians of rounds."""
    named = ways.by_name()
    seconds: dict[str, list[float]] = {name: [] for name in ("plain PUT", *named)}
    cpu: dict[str, list[dict[str, float]]] = {name: [] for name in seconds}
    for number in range(-1, ROUNDS):  # the first warms everything up
        for name, way in {"plain PUT": ways.plain_put, **named}.items():
            with CPUWatch(ways.stack, *SERVICES, STORE) as watch:
                taken = await way(BenchFile.unique(SIZE))
            if number >= 0:
                seconds[name].append(taken)
                cpu[name].append(watch.seconds)
        await ways.forget()
    plain = seconds["plain PUT"]
    ratios = {
        name: median(p / t for p, t in zip(plain, seconds[name], strict=True)) for name in named
    }
    show(
        f"Files of {SIZE / MB:.0f} MB, medians of {ROUNDS} rounds in turn",
        ("way", "MB/s", "ratio to a plain PUT", "completing ms"),
        [
            (
                name,
                f"{SIZE / MB / median(taken):.0f}",
                f"{ratios[name]:.2f}" if name in ratios else "1",
                f"{median(ways.completions[name]) * 1000:.0f}" if ways.completions[name] else "",
            )
            for name, taken in seconds.items()
        ],
    )
    _show_cpu(cpu)
    return {
        "plain_put_mb_per_s": SIZE / MB / median(plain),
        "stream_put_ratio": ratios["gRPC stream"],
        "http_put_ratio": ratios["HTTP body"],
        "form_put_ratio": ratios["HTTP form"],
        "resumable_put_ratio": ratios["gRPC resumable"],
        "tus_put_ratio": ratios["tus"],
        "import_put_ratio": ratios["import by URL"],
        "presigned_put_ratio": ratios["presigned PUT"],
        "presigned_parts_put_ratio": ratios["presigned parts"],
        "presigned_complete_ms": median(ways.completions["presigned PUT"]) * 1000,
    }


def _show_cpu(cpu: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    show(
        f"CPU seconds for {SIZE / MB:.0f} MB, completing included, medians",
        ("way", *PROCESSES, "all"),
        [
            (
                name,
                *(f"{median(one[process] for one in rounds):.2f}" for process in PROCESSES),
                f"{median(sum(one.values()) for one in rounds):.2f}",
            )
            for name, rounds in cpu.items()
        ],
    )


async def _growth(stack: LiveStack, ways: Ways) -> dict[str, float]:
    """Send 1 MB, then 1 GB: how much more memory did the services take for the second?"""
    rows, worst = [], 0.0
    for name, way in ways.by_name().items():
        peaks = []
        for size in (MB, LARGEST):
            with RSSWatch(stack) as watch:
                await way(BenchFile.unique(size))
            peaks.append(watch.peak)
            await ways.forget()
        growth = {s: (peaks[1][s] - peaks[0][s]) / MB for s in SERVICES}
        worst = max(worst, *growth.values())
        rows.append(
            (name, *(f"{value:.1f}" for s in SERVICES for value in (peaks[1][s] / MB, growth[s])))
        )
    show(
        f"Resident memory with {LARGEST / MB:.0f} MB against 1 MB",
        ("way", *(f"{s} {what}" for s in SERVICES for what in ("peak MB", "growth MB"))),
        rows,
    )
    return {"ingest_rss_growth_mb": worst}


async def _slow(stack: LiveStack, ways: Ways) -> dict[str, float]:
    """Have 200 clients send 50 kB a second each, and a fast one in between."""
    fast: list[float] = []
    with RSSWatch(stack) as watch:
        async with SlowClients(stack.gateway, stack.api_key, ways.project_id) as slow:
            await slow.all_sending()
            for _ in range(5):
                began = time.monotonic()
                await ways.http_body(BenchFile.unique(5 * MB))
                fast.append(time.monotonic() - began)
            answers = await slow.answers()
    show(
        f"{len(answers)} clients that send 50 kB a second",
        ("what", "value"),
        [
            ("upload, peak MB", f"{watch.peak['upload'] / MB:.0f}"),
            ("gateway, peak MB", f"{watch.peak['gateway'] / MB:.0f}"),
            ("slow uploads that became pictures", str(sum(a == 201 for a in answers))),
            ("5 MB of a fast client meanwhile, median s", f"{median(fast):.2f}"),
            ("5 MB of a fast client meanwhile, longest s", f"{max(fast):.2f}"),
        ],
    )
    return {
        "slow_clients_rss_mb": max(watch.peak.values()) / MB,
        "slow_clients_upload_rss_mb": watch.peak["upload"] / MB,
        "slow_clients_gateway_rss_mb": watch.peak["gateway"] / MB,
        "slow_clients_served": float(sum(answer == 201 for answer in answers)),
        "fast_client_among_slow_s": median(fast),
    }
