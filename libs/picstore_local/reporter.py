"""How the stack tells a waiting person what goes on."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from typing import Final, Protocol, TextIO

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_RED: Final = "\x1b[31m"
_GREEN: Final = "\x1b[32m"
_COLOURS: Final = tuple(f"\x1b[{code}m" for code in (36, 35, 33, 34, 32, 96, 95))
_WIDTH: Final = 11


class Reporter(Protocol):
    """Hears of everything that a person may want to see."""

    def step(self, text: str) -> None:
        """Something begins that takes a while."""

    def ready(self, name: str, seconds: float) -> None:
        """A server or service is ready, so many seconds after it was started."""

    def line(self, name: str, text: str) -> None:
        """A service wrote a line."""

    def trouble(self, name: str, text: str) -> None:
        """A service does not do as it should."""


class SilentReporter:
    """Says nothing; the logs in the data directory still have every line."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def ready(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def line(self, name: str, text: str) -> None:
        """Say nothing."""

    def trouble(self, name: str, text: str) -> None:
        """Say nothing."""


class StreamReporter:
    """Writes whole lines, each with its service's name and colour before it."""

    def __init__(self, stream: TextIO, *, environ: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environ is None else environ
        self._stream = stream
        self._colour = stream.isatty() and not environment.get("NO_COLOR")

    def step(self, text: str) -> None:
        """Write it, dimmed."""
        self._write("picstore", _DIM, text)

    def ready(self, name: str, seconds: float) -> None:
        """Write it."""
        self._write(name, _GREEN, f"ready after {seconds:.1f} s")

    def line(self, name: str, text: str) -> None:
        """Write it as the service did."""
        self._write(name, "", text)

    def trouble(self, name: str, text: str) -> None:
        """Write it in red."""
        self._write(name, _RED, text)

    def _write(self, name: str, colour: str, text: str) -> None:
        prefix = f"{name:<{_WIDTH}} │ "
        if self._colour:
            own = _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]
            prefix = f"{own}{prefix}{_RESET}"
            text = f"{colour}{text}{_RESET}" if colour else text
        # One write per line: lines of different services do not mix.
        self._stream.write("".join(f"{prefix}{line}\n" for line in text.splitlines() or [""]))
        self._stream.flush()
