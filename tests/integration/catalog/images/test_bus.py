"""The way of a job over a real bus, whose store is lost on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from picstore.jobs.v1 import job_pb2
from picstore_catalog.model.image import Image
from picstore_catalog.usecases.sweep import Sweeper
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import JOBS, apply_topology
from picstore_kit.pg.database import Database
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.settings import NATSSettings
from picstore_local.infrastructure import Infrastructure
from tests.integration.catalog.images.catalog import GRACE, Catalog


@pytest.fixture
async def bus(infra: Infrastructure) -> AsyncIterator[Bus]:
    async with Bus(NATSSettings(url=infra.nats_url), name="tests") as bus:
        await apply_topology(bus.js)
        await bus.js.purge_stream(JOBS)
        yield bus


async def next_job(bus: Bus) -> job_pb2.ConvertJob:
    """Take the next job of the fast lane, as a converter does."""
    lane = Lane.FAST
    consumer = await bus.js.pull_subscribe_bind(lane.consumer, JOBS)
    (message,) = await consumer.fetch(1, timeout=10)
    await message.ack()
    await consumer.unsubscribe()
    return job_pb2.ConvertJob.FromString(message.data)


async def test_a_job_reaches_a_converter_although_the_store_of_the_bus_was_lost(
    catalog: Catalog, database: Database, committed: Image, bus: Bus
) -> None:
    relay = OutboxRelay(database, Publisher(bus))
    sweeper = Sweeper(catalog.uow, interval=GRACE)
    await relay.publish_due()
    await bus.js.delete_stream(JOBS)

    await catalog.execute("UPDATE jobs SET sweep_at = sweep_at - %s", timedelta(minutes=1))
    assert await sweeper.sweep_due() == 1
    await relay.publish_due()

    job = await next_job(bus)
    assert job.image_id == committed.id
    assert job.lane == job_pb2.LANE_FAST
    assert (await catalog.job_ids(committed.id))["fast"] == job.job_id
