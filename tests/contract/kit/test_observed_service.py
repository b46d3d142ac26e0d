"""A whole process: command line, settings, server, traces, metrics, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

SERVICE = """
from __future__ import annotations
import sys
from picstore_kit.lifecycle import Lifecycle
from picstore_kit.main import service_main
from picstore_kit.rpc.auth import Principal
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.settings import ServiceSettings

class Nobody:
    async def authenticate(self, credential: str) -> Principal:
        return Principal()
    async def fetch(self):
        return []

async def build(settings: ServiceSettings, lifecycle: Lifecycle) -> None:
    server = RPCServer(
        settings.rpc,
        servicers=[],
        authenticator=Nobody(),
        verifier=ServiceTokenVerifier(Nobody()),
    )
    await lifecycle.enter(server)
    lifecycle.on_warm(server.serving)
    lifecycle.on_drain(server.draining)

sys.exit(service_main("example", ServiceSettings, build, []))
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(
    trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer
):
    """Where OTLP goes."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()

    async def Export(self, request: Any, context: Any) -> Any:
        if isinstance(request, metrics_service_pb2.ExportMetricsServiceRequest):
            return metrics_service_pb2.ExportMetricsServiceResponse()
        for resource_spans in request.resource_spans:
            for attribute in resource_spans.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope_spans in resource_spans.scope_spans:
                self.spans.extend(scope_spans.spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@asynccontextmanager
async def _collecting(collector: Collector) -> AsyncIterator[str]:
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # has no types
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # has no types
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def _running(**variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        env=os.environ | {f"PICSTORE_{name}": value for name, value in variables.items()},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _until_serving(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(30):
        while True:
            response = await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            if response.status == health_pb2.HealthCheckResponse.SERVING:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_service_is_observed_and_stops_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    collector, metrics_port = Collector(), _free_port()
    address = f"unix:{tmp_path}/example.sock"
    async with (
        _collecting(collector) as endpoint,
        _running(
            RPC__LISTEN=address,
            TELEMETRY__OTLP_ENDPOINT=endpoint,
            TELEMETRY__METRICS_LISTEN=f"127.0.0.1:{metrics_port}",
            TELEMETRY__LOG_FORMAT="json",
            DRAIN_DELAY_S="0",
        ) as process,
        grpc.aio.insecure_channel(address) as channel,
    ):
        await _until_serving(channel)
        call: Any = channel.unary_unary("/picstore.none.v1.None/Call")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", metadata=(("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),))
        # A call is counted when it is over for the service, which its caller may know before.
        metrics = ""
        while "_OTHER" not in metrics:
            metrics = await asyncio.to_thread(_get, f"http://127.0.0.1:{metrics_port}/metrics")
        process.send_signal(number)
        _, log = await process.communicate()
        assert process.returncode == 0

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert 'rpc_method="_OTHER"' in metrics
    assert 'rpc_response_status_code="UNIMPLEMENTED"' in metrics
    assert [(span.trace_id.hex(), span.name) for span in collector.spans] == [(TRACE, "_OTHER")]
    assert collector.services == {"picstore-example"}
    assert f'"trace_id": "{TRACE}"' in log.decode()


async def test_address_in_use_is_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with _running(RPC__LISTEN=f"127.0.0.1:{taken.getsockname()[1]}") as process:
            await process.communicate()
            assert process.returncode == 1


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
        return body.decode()
