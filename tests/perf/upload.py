"""Bench: what the memory of the upload service and the gateway does while 500 MB stream in."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import grpc.aio
import psutil

from picstore.upload.v1 import upload_pb2
from picstore.upload.v1.upload_pb2_grpc import UploadServiceStub
from tests.perf.tables import show
from tests.stack import LiveStack, live_stack

if TYPE_CHECKING:  # it exists for type checkers only
    from picstore.upload.v1.upload_pb2_grpc import UploadServiceAsyncStub

SERVICES: Final = ("upload", "gateway")

WIDTH: Final = 8000
HEIGHT: Final = 7815
_ROWS_AT_ONCE: Final = 15
"""Just below the 1 MiB that a chunk of the contract may have."""

_SAMPLE_S: Final = 0.01
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One upload."""

    way: str
    seconds: float
    peak_mb: dict[str, float]
    """The most resident memory that each service had."""
    growth_mb: dict[str, float]
    """How much more that is than before the first byte of the first upload."""


def run() -> dict[str, float]:
    """Measure, print a table, and return `upload_rss_growth_mb` and more."""
    size = sum(map(len, png()))
    with (
        tempfile.TemporaryDirectory() as directory,
        live_stack(Path(directory) / "stack", PICSTORE_INGEST__MAX_BYTES=str(size)) as stack,
        nothing_converted(stack),
    ):
        idle = RSSWatch(stack).peak
        over_http = _watched(stack, "HTTP", idle, lambda: _send_by_http(stack, size))
        over_grpc = _watched(stack, "gRPC", idle, lambda: asyncio.run(_send_by_grpc(stack, size)))
    show(
        f"Resident memory while a PNG of {size / _MB:.0f} MB streams in",
        (
            "way",
            "MB/s",
            *(f"{name} {what}" for name in SERVICES for what in ("peak MB", "growth MB")),
        ),
        [_row(growth, size) for growth in (over_http, over_grpc)],
    )
    return {
        "upload_rss_growth_mb": max(g.growth_mb["upload"] for g in (over_http, over_grpc)),
        "upload_rss_growth_http_mb": over_http.growth_mb["upload"],
        "upload_rss_growth_grpc_mb": over_grpc.growth_mb["upload"],
        "gateway_rss_growth_mb": over_http.growth_mb["gateway"],
        "upload_http_mb_per_s": size / _MB / over_http.seconds,
        "upload_grpc_mb_per_s": size / _MB / over_grpc.seconds,
    }


def _row(growth: Growth, size: int) -> tuple[str, ...]:
    memory = (
        f"{megabytes[name]:.1f}"
        for name in SERVICES
        for megabytes in (growth.peak_mb, growth.growth_mb)
    )
    return (growth.way, f"{size / _MB / growth.seconds:.0f}", *memory)


@contextmanager
def nothing_converted(stack: LiveStack) -> Iterator[None]:
    """Let the jobs wait, so that nothing converts one file while the next comes in."""
    converter = psutil.Process(stack.pid("converter"))
    converter.suspend()
    try:
        yield
    finally:
        # Were it resumed, the stack would not stop before it has finished what nobody wants.
        converter.kill()


def png(width: int = WIDTH, height: int = HEIGHT) -> Iterator[bytes]:
    """Yield a valid PNG in pieces below 1 MiB: noise of 16 bits, stored and not compressed.

    Eight bytes a pixel make it large with few pixels. A row, with the byte that names its filter,
    fits into one stored block of deflate, and that into one IDAT.
    """
    row = b"\0" + Random(width).randbytes(8 * width)
    yield b"\x89PNG\r\n\x1a\n" + _chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    )
    yield _chunk(b"IDAT", b"\x78\x01")
    block = _chunk(b"IDAT", struct.pack("<BHH", 0, len(row), len(row) ^ 0xFFFF) + row)
    whole, rest = divmod(height, _ROWS_AT_ONCE)
    for rows in (*[_ROWS_AT_ONCE] * whole, rest):
        yield block * rows
    checksum = 1
    for _ in range(height):
        checksum = zlib.adler32(row, checksum)
    yield _chunk(b"IDAT", struct.pack("<BHH", 1, 0, 0xFFFF) + struct.pack(">I", checksum))
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _watched(
    stack: LiveStack, way: str, idle: Mapping[str, int], send: Callable[[], None]
) -> Growth:
    started = time.monotonic()
    with RSSWatch(stack) as watch:
        send()
    return Growth(
        way=way,
        seconds=time.monotonic() - started,
        peak_mb={name: peak / _MB for name, peak in watch.peak.items()},
        growth_mb={name: (peak - idle[name]) / _MB for name, peak in watch.peak.items()},
    )


class RSSWatch:
    """Looks at the resident memory of the services, again and again, from a thread of its own."""

    def __init__(self, stack: LiveStack) -> None:
        self._processes = {name: psutil.Process(stack.pid(name)) for name in SERVICES}
        self.peak = self._look()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            for name, rss in self._look().items():
                self.peak[name] = max(self.peak[name], rss)

    def _look(self) -> dict[str, int]:
        return {name: process.memory_info().rss for name, process in self._processes.items()}


def _send_by_http(stack: LiveStack, size: int) -> None:
    with stack.http() as http:
        response = http.post(
            f"/api/v1/projects/{_project(stack)}/quick_upload",
            content=png(),
            params={"filename": "noise.png"},
            headers={"content-type": "image/png", "content-length": str(size)},
        )
    assert response.status_code == 201, response.text


async def _send_by_grpc(stack: LiveStack, size: int) -> None:
    header = upload_pb2.QuickUploadHeader(
        project_id=_project(stack), filename="noise.png", size_bytes=size
    )

    async def messages() -> AsyncIterator[upload_pb2.QuickUploadRequest]:
        yield upload_pb2.QuickUploadRequest(header=header)
        offset = 0
        for data in png():
            chunk = upload_pb2.Chunk(offset=offset, data=data)
            yield upload_pb2.QuickUploadRequest(chunk=chunk)
            offset += len(data)
        yield upload_pb2.QuickUploadRequest(end=upload_pb2.End())

    async with grpc.aio.insecure_channel(stack.targets()["upload"]) as channel:
        stub: UploadServiceAsyncStub = UploadServiceStub(channel)
        image = await stub.QuickUpload(
            messages(), metadata=(("authorization", f"Bearer {stack.api_key}"),)
        )
    assert image.size_bytes == size


def _project(stack: LiveStack) -> str:
    with stack.http() as http:
        found: str = http.get("/api/v1/projects").json()["projects"][0]["id"]
    return found
