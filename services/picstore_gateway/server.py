"""uvicorn as a component: started and stopped by the lifecycle, not by its own signal handlers."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from picstore_gateway.bounds import MAX_HEAD_BYTES
from picstore_gateway.problems import MEDIA_TYPE, problem_body
from picstore_kit.errors import InvalidField

log = structlog.get_logger(__name__)

_BACKLOG: Final = 1024


class HTTPServer:
    """Serves an application: it listens while it is entered, and answers while `run` runs."""

    def __init__(
        self, app: ASGIApp, *, listen: str, stop_grace_s: float, idle_timeout_s: int = 10
    ) -> None:
        """`listen` is `host:port`; port 0 takes any free one."""
        self._listen = listen
        self._listener: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                timeout_keep_alive=idle_timeout_s,
                timeout_graceful_shutdown=round(stop_grace_s),
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="error",
                # Whom a proxy calls for is worked out by `picstore_kit.rpc.origin` alone.
                proxy_headers=False,
                access_log=False,
                server_header=False,
            )
        )

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def run(self) -> None:
        """Answer until cancelled; what is being answered then gets its time to finish."""
        assert self._listener is not None
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._listener]))
        try:
            await asyncio.shield(serving)
        finally:
            self._server.should_exit = True
            await serving

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            OSError: The address cannot be bound.
        """
        host, _, port = self._listen.rpartition(":")
        self._listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=_BACKLOG,
        )
        self._listener.setblocking(False)
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, which
        # these do not, and the body of an answer would wait 40 ms for the client's kernel to
        # acknowledge the headers.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        log.info("http.listening", address=self.address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the lifecycle."""
        yield


class _Protocol(H11Protocol):
    """HTTP/1.1, with an end to waiting for the head of a request.

    uvicorn knows such an end only between the requests of a connection, and lets its clients
    prolong it by a byte now and then.
    """

    _waiting_for_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._waiting_for_head is None:
            self._waiting_for_head = self.loop.call_later(
                self.timeout_keep_alive, self.transport.close
            )

    def _stop_watching(self) -> None:
        if self._waiting_for_head is not None:
            self._waiting_for_head.cancel()
            self._waiting_for_head = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too much of it, as everything else is answered."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # In the middle of an answer there is nothing more to say.
            return
        # uvicorn calls this while it handles h11's error, which knows the better status.
        status = getattr(sys.exception(), "error_status_hint", 400)
        refusal = InvalidField("request", "must be HTTP/1.1 with headers of at most 16 KiB")
        body = json.dumps(problem_body(refusal, status)).encode()
        events: list[h11.Event] = [
            h11.Response(
                status_code=status,
                headers=[
                    ("content-type", MEDIA_TYPE),
                    ("content-length", str(len(body))),
                    ("x-content-type-options", "nosniff"),
                    ("connection", "close"),
                ],
            ),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
