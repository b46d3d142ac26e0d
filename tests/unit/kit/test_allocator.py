"""The C allocator's habits."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource, threading
from picstore_kit.allocator import return_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

assert return_freed_memory()
before = resident()
blocks = [bytearray(b"x") * 2_000_000 for _ in range(50)]
held = resident() - before
del blocks
kept = resident() - before
assert held > 90_000_000, held
assert kept < 10_000_000, kept
"""


def test_large_blocks_go_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
