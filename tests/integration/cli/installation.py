"""A whole Pic Store, started by the command that people start it with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from picstore_local.datadir import RunningStack, running_stack

_DEADLINE_S = 50.0


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One that runs, with the demo team in it."""

    data_dir: Path
    stack: RunningStack
    output: str
    """What `up --demo` wrote on standard output until it was ready."""

    @property
    def url(self) -> str:
        return self.stack.urls["gateway"]

    @property
    def api_key(self) -> str:
        return self.stack.secrets["demo_api_key"]

    def picstore(
        self,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line beside it."""
        return picstore(*arguments, data_dir=self.data_dir, environ=environ, stdin=stdin)


def picstore(
    *arguments: str | Path,
    data_dir: Path,
    environ: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env={**clean_environ(data_dir), **(environ or {})},
        cwd=data_dir.parent,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )


COMMAND: Sequence[str] = (sys.executable, "-m", "picstore_cli.main")


def clean_environ(data_dir: Path) -> dict[str, str]:
    """Return this process's environment without what would name another Pic Store."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PICSTORE_")}
    return {
        **kept,
        "PICSTORE_LOCAL__DATA_DIR": str(data_dir),
        "PICSTORE_CONFIG": str(data_dir.parent / "config" / "contexts.yaml"),
        "PYTHONWARNINGS": "error",
    }


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Run `picstore up --demo` in a fresh folder until the block ends."""
    data_dir = folder / "data"
    with open(folder / "out", "w+") as out, open(folder / "err", "w+") as err:
        process = subprocess.Popen(
            [*COMMAND, "up", "--demo"],
            env=clean_environ(data_dir),
            cwd=folder,
            stdout=out,
            stderr=err,
        )
        try:
            _wait_ready(process, folder / "err")
            stack = running_stack(data_dir)
            assert stack is not None
            output = (folder / "out").read_text()
            yield Installation(data_dir=data_dir, stack=stack, output=output)
        finally:
            process.terminate()
            process.wait(timeout=_DEADLINE_S)


def _wait_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while "ready; Ctrl-C stops" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
