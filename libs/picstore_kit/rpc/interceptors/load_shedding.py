"""Refuses calls above a limit at once, instead of letting all of them become slow.

Not gRPC's `maximum_concurrent_rpcs`: that one also counts and refuses health checks, so that an
overloaded server would be restarted, and its refusals pass no access log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from picstore_kit.errors import Reason, ResourceExhausted
from picstore_kit.rpc.call import Call


class LoadShedding:
    """Serves at most `limit` calls at once, and `listeners` of those that only listen to a stream.

    The latter last for minutes and do next to nothing; among the others they would take all places.
    """

    def __init__(self, limit: int, *, listeners: int) -> None:
        self._free = {False: limit, True: listeners}

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Take a place, or refuse the call."""
        if call.infrastructure:
            yield
            return
        kind = call.listening
        if self._free[kind] == 0:
            raise ResourceExhausted(
                Reason.OVERLOADED, "the service is busy; try again shortly", retry_after=1.0
            )
        self._free[kind] -= 1
        try:
            yield
        finally:
            self._free[kind] += 1
