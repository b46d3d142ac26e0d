"""Outermost: the request id, the trace context and the origin of everything within the call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from structlog.contextvars import bound_contextvars

from picstore_kit.rpc.call import Call
from picstore_kit.rpc.origin import Network, coming_from, origin_of
from picstore_kit.telemetry import REQUEST_ID_HEADER, continued


class RequestContext:
    """Continues the caller's trace and request, and tells the caller the request's id."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        """Peers in `trusted_proxies` are believed for whom they call."""
        self._trusted = tuple(trusted_proxies)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Bind the ids for logs, outgoing calls and messages."""
        headers = {key: value for key, value in call.metadata.items() if isinstance(value, str)}
        method = call.method.lstrip("/")
        origin = origin_of(
            method=method,
            peer=call.context.peer(),
            metadata=tuple(call.context.invocation_metadata() or ()),
            trusted=self._trusted,
        )
        with (
            continued(headers) as request_id,
            bound_contextvars(method=method),
            coming_from(origin),
        ):
            call.context.set_trailing_metadata(((REQUEST_ID_HEADER, request_id),))
            yield
