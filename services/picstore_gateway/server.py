"""uvicorn as a component: started and stopped by the lifecycle, not by its own signal handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn
from starlette.types import ASGIApp

log = structlog.get_logger(__name__)

_MAX_HEADER_BYTES: Final = 16 * 1024
_KEEP_ALIVE_S: Final = 15
_BACKLOG: Final = 1024


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the lifecycle."""
        yield


class HTTPServer:
    """Serves an application while it is entered.

    Raises:
        OSError: The address cannot be bound.
    """

    def __init__(self, app: ASGIApp, *, listen: str, stop_grace_s: float) -> None:
        """`listen` is `host:port`; port 0 takes any free one."""
        self._listen = listen
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=round(stop_grace_s),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
            )
        )
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        host, _, port = self._listen.rpartition(":")
        listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=_BACKLOG,
        )
        listener.setblocking(False)
        await self._tasks.__aenter__()
        self._tasks.create_task(self._server.serve(sockets=[listener]), name="http")
        log.info("http.listening", address="{}:{}".format(*listener.getsockname()[:2]))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        await self._tasks.__aexit__(None, None, None)
