"""A server span per call.

Written here because OpenTelemetry's own interceptor for grpc.aio takes handlers that write by
themselves for generators, and does not see a code that is sent by `abort_with_status`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from picstore_kit.rpc.call import Call

_OUR_FAULT: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes that make a server span an error, by OpenTelemetry's semantic conventions for gRPC."""


class Tracing:
    """Records each call as a span of the caller's trace."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("picstore.rpc")

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Span the handler, except for health checks and reflection."""
        if call.infrastructure:
            yield
            return
        with self._tracer.start_as_current_span(
            call.label,
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.method": call.label},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            failure: BaseException | None = None
            try:
                yield
            except BaseException as error:
                failure = error
                raise
            finally:
                code = call.outcome(failure)
                span.set_attribute("rpc.response.status_code", code.name)
                if code in _OUR_FAULT:
                    span.set_status(Status(StatusCode.ERROR))
                if call.error is not None:
                    span.set_attribute("picstore.reason", call.error.reason)
