"""Places at which a process can be made to die, for tests of what a crash leaves behind.

Where a process is given a directory, one that reaches the point `upload.stored` and finds a file of
that name in it removes the file and kills itself, as the kernel would. A point is armed while
everything runs, and goes off once. Without a directory nothing is looked at.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path


class Faults:
    """The points of one process."""

    def __init__(self, directory: Path | None = None) -> None:
        """`directory` is where points are armed; None for nowhere."""
        self._directory = directory

    def reach(self, point: str) -> None:
        """Die here if `point` is armed."""
        if self._directory is None:
            return
        armed = self._directory / point
        try:
            armed.unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
