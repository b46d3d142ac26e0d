"""Readiness that follows the dependencies."""

from __future__ import annotations

from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from picstore_kit.rpc.health import LIVENESS, Health, ReadinessProbe

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Dependency:
    works = True

    async def check(self) -> None:
        if not self.works:
            raise ConnectionError("gone")


@pytest.fixture
async def health() -> Health:
    health = Health(["a.v1.Service"])
    await health.starting()
    await health.serving()
    return health


async def _status(health: Health, service: str = "") -> int:
    context: Any = None
    response: Any = await health.servicer.Check(
        health_pb2.HealthCheckRequest(service=service), context
    )
    status: int = response.status
    return status


async def test_short_outage_changes_nothing_and_a_long_one_does(health: Health) -> None:
    clock, database = Clock(), Dependency()
    probe = ReadinessProbe(health, {"postgres": database.check}, patience_s=10, clock=clock)
    database.works = False
    for seconds, expected in ((0, SERVING), (9, SERVING), (2, NOT_SERVING), (60, NOT_SERVING)):
        clock.now += seconds
        await probe.check()
        assert await _status(health) == expected
        assert await _status(health, "a.v1.Service") == expected
        assert await _status(health, LIVENESS) == SERVING
    database.works = True
    await probe.check()
    assert await _status(health) == SERVING


async def test_one_of_several_dependencies_is_enough(health: Health) -> None:
    clock, database, bus = Clock(), Dependency(), Dependency()
    checks = {"postgres": database.check, "nats": bus.check}
    probe = ReadinessProbe(health, checks, patience_s=10, clock=clock)
    bus.works = False
    clock.now = 11
    await probe.check()
    assert await _status(health) == NOT_SERVING


async def test_recovery_does_not_end_a_drain(health: Health) -> None:
    clock, database = Clock(), Dependency()
    probe = ReadinessProbe(health, {"postgres": database.check}, patience_s=10, clock=clock)
    database.works = False
    clock.now = 11
    await probe.check()
    await health.draining()
    database.works = True
    await probe.check()
    assert await _status(health) == NOT_SERVING
