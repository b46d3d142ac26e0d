"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Final

_RANGE: Final = range(20_000, 32_000)
"""Below the range that Linux gives to outgoing connections (from 32768 by default), so that a port
is not lost to a client between two starts."""

_TRIES: Final = 500


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
