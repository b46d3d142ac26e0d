"""Outermost: the request id and the trace context that everything within the call belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.contextvars import bound_contextvars

from picstore_kit.rpc.call import Call
from picstore_kit.telemetry import REQUEST_ID_HEADER, continued


class RequestContext:
    """Continues the caller's trace and request, and tells the caller the request's id."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Bind the ids for logs, outgoing calls and messages."""
        headers = {key: value for key, value in call.metadata.items() if isinstance(value, str)}
        with continued(headers) as request_id, bound_contextvars(method=call.method.lstrip("/")):
            call.context.set_trailing_metadata(((REQUEST_ID_HEADER, request_id),))
            yield
