"""HTTP connections that go only where an `EgressPolicy` lets them, and cannot be kept hanging.

The host is resolved and checked when a connection is opened, and the connection is made to what was
checked; TLS still verifies the name. No proxy of the environment comes between. An answer's header,
and the whole of it where it is no stream, must arrive in time and be of a bounded length: a server
that sends a byte now and then would otherwise hold a thread for as long as it likes.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from picstore_kit.net.egress import EgressPolicy

ANSWER_S: Final = 60.0
"""Seconds for an answer; S3 may take its time to put a big object together."""

ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Longest answer that is read as a whole; a thousand keys of the longest sort take 3.3 MB."""

_PIECE_BYTES: Final = 65536


class AnswerTooLate(HTTPError):
    """A server takes too long to say what it has to say."""


class AnswerTooLong(HTTPError):
    """A server sends more than anybody asked for."""


class _GuardedConnection(HTTPConnection):
    """A connection to a checked address."""

    _scheme = "http"

    def __init__(self, *args: Any, egress: EgressPolicy, answer_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._egress = egress
        self._answer_s = answer_s

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = self._egress.addresses(self._scheme, name, self.port)
        except OSError as error:
            raise NameResolutionError(self.host, self, socket.gaierror(*error.args)) from error
        failure: Exception = NewConnectionError(self, f"{name} has no address")
        for address in addresses:
            # The base class connects to what it takes for the name.
            self._dns_host = address
            try:
                return super()._new_conn()
            except HTTPError as error:
                failure = error
            finally:
                self._dns_host = name
        raise failure

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in the base class
        """Return the answer: a stream where it was asked for and is none of an error."""
        options = self._response_options
        if options is None:
            return super().getresponse()
        self._response_options = options._replace(preload_content=False)
        with self._watched():
            response = super().getresponse()
            if not options.preload_content and response.status < 300:
                return response
            return _read_whole(response, options.request_method, preload=options.preload_content)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        late = threading.Event()
        watchdog = threading.Timer(self._answer_s, self._hang_up, (late, self.sock))
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()
            # Where the connection ends may look like the end of the header, or of the answer.
            if late.is_set():
                self.close()
                raise AnswerTooLate("the answer takes too long")

    @staticmethod
    def _hang_up(late: threading.Event, sock: socket.socket) -> None:
        late.set()
        with suppress(OSError):  # it ended by itself
            sock.shutdown(socket.SHUT_RDWR)


class _GuardedTLSConnection(_GuardedConnection, HTTPSConnection):
    _scheme = "https"


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLSConnection


class GuardedPoolManager(PoolManager):
    """A pool manager all of whose connections obey a policy."""

    def __init__(self, egress: EgressPolicy, *, answer_s: float = ANSWER_S, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTLSPool}
        self._egress = egress
        self._answer_s = answer_s

    def _new_pool(
        self,
        scheme: str,
        host: str,
        port: int,
        request_context: dict[str, Any] | None = None,
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.conn_kw |= {"egress": self._egress, "answer_s": self._answer_s}
        return pool


def _read_whole(response: HTTPResponse, method: str, *, preload: bool) -> HTTPResponse:
    """Read an answer to its end, and return it as one that was received already.

    Raises:
        AnswerTooLong: It has no end that is near.
    """
    body = bytearray()
    while piece := response.read1(_PIECE_BYTES):
        body += piece
        if len(body) > ANSWER_BYTES:
            response.close()
            raise AnswerTooLong("the answer is too long")
    return HTTPResponse(
        body=io.BytesIO(body),
        headers=response.headers,
        status=response.status,
        version=response.version,
        reason=response.reason,
        preload_content=preload,
        decode_content=False,  # it was decoded when it was read
        enforce_content_length=False,
        request_method=method,
        request_url=response.url,
    )
