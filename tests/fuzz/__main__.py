"""Fuzz for so many seconds each target, or those that are named: `python -m tests.fuzz`.

Each runs in a process of its own, for libFuzzer ends its process when it has found something. What
it has learnt stays in `build/fuzz`, by target, and goes on from there; what it found is beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.every import TARGETS

_BUILD: Final = Path(__file__).parents[2] / "build" / "fuzz"
_LONGEST_READ_S: Final = 5
"""A read that takes longer is a finding as well."""
_MEMORY_MIB: Final = 2_048
_GRACE_S: Final = 120
"""To import, to instrument and to read all that was learnt before."""


def main() -> int:
    """Fuzz one target after the other; returns how many gave a finding, for the shell."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    names = arguments.targets or list(TARGETS)
    failed = [name for name in names if not _fuzz(name, arguments.seconds)]
    print(f"{len(names)} targets, {arguments.seconds} s each, {len(failed)} with a finding.")
    for name in failed:
        print(f"  {name}: its input is {_BUILD / 'found'}/{name}-*, its error in {_log(name)}")
    return min(len(failed), 1)


def _log(name: str) -> Path:
    return _BUILD / "logs" / f"{name}.txt"


def _fuzz(name: str, seconds: int) -> bool:
    corpus, seeds = _BUILD / "corpus" / name, _BUILD / "seeds" / name
    for directory in (corpus, seeds, _BUILD / "found", _log(name).parent):
        directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(TARGETS[name].seeds()):
        (seeds / str(number)).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.one", name, str(corpus), str(seeds)]
    command += [
        f"-max_total_time={seconds}",
        f"-timeout={_LONGEST_READ_S}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        f"-artifact_prefix={_BUILD / 'found'}/{name}-",
        "-print_final_stats=1",
    ]
    print(f"{name} …", end=" ", flush=True)
    try:
        with _log(name).open("w") as log:
            code = subprocess.run(
                command, stdout=log, stderr=log, timeout=seconds + _GRACE_S, check=False
            ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    text = _log(name).read_text(errors="replace")
    runs = text.rpartition("stat::number_of_executed_units:")[2].split("\n")[0].strip() or "?"
    print(f"{runs} inputs{'' if code == 0 else ', A FINDING'}")
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
