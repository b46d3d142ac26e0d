"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

_RANGE: Final = range(20_000, 32_000)
"""Below the range that Linux gives to outgoing connections (from 32768 by default), so that a port
is not lost to a client between two starts."""

_TRIES: Final = 500


class Claims:
    """Ports that this process has chosen and not given to a server yet, or has given to one.

    Between the choice and the moment in which a server listens, another stack that starts could
    choose the same. So each chosen port is locked, in a file for all users of the machine.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.gettempdir()) / "picstore-ports"
        self._held: dict[int, int] = {}

    def take(self, port: int) -> bool:
        """Claim a port; return False if another process has."""
        if port in self._held:
            return True
        descriptor = self._open(port)
        if descriptor is None:
            return True  # it can't be known; as good as free
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held[port] = descriptor
        return True

    def close(self) -> None:
        """Give all of them up."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _open(self, port: int) -> int | None:
        try:
            self._directory.mkdir(mode=0o777, exist_ok=True)
            # Whoever comes first makes it, and everybody may lock it.
            return os.open(self._directory / str(port), os.O_RDONLY | os.O_CREAT, 0o444)
        except OSError:
            return None


def is_free(port: int) -> bool:
    """Say whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the last run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(fits: Callable[[int], bool] = is_free) -> int:
    """Return a port for which `fits` holds.

    Raises:
        OSError: None was found.
    """
    for _ in range(_TRIES):
        # Not a secret: random only so that two stacks do not meet.
        port = random.choice(_RANGE)
        if fits(port):
            return port
    raise OSError(f"no free port found between {_RANGE.start} and {_RANGE.stop}")
