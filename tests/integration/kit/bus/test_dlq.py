"""What cannot be done is kept with its reason and can be replayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from picstore_kit.bus.connection import Bus
from picstore_kit.bus.delivery import Delivery, Outcome, Retry
from picstore_kit.bus.dlq import DeadLetter, DeadLetterKeeper, bury, dead_letters, replay
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.bus.topology import DLQ, JOBS
from picstore_kit.bus.worker import Worker


@pytest.fixture
async def keeper(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(DeadLetterKeeper(bus).run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def stored(bus: Bus, stream: str) -> int:
    return (await bus.js.stream_info(stream)).state.messages


async def until_stored(bus: Bus, stream: str, count: int) -> None:
    while await stored(bus, stream) != count:  # noqa: ASYNC110  # only the broker knows
        await asyncio.sleep(0.02)


async def buried(bus: Bus) -> list[DeadLetter]:
    return [letter async for letter in dead_letters(bus)]


@pytest.mark.usefixtures("keeper")
async def test_job_that_ran_out_of_deliveries_becomes_a_dead_letter(
    bus: Bus, publisher: Publisher
) -> None:
    config = (await bus.js.consumer_info(JOBS, Lane.FAST.consumer)).config
    await bus.js.add_consumer(JOBS, config.evolve(max_deliver=2))

    async def handler(_: Delivery) -> Outcome:
        return Retry(0.01)

    async with Worker(bus, lanes=list(Lane), slots=1, handler=handler):
        await publisher.publish(Lane.FAST.subject, b"job", headers={"Team": "tem_1"}, msg_id="1")
        await until_stored(bus, DLQ, 1)
        await until_stored(bus, JOBS, 0)
    (letter,) = await buried(bus)
    assert letter.subject == Lane.FAST.subject
    assert letter.payload == b"job"
    assert letter.headers["Team"] == "tem_1"
    assert letter.reason == "not settled in 2 deliveries"
    assert letter.deliveries == 2


async def test_replayed_letter_is_a_job_again(bus: Bus, publisher: Publisher) -> None:
    for number in range(3):
        await bury(
            publisher,
            subject=Lane.SLOW.subject,
            payload=b"job %d" % number,
            headers={"Team": "tem_1", "Nats-Msg-Id": "job_1"},
            reason="no such picture",
            deliveries=1,
            sequence=number,
        )
    letters = await buried(bus)
    assert [letter.payload for letter in letters] == [b"job 0", b"job 1", b"job 2"]
    await replay(bus, publisher, letters[1])
    assert [letter.payload for letter in await buried(bus)] == [b"job 0", b"job 2"]
    job = await bus.js.get_last_msg(JOBS, Lane.SLOW.subject)
    headers = job.headers or {}
    assert job.data == b"job 1"
    assert headers["Team"] == "tem_1"
    assert not any(name.startswith("Picstore-Dead") for name in headers)


async def test_same_job_is_buried_once(bus: Bus, publisher: Publisher) -> None:
    for _ in range(2):
        await bury(
            publisher,
            subject=Lane.FAST.subject,
            payload=b"job",
            headers={},
            reason="no such picture",
            deliveries=1,
            sequence=7,
        )
    assert await stored(bus, DLQ) == 1
