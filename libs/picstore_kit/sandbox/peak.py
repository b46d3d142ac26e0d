"""The most memory that this process has held, as the kernel counts it.

Not `ru_maxrss`, which begins with what the parent held when it started this process, and which no
parent can have forgotten; VmHWM begins anew with the program, and when `clear_refs` is written.
"""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path
from typing import Final

_PEAK: Final = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
"""In `/proc/PID/status`, see proc(5)."""

_KIB: Final = 1024


def peak_rss_bytes() -> int:
    """Return the most resident memory, in bytes; what `ru_maxrss` says where there is no better."""
    try:
        status = Path(f"/proc/{os.getpid()}/status").read_bytes()
    except OSError:
        status = b""
    if found := _PEAK.search(status):
        return int(found[1]) * _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
