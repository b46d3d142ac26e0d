"""Traces and metrics by OpenTelemetry, and the context that travels in call and message headers.

Without a collector or a metrics address nothing is recorded, and spans and counters cost next to
nothing; the W3C trace context and the request id still travel on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

from opentelemetry import context, metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, start_http_server

from picstore_kit.log import bound_request_id, current_request_id, new_request_id
from picstore_kit.settings import TelemetrySettings

REQUEST_ID_HEADER: Final = "x-request-id"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_W3C: Final = TraceContextTextMapPropagator()


@asynccontextmanager
async def telemetry(service: str, settings: TelemetrySettings) -> AsyncIterator[None]:
    """Record and export what `settings` ask for until the block ends; then flush.

    Raises:
        OSError: The metrics address cannot be listened on.
    """
    resource = Resource.create({"service.name": f"picstore-{service}"})
    async with AsyncExitStack() as stack:
        readers: list[MetricReader] = []
        if settings.otlp_endpoint:
            tracing = TracerProvider(resource=resource)
            tracing.add_span_processor(
                BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint))
            )
            trace.set_tracer_provider(tracing)
            # Flushing talks to the collector, so it must not hold up the loop.
            stack.push_async_callback(asyncio.to_thread, tracing.shutdown)
            readers.append(
                PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=settings.otlp_endpoint))
            )
        if settings.metrics_listen:
            registry = CollectorRegistry()
            readers.append(PrometheusMetricReader(registry=registry))
            host, _, port = settings.metrics_listen.rpartition(":")
            server, thread = start_http_server(int(port), host, registry)
            stack.push_async_callback(asyncio.to_thread, thread.join)
            stack.push_async_callback(asyncio.to_thread, server.server_close)
            stack.push_async_callback(asyncio.to_thread, server.shutdown)
        if readers:
            metering = MeterProvider(resource=resource, metric_readers=readers)
            metrics.set_meter_provider(metering)
            stack.push_async_callback(asyncio.to_thread, metering.shutdown)
        yield


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context and request id to `headers`, unless they hold them already."""
    if "traceparent" not in headers:
        _W3C.inject(headers)
    request_id = current_request_id()
    if request_id is not None:
        headers.setdefault(REQUEST_ID_HEADER, request_id)


@contextmanager
def continued(headers: Mapping[str, str]) -> Iterator[str]:
    """Work within the trace and the request that `headers` name; yields the request id.

    A missing or malformed request id is replaced by a fresh one, because it ends up in logs.
    """
    token = context.attach(_W3C.extract(headers, context=context.Context()))
    claimed = headers.get(REQUEST_ID_HEADER, "")
    request_id = claimed if _REQUEST_ID.fullmatch(claimed) else new_request_id()
    try:
        with bound_request_id(request_id):
            yield request_id
    finally:
        context.detach(token)
