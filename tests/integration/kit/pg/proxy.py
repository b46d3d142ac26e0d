"""A TCP proxy that can hang: it stays connected and passes nothing on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Between a client and the server that `dsn` names."""

    def __init__(self, dsn: str) -> None:
        parameters = conninfo_to_dict(dsn)
        self._dsn = dsn
        self._host = str(parameters["host"])
        self._server_port = int(str(parameters["port"]))
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._port = 0

    @property
    def dsn(self) -> str:
        """The same database through this proxy."""
        return make_conninfo(self._dsn, host="127.0.0.1", port=self._port)

    def hang(self) -> None:
        """Pass nothing on from now."""
        self._flowing.clear()

    def heal(self) -> None:
        """Go on."""
        self._flowing.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._server_port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass_on(reader, far_writer))
            tasks.create_task(self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
