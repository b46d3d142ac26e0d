"""A web server with files of any length, for imports by URL."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.perf.ingest_file import BenchFile


class WebServer:
    """Serves `/<size>/<number>.jpg` on the loopback interface while it is entered."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def url(self, file: BenchFile) -> str:
        """Return where a file is."""
        return f"http://127.0.0.1:{self._server.server_port}/{file.size}/{file.number}.jpg"

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _, size, name = self.path.split("/")
        file = BenchFile(int(size), int(name.removesuffix(".jpg")))
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(file.size))
        self.end_headers()
        for block in file.blocks():
            self.wfile.write(block)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
