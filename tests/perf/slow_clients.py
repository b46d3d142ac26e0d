"""Many clients on bad lines: each sends 50 kB a second through the gateway."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from tests.perf.ingest_file import BenchFile

CLIENTS: Final = 200
BYTES_PER_S: Final = 50_000
SIZE: Final = 1_500_000
"""Bytes of a file: half a minute."""

_STEPS_PER_S: Final = 5


class SlowClients:
    """Sends files slowly while it is entered; `answers` waits until all have come."""

    def __init__(self, gateway: str, api_key: str, project_id: str) -> None:
        parts = urlsplit(gateway)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._key = api_key
        self._project_id = project_id
        self._sending = 0
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[int]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.ensure_future(self._send()) for _ in range(CLIENTS)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def all_sending(self) -> None:
        """Wait until every client has sent something."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._sending == CLIENTS)

    async def answers(self) -> list[int]:
        """Return the status of each answer."""
        return await asyncio.gather(*self._tasks)

    async def _send(self) -> int:
        file = BenchFile.unique(SIZE)
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(
                f"POST /api/v1/projects/{self._project_id}/quick_upload HTTP/1.1\r\n"
                f"Host: {self._host}\r\nAuthorization: Bearer {self._key}\r\n"
                f"Content-Type: image/jpeg\r\nContent-Length: {SIZE}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            step = BYTES_PER_S // _STEPS_PER_S
            for start in range(0, SIZE, step):
                for block in file.blocks(start, min(start + step, SIZE)):
                    writer.write(block)
                await writer.drain()
                if start == 0:
                    async with self._changed:
                        self._sending += 1
                        self._changed.notify_all()
                await asyncio.sleep(1 / _STEPS_PER_S)
            status = await reader.readline()
            return int(status.split()[1])
        finally:
            writer.close()
