"""The CPU time that each process of a stack, and the one that measures, takes for something."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import psutil

from tests.stack import LiveStack

CLIENT: Final = "client"
"""This process."""


class CPUWatch:
    """Counts seconds of CPU, user and system, while the context is entered."""

    def __init__(self, stack: LiveStack, *names: str) -> None:
        self._processes = {CLIENT: psutil.Process()}
        self._processes |= {name: psutil.Process(stack.pid(name)) for name in names}
        self.seconds: dict[str, float] = {}
        """By the name of the process, once the context is left."""

    def __enter__(self) -> Self:
        self._before = self._taken()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        after = self._taken()
        self.seconds = {name: after[name] - before for name, before in self._before.items()}

    def _taken(self) -> Mapping[str, float]:
        taken = {}
        for name, process in self._processes.items():
            times = process.cpu_times()
            taken[name] = times.user + times.system
        return taken
