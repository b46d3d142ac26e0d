"""Health as probes and balancers ask for it: readiness by service name, and plain liveness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import structlog
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio

log = structlog.get_logger(__name__)

LIVENESS: Final = "liveness"
"""Service name under which a process is SERVING as long as it answers at all."""

Check = Callable[[], Awaitable[object]]


class Health:
    """What the process says of itself; NOT_SERVING until `serving` is called."""

    def __init__(self, service_names: Iterable[str]) -> None:
        self._names = ("", *service_names)
        self._draining = False
        self.servicer = health_aio.HealthServicer()

    async def starting(self) -> None:
        """Say that nothing is served yet; gRPC's own servicer begins with SERVING."""
        await self.servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._set(serving=False)

    async def serving(self) -> None:
        """Say that calls are welcome, unless the process drains already."""
        if not self._draining:
            await self._set(serving=True)

    async def not_serving(self) -> None:
        """Say that calls would fail for now."""
        await self._set(serving=False)

    async def draining(self) -> None:
        """Say that no more calls are wanted, for good."""
        self._draining = True
        await self._set(serving=False)

    async def _set(self, *, serving: bool) -> None:
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if serving
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in self._names:
            await self.servicer.set(name, status)


class ReadinessProbe:
    """Takes the process out of rotation while something that it cannot work without is gone.

    Liveness stays as it is: restarting a service does not bring its database back.
    """

    def __init__(
        self,
        health: Health,
        checks: Mapping[str, Check],
        *,
        interval_s: float = 2.0,
        timeout_s: float = 2.0,
        patience_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._checks = dict(checks)
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._clock = clock
        self._last_good = dict.fromkeys(self._checks, clock())
        self._ready = True

    async def run(self) -> None:
        """Check again and again; runs until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(self._interval_s)

    async def check(self) -> None:
        """Run every check once, and say so if readiness changes."""
        for name, check in self._checks.items():
            if await self._passes(name, check):
                self._last_good[name] = self._clock()
        gone = [
            name
            for name, last_good in self._last_good.items()
            if self._clock() - last_good > self._patience_s
        ]
        if gone and self._ready:
            self._ready = False
            log.error("service.not_ready", gone=gone)
            await self._health.not_serving()
        elif not gone and not self._ready:
            self._ready = True
            log.info("service.ready_again")
            await self._health.serving()

    async def _passes(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await check()
        except Exception as error:  # whatever it is, the dependency does not work
            log.warning("service.check_failed", check=name, error=repr(error))
            return False
        return True
