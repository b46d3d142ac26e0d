"""How far an upload is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int], None]
"""Is told the number of bytes that have been sent since the last time; it is negative where some
have to be sent again."""


class Meter:
    """Tells a `Progress` of steps; none if nobody watches."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._at = 0

    def add(self, count: int) -> None:
        """Tell of bytes that were sent, or have to be sent again."""
        self._at += count
        if count and self._progress is not None:
            self._progress(count)

    def set(self, offset: int) -> None:
        """Tell how many bytes are there in all."""
        self.add(offset - self._at)
