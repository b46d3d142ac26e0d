"""One log line and one measurement per call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from opentelemetry import metrics

from picstore_kit.rpc.call import Call

log = structlog.get_logger(__name__)

_BUCKETS_S: Final = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
"""OpenTelemetry's default buckets are meant for milliseconds."""


class AccessLog:
    """Logs and measures each call; health and reflection are only logged, at level debug."""

    def __init__(self) -> None:
        self._duration = metrics.get_meter("picstore.rpc").create_histogram(
            "rpc.server.call.duration",
            unit="s",
            description="Time from request to status.",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Measure what happens within."""
        started = time.monotonic()
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            seconds = time.monotonic() - started
            code = call.outcome(failure).name
            if not call.infrastructure:
                labels = {"rpc.method": call.label, "rpc.response.status_code": code}
                self._duration.record(seconds, labels)
            write = log.debug if call.infrastructure else log.info
            write("rpc.served", code=code, ms=round(seconds * 1000, 1), **_particulars(call))


def _particulars(call: Call) -> dict[str, str]:
    particulars: dict[str, str | None] = {}
    if call.error is not None:
        particulars["reason"] = call.error.reason
    if call.principal is not None:
        particulars["team"] = call.principal.team_id
        particulars["user"] = call.principal.user_id
        particulars["caller"] = call.principal.service
    return {name: value for name, value in particulars.items() if value is not None}
