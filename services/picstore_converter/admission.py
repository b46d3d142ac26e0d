"""How much memory and how many CPUs jobs may take together.

A job waits until the memory that it is expected to take is free. A child's own limit is on address
space, and holds whatever was expected of it; this is for all of them together, lest a few large
pictures at once bring the machine to its knees.

CPUs are counted by jobs, for each child works on one thread: `picstore_kit.bus.slots` lets as many
run as there are, and a quick one more where dear ones have them all.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from picstore_converter.model import Rendering
from picstore_imaging.cost import estimate_memory_bytes
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_imaging.overlay.cost import estimate_overlay_memory_bytes
from picstore_imaging.spec import OutputSpec
from picstore_kit.errors import InvalidArgument, Reason

_CGROUP: Final = Path("/sys/fs/cgroup")
_SHARE: Final = 0.75
"""Of the memory that there is; the rest is for the services, the page cache and wrong guesses."""


_MIB: Final = 1024**2


class DrawingTooLarge(InvalidArgument):
    """A drawing would take more memory than a child may use, so none is begun: no try is better."""

    def __init__(self, needed_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            Reason.LIMIT_PIXELS,
            f"drawing it would take about {needed_bytes / _MIB:.0f} MiB of memory, and "
            f"{limit_bytes / _MIB:.0f} are allowed: a smaller canvas, fewer or smaller layers, or "
            "smaller pictures take less",
            metadata={"limit_bytes": str(limit_bytes), "estimated_bytes": str(needed_bytes)},
        )


def drawing_bytes(base: SourceFacts, rendering: Rendering, *, limit_bytes: int) -> int:
    """Return how much memory a drawing over a picture is expected to take.

    Raises:
        DrawingTooLarge: It is more than a child may use.
    """
    needed = estimate_overlay_memory_bytes(
        rendering.overlay, base, {layer.id: layer.facts for layer in rendering.images}
    )
    if needed > limit_bytes:
        raise DrawingTooLarge(needed, limit_bytes)
    return needed


def conversion_bytes(source: SourceFacts, specs: Iterable[OutputSpec]) -> int:
    """Return how much memory a conversion is expected to take.

    Whether a JPEG is progressive, and so decoded whole, is known only when its file is here: one
    that is small enough to be so is taken for it.
    """
    whole = source.format is SourceFormat.JPEG and source.pixels <= Limits().pixels_whole_decode
    return estimate_memory_bytes(replace(source, interlaced=source.interlaced or whole), specs)


class MemoryBudget:
    """Hands out memory in the order in which it is asked for, so that no large job starves."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._free = total_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def held(self, wanted_bytes: int) -> AsyncIterator[None]:
        """Wait for so much, and hold it while the body runs; more than there is means all of it."""
        share = min(wanted_bytes, self._total)
        await self._take(share)
        try:
            yield
        finally:
            self._free += share
            self._admit()

    async def _take(self, share: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (share, turn)
        self._waiting.append(entry)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += share  # it was given in the same moment
            else:
                self._waiting.remove(entry)
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            share, turn = self._waiting.popleft()
            self._free -= share
            turn.set_result(None)


def usual_budget(cgroup: Path = _CGROUP) -> int:
    """Return three quarters of the memory that this machine, or this container, has, in bytes."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = int((cgroup / "memory.max").read_text())
    except (OSError, ValueError):  # there is none, or it is `max`
        limit = machine
    return int(_SHARE * min(machine, limit))


def usual_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many CPUs this process may use: those of the machine, or of its container.

    Of a part of a CPU, the whole counts.
    """
    machine = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # there is none, or it is `max`
        limit = machine
    return max(1, min(machine, limit))
