"""The data directory: who runs on it, and what must be the same at the next start.

.picstore/
  lock            held while a stack runs; names its process, start and URLs
  state.json      ports and generated secrets (0600)
  children.json   processes of the running stack, for the next start to end if it is killed
  postgres/       the database cluster
  nats/           JetStream's files and the server's configuration
  s3/             the S3 store's files and its keys
  logs/           one file per server and service, of the last run
  work/           scratch space of the services
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ValidationError

from picstore_local import ports
from picstore_local.errors import AlreadyRunning, LocalError, PortTaken

_LEFTOVER_GRACE_S = 10.0


class _State(BaseModel):
    version: Literal[1] = 1
    ports: dict[str, int] = {}
    secrets: dict[str, str] = {}


class _Runner(BaseModel):
    pid: int
    since: datetime
    urls: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process of the stack, told apart from a later one with the same id by its start time."""

    name: str
    pid: int
    created: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """A stack that another process runs, as its data directory tells."""

    pid: int
    urls: Mapping[str, str]
    """The gateway's URL and the gRPC target of each other service, by name; empty at first."""
    secrets: Mapping[str, str] = field(repr=False)
    """By name, as `DataDir.secret` made them."""


def running_stack(path: Path) -> RunningStack | None:
    """Return the stack that runs on the data directory `path` now, if there is one to be seen."""
    try:
        # Not by the lock itself: to try it would be in the way of a stack that starts just now.
        runner = _Runner.model_validate_json((path / "lock").read_bytes())
        state = _State.model_validate_json((path / "state.json").read_bytes())
        started = psutil.Process(runner.pid).create_time()
    except (OSError, ValidationError, psutil.NoSuchProcess):
        return None
    if started > runner.since.timestamp() + 1:
        return None  # Its process was killed, and the process id is another one's now.
    return RunningStack(pid=runner.pid, urls=runner.urls, secrets=state.secrets)


class DataDir:
    """One data directory, held by this process from `acquire` to `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._state = _State()
        self._children: dict[int, Child] = {}
        self._since = datetime.now(UTC)
        self._claims = ports.Claims()

    def acquire(self) -> None:
        """Take the directory, making it if it is missing, and end what a killed stack left behind.

        Raises:
            AlreadyRunning: Another process holds it; nothing was touched.
            LocalError: It cannot be used.
        """
        try:
            # Others may pass through, so that Postgres can run as another user below a stack of
            # root's, but not look around; each part below has its own, narrower mode.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LocalError(
                f"cannot use {self.path} ({error.strerror}); if another user began it, "
                "choose another by PICSTORE_LOCAL__DATA_DIR"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            runner = os.pread(lock, 65536, 0)
            os.close(lock)
            raise AlreadyRunning(_describe(self.path, runner)) from None
        self._lock = lock
        try:
            self._since = datetime.now(UTC)
            self._end_leftovers()
            self._state = self._read_state()
            self.announce({})
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go of the directory; no process of the stack may be left."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None
        self._claims.close()

    def announce(self, urls: Mapping[str, str]) -> None:
        """Write down for a second start who runs here and where it is reached."""
        assert self._lock is not None
        runner = _Runner(pid=os.getpid(), since=self._since, urls=dict(urls))
        text = runner.model_dump_json().encode()
        os.pwrite(self._lock, text, 0)
        os.ftruncate(self._lock, len(text))

    def folder(self, name: str) -> Path:
        """Return the private directory `name`, making it if it is missing."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def log_file(self, name: str) -> Path:
        """Return the path of the log of the server or service `name`."""
        return self.folder("logs") / f"{name}.log"

    def secret(self, name: str, generate: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
        """Return the secret `name`, generated when it is first asked for."""
        if name not in self._state.secrets:
            self._state.secrets[name] = generate()
            self._write_state()
        return self._state.secrets[name]

    def port(
        self,
        name: str,
        *,
        fits: Callable[[int], bool] = ports.is_free,
        kept_for: str | None = None,
    ) -> int:
        """Return the port `name`: that of the last start if it is still free, else another.

        Args:
            name: What listens on it.
            fits: Whether a port would do.
            kept_for: What breaks when this port changes; the port is then never changed.

        Raises:
            PortTaken: The port must not change and belongs to another program now.
        """
        port = self._state.ports.get(name)
        if port is None or not fits(port):
            if port is not None and kept_for is not None:
                raise PortTaken(
                    f"port {port} of {name} is taken by another program, and {kept_for}. "
                    f"End that program, or give up the port: delete {name!r} from "
                    f'"ports" in {self.path / "state.json"}'
                )
            others = set(self._state.ports.values())
            port = ports.choose(
                lambda candidate: (
                    candidate not in others and fits(candidate) and self._claims.take(candidate)
                )
            )
            self._state.ports[name] = port
            self._write_state()
        return port

    def adopt(self, name: str, pid: int) -> None:
        """Note a child process, for the next start to end if this process cannot."""
        self._children[pid] = Child(name=name, pid=pid, created=psutil.Process(pid).create_time())
        self._write_children()

    def disown(self, pid: int) -> None:
        """Forget a child process that ended."""
        if self._children.pop(pid, None) is not None:
            self._write_children()

    def _end_leftovers(self) -> None:
        """End the children of a stack that was killed.

        The kernel has already told them to end (see `launch`); what is left here is slow, or was
        never told.
        """
        leftovers = [
            process for child in self._read_children() if (process := _find(child)) is not None
        ]
        for process in leftovers:
            process.terminate()
        _, stubborn = psutil.wait_procs(leftovers, timeout=_LEFTOVER_GRACE_S)
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn, timeout=_LEFTOVER_GRACE_S)
        if alive := [process for process in stubborn if _is_up(process)]:
            pids = ", ".join(str(process.pid) for process in alive)
            raise LocalError(f"processes of an earlier stack on {self.path} do not end: {pids}")
        self._write_children()

    def _read_children(self) -> list[Child]:
        try:
            rows = json.loads((self.path / "children.json").read_text())
            return [Child(**row) for row in rows]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise LocalError(f"{self.path / 'children.json'} is damaged; delete it") from error

    def _write_children(self) -> None:
        rows = [asdict(child) for child in self._children.values()]
        self._write("children.json", json.dumps(rows))

    def _read_state(self) -> _State:
        path = self.path / "state.json"
        try:
            return _State.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _State()
        except ValidationError as error:
            raise LocalError(
                f"{path} is not usable. It holds the passwords of the data beside it: restore it, "
                f"or delete {self.path} to begin anew"
            ) from error

    def _write_state(self) -> None:
        self._write("state.json", self._state.model_dump_json(indent=2))

    def _write(self, name: str, text: str) -> None:
        draft = self.path / f"{name}.new"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / name)


def _find(child: Child) -> psutil.Process | None:
    try:
        process = psutil.Process(child.pid)
        same = abs(process.create_time() - child.created) < 1
    except psutil.NoSuchProcess:
        return None
    return process if same and _is_up(process) else None


def _is_up(process: psutil.Process) -> bool:
    """Say whether it still does something; in a container, nobody may collect the dead."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _describe(path: Path, text: bytes) -> str:
    try:
        runner = _Runner.model_validate_json(text)
    except ValidationError:
        return f"the stack is already starting on {path}"
    where = "".join(f"\n  {name}: {url}" for name, url in runner.urls.items())
    since = runner.since.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"the stack is already running on {path} (process {runner.pid}, since {since}){where}"
