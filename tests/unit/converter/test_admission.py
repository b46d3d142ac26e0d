"""Jobs take turns where their pictures would not fit into memory together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from picstore_converter.admission import MemoryBudget, conversion_bytes, usual_budget, usual_cpus
from picstore_imaging.cost import estimate_memory_bytes
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat


class Jobs:
    """Jobs that hold memory until they are told to end."""

    def __init__(self, budget: MemoryBudget, group: asyncio.TaskGroup) -> None:
        self._budget, self._group = budget, group
        self.running: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def start(self, name: str, wanted: int) -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()
        return self._group.create_task(self._run(name, wanted))

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settled(lambda: name not in self.running)

    async def _run(self, name: str, wanted: int) -> None:
        async with self._budget.held(wanted):
            self.running.append(name)
            await self._ends[name].wait()
            self.running.remove(name)


async def settled(condition: Callable[[], bool] = lambda: True) -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert condition()


async def test_jobs_run_together_as_far_as_they_fit_and_in_their_order() -> None:
    async with asyncio.TaskGroup() as group:
        jobs = Jobs(MemoryBudget(100), group)
        jobs.start("a", 60)
        jobs.start("b", 40)
        jobs.start("large", 90)
        jobs.start("small", 10)
        await settled(lambda: jobs.running == ["a", "b"])
        await jobs.end("b")
        # It would fit, but the large one was there before.
        await settled(lambda: jobs.running == ["a"])
        await jobs.end("a")
        await settled(lambda: jobs.running == ["large", "small"])
        await jobs.end("large")
        await jobs.end("small")


async def test_what_needs_more_than_there_is_runs_alone() -> None:
    async with asyncio.TaskGroup() as group:
        jobs = Jobs(MemoryBudget(100), group)
        jobs.start("huge", 10_000)
        jobs.start("other", 1)
        await settled(lambda: jobs.running == ["huge"])
        await jobs.end("huge")
        await settled(lambda: jobs.running == ["other"])
        await jobs.end("other")


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "when it is its turn"])
async def test_a_job_that_is_given_up_leaves_nothing_taken(given: bool) -> None:
    async with asyncio.TaskGroup() as group:
        jobs = Jobs(MemoryBudget(100), group)
        jobs.start("first", 100)
        await settled()
        waiting = jobs.start("waiting", 100)
        jobs.start("last", 100)
        await settled(lambda: jobs.running == ["first"])
        if given:
            jobs._ends["first"].set()
            await asyncio.sleep(0)
        waiting.cancel()
        if not given:
            await jobs.end("first")
        await settled(lambda: jobs.running == ["last"])
        await jobs.end("last")


def test_the_usual_budget_is_less_than_the_machine_has() -> None:
    assert 100_000_000 < usual_budget() < 2**50


def test_the_memory_of_a_container_counts_where_it_has_less(tmp_path: Path) -> None:
    assert usual_budget(tmp_path) == usual_budget(tmp_path / "absent")
    (tmp_path / "memory.max").write_text("1000000\n")
    assert usual_budget(tmp_path) == 750_000
    (tmp_path / "memory.max").write_text("max\n")
    assert usual_budget(tmp_path) == usual_budget(tmp_path / "absent")


@pytest.mark.parametrize(
    ("cpu_max", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("5000 100000", 1),
        ("6400000 100000", 8),
        ("", 8),
    ],
)
def test_the_cpus_of_a_container_count_where_it_has_fewer(
    cpu_max: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)))
    (tmp_path / "cpu.max").write_text(cpu_max)
    assert usual_cpus(tmp_path) == expected


def test_a_jpeg_that_may_be_progressive_is_taken_for_it() -> None:
    photo = SourceFacts(format=SourceFormat.JPEG, width=7_000, height=7_000)
    larger = replace(photo, width=9_000)
    progressive = replace(photo, interlaced=True)

    assert conversion_bytes(photo, ()) == conversion_bytes(progressive, ())
    assert conversion_bytes(photo, ()) == estimate_memory_bytes(progressive, ())
    assert conversion_bytes(larger, ()) == estimate_memory_bytes(larger, ())
    png = replace(photo, format=SourceFormat.PNG)
    assert conversion_bytes(png, ()) == estimate_memory_bytes(png, ())
