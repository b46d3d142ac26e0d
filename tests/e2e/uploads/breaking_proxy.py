"""A TCP proxy that holds a connection at a certain byte, and then goes on or breaks off."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from tests.stack import PATIENCE_S

_RESET: Final = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing says at once that the connection is broken."""


class BreakingProxy:
    """Between a client and a server; what the server says is passed on at all times."""

    def __init__(self, server: str, hold_at: int) -> None:
        """`server` is a URL; the connection by which byte `hold_at` comes is held there."""
        parts = urlsplit(server)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._hold_at = hold_at
        self._passed = 0
        self._counting = threading.Lock()
        self._held = threading.Event()
        self._released = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Where the server is found through this proxy."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_held(self) -> None:
        """Wait until it holds a connection; others it passes on."""
        assert self._held.wait(PATIENCE_S), "nothing was held"

    def release(self) -> None:
        """Pass on what is held."""
        self._released.set()

    def break_off(self) -> None:
        """Break all connections there are; new ones pass everything on."""
        broken, self._sockets = self._sockets, []
        for end in broken:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # To close it does not wake who reads from it.
                end.shutdown(socket.SHUT_RD)
            end.close()
        self.release()

    @contextmanager
    def listening(self) -> Iterator[BreakingProxy]:
        """Serve until the block ends."""
        accepting = threading.Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            accepting.join()
            self.break_off()
            for thread in self._threads:
                thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            self._sockets += [near, far]
            for source, target, is_sent in ((near, far, True), (far, near, False)):
                thread = threading.Thread(target=self._pass_on, args=(source, target, is_sent))
                thread.start()
                self._threads.append(thread)

    def _pass_on(self, source: socket.socket, target: socket.socket, is_sent: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(64 * 1024):
                if is_sent:
                    self._count(len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> None:
        with self._counting:
            self._passed += size
            is_first = self._passed > self._hold_at and not self._held.is_set()
            if is_first:
                self._held.set()
        if is_first:
            self._released.wait()
