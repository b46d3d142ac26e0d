"""Watching over a real bus, which a test may kill, and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from picstore_catalog.hub import SUBJECT, WatchHub
from picstore_catalog.model.image import Image, ImageState
from picstore_catalog.model.permission import Permission
from picstore_catalog.model.watch import Kind, Told
from picstore_catalog.usecases.watch import Pace, Watching
from picstore_kit.bus.connection import Bus
from picstore_kit.bus.events import consume_events
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import apply_topology
from picstore_kit.errors import NotFound
from picstore_kit.pg.access import Access, Reach
from picstore_kit.pg.database import Database
from picstore_kit.pg.relay import OutboxRelay
from picstore_kit.settings import NATSSettings
from tests.integration.catalog.images.catalog import (
    CHEAP,
    DEAR_TOO,
    Catalog,
    MakeCommit,
    Team,
    make_all,
)
from tests.integration.kit.bus.conftest import Broker

NEVER_S = 3600.0


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


class Watches:
    """What watches, and how it is woken."""

    def __init__(self, catalog: Catalog, team: Team, hub: WatchHub) -> None:
        self._catalog = catalog
        self._hub = hub
        self.access = team.access(Permission.IMAGE_READ)

    def __call__(self, *, poll_s: float = NEVER_S) -> Watching:
        pace = Pace(poll_s=poll_s, heartbeat_s=NEVER_S, max_duration_s=NEVER_S)
        return Watching(self._catalog.uow, self._hub, pace, max_waits=10, max_looks=2)

    async def renew(self) -> Access:
        return self.access


@pytest.fixture
async def watches(
    broker: Broker, catalog: Catalog, database: Database, team: Team
) -> AsyncIterator[Watches]:
    """The relay publishes, and the hub follows, as in the catalog's process."""
    hub = WatchHub(limit=500)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus(NATSSettings(url=broker.url), name="tests"))
        await bus.connected()
        await apply_topology(bus.js)
        subscription = consume_events(bus, SUBJECT, hub.follow)
        await stack.enter_async_context(subscription)
        await subscription.established()
        relay = asyncio.create_task(OutboxRelay(database, Publisher(bus)).run())
        yield Watches(catalog, team, hub)
        relay.cancel()
        await asyncio.wait([relay])


async def kinds(told: AsyncGenerator[Told, None], last: Kind | None = None) -> list[Kind]:
    """Return what is told up to the first of a kind, or to the end."""
    found = []
    async with asyncio.timeout(60):
        async for one in told:
            found.append(one.kind)
            if one.kind is last:
                break
    return found


async def test_the_bus_wakes_whoever_watches(
    catalog: Catalog, committed: Image, watches: Watches
) -> None:
    one = watches().image(watches.renew, committed.id)
    every = watches().project(watches.renew, committed.project_id)
    named = watches().images(watches.renew, committed.project_id, [committed.id])
    began = [(await anext(told)).kind for told in (one, every, named)]
    assert began == [Kind.CURRENT, Kind.HEARTBEAT, Kind.CURRENT]

    await make_all(catalog, committed.id)

    ended = [Kind.OUTPUT_READY] * 4 + [Kind.READY]
    assert await kinds(one) == ended
    assert await kinds(named, Kind.READY) == ended
    # The commit may come late: it was told of by the same relay.
    assert (await kinds(every, Kind.READY))[-5:] == ended
    for told in (every, named):
        await told.aclose()


async def test_outputs_that_follow_are_told_of_before_the_end(
    catalog: Catalog, team: Team, make_commit: MakeCommit, watches: Watches
) -> None:
    profile = await catalog.add_profile(team, DEAR_TOO, name="dear")
    image = await catalog.commit(team, make_commit(upload_profile=profile))
    told = watches().image(watches.renew, image.id)
    await anext(told)

    await make_all(catalog, image.id)
    assert await kinds(told, Kind.READY) == [Kind.OUTPUT_READY] * 2 + [Kind.READY]

    await make_all(catalog, image.id, lane="slow")
    assert await kinds(told) == [Kind.OUTPUT_READY] * 2


