"""Runs an infrastructure on the directory that is named, and says so, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from picstore_local.infrastructure import Infrastructure
from picstore_local.settings import LocalSettings


async def main() -> None:
    async with Infrastructure(Path(sys.argv[1]), LocalSettings()) as infra:
        for server in infra.servers:
            assert server.process is not None
            print(server.process.pid, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