async def test_a_wait_ends_as_soon_as_the_bus_says_so(
    catalog: Catalog, committed: Image, watches: Watches
) -> None:
    waiting = asyncio.create_task(watches().settled(watches.renew, committed.id, wait_s=NEVER_S))
    await make_all(catalog, committed.id)
    async with asyncio.timeout(60):
        await waiting
    assert (await catalog.image(Team(id=watches.access.team_id), committed.id)).state is (
        ImageState.READY
    )


async def test_without_a_bus_looks_find_what_happens(
    catalog: Catalog, committed: Image, watches: Watches, broker: Broker
) -> None:
    one = watches(poll_s=0.05).image(watches.renew, committed.id)
    named = watches(poll_s=0.05).images(watches.renew, committed.project_id, [committed.id])
    for told in (one, named):
        await anext(told)
    await broker.kill()

    await make_all(catalog, committed.id)

    ended = [Kind.OUTPUT_READY] * 4 + [Kind.READY]
    assert sorted(await kinds(one)) == sorted(ended)
    assert sorted(await kinds(named, Kind.READY)) == sorted(ended)
    await named.aclose()


async def test_a_bus_that_comes_back_brings_what_happened_meanwhile(
    catalog: Catalog, committed: Image, watches: Watches, broker: Broker
) -> None:
    every = watches().project(watches.renew, committed.project_id)
    await anext(every)
    await broker.kill()
    await make_all(catalog, committed.id)
    await broker.start()

    assert (await kinds(every, Kind.READY)).count(Kind.OUTPUT_READY) == 4
    await every.aclose()


async def test_a_reader_who_does_not_read_is_told_of_the_newest_state_alone(
    catalog: Catalog, committed: Image, watches: Watches
) -> None:
    """Between two messages nothing runs for it; what happens is kept in one place."""
    told = watches(poll_s=0.05).images(watches.renew, committed.project_id, [committed.id])
    await anext(told)
    await make_all(catalog, committed.id)

    first = await anext(told)

    assert first.stored is not None
    assert first.stored.value.state is ImageState.READY
    await told.aclose()


async def test_a_picture_that_is_gone_ends_its_watch_and_no_other(
    catalog: Catalog,
    team: Team,
    committed: Image,
    make_commit: MakeCommit,
    watches: Watches,
) -> None:
    profile = await catalog.add_profile(team, CHEAP, name="other")
    other = await catalog.commit(
        team, make_commit(upload_profile=profile, content=b"another photo")
    )
    one = watches(poll_s=0.05).image(watches.renew, committed.id)
    both = watches(poll_s=0.05).images(
        watches.renew, committed.project_id, [committed.id, other.id]
    )
    await anext(one)
    for _ in range(2):
        await anext(both)

    await catalog.execute("DELETE FROM outputs WHERE image_id = %s", committed.id)
    await catalog.execute("DELETE FROM jobs WHERE image_id = %s", committed.id)
    await catalog.execute("DELETE FROM originals WHERE image_id = %s", committed.id)
    await catalog.execute("DELETE FROM images WHERE id = %s", committed.id)
    await make_all(catalog, other.id)

    with pytest.raises(NotFound):
        await kinds(one)
    assert (await kinds(both, Kind.READY))[-1] is Kind.READY
    await both.aclose()


async def test_a_project_that_is_not_theirs_any_more_ends_the_watch(
    committed: Image, watches: Watches, team: Team
) -> None:
    streams = [
        watches(poll_s=0.05).image(watches.renew, committed.id),
        watches(poll_s=0.05).images(watches.renew, committed.project_id, [committed.id]),
        watches(poll_s=0.05).project(watches.renew, committed.project_id),
    ]
    for told in streams:
        await anext(told)
    watches.access = Access(
        team_id=team.id,
        caller="tests",
        permission=Permission.IMAGE_READ,
        allowed=Reach(),
        visible=Reach(),
    )
    for told in streams:
        with pytest.raises(NotFound):
            await kinds(told)


async def test_hundreds_who_watch_the_same_leave_connections_for_others(
    catalog: Catalog, committed: Image, watches: Watches
) -> None:
    watching = watches()
    streams = [watching.image(watches.renew, committed.id) for _ in range(400)]
    for told in streams:
        await anext(told)
    waiting = [asyncio.create_task(kinds(told)) for told in streams]

    await make_all(catalog, committed.id)

    assert {one for found in await asyncio.gather(*waiting) for one in found[-1:]} == {Kind.READY}
