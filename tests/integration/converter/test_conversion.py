"""From an upload to outputs in the store, through the bus, the catalog and sandboxed children."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
import pyvips

from picstore.catalog.v1 import conversion_pb2
from picstore.catalog.v1.explanation_pb2 import ExplainImageRequest
from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.jobs.v1 import job_pb2
from picstore_kit.bus.lanes import Lane
from picstore_kit.bus.publisher import Publisher
from picstore_kit.errors import Reason
from picstore_kit.ids import JobId, new_id
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool
from tests.integration.converter.conftest import (
    Factory,
    Interrupted,
    KilledAtWork,
    StartConverter,
)
from tests.integration.upload.pictures import encoded


async def outputs_in_the_bucket(factory: Factory) -> list[str]:
    return [key for key in await factory.installed.objects() if "/web/" in key]


async def content(factory: Factory, key: str) -> bytes:
    return b"".join([block async for block in factory.installed.store.get_range(key)])


async def announce(factory: Factory, job_id: str) -> None:
    """Put a job's message on the bus."""
    payload = job_pb2.ConvertJob(job_id=job_id).SerializeToString()
    publisher = Publisher(factory.bus)
    await publisher.publish(Lane.FAST.subject, payload, headers={}, msg_id=None)


async def test_outputs_are_stored_as_pages_want_them(
    factory: Factory, converter: StartConverter
) -> None:
    async with converter():
        image_id = await factory.upload()
        image = await factory.settled(image_id)
    assert image.state == Image.STATE_READY
    assert image.placeholder.thumbhash
    assert image.placeholder.dominant_colour.startswith("#")
    stored = await outputs_in_the_bucket(factory)
    assert len(stored) == len(image.outputs) == 4
    for key in stored:
        data, stat = await content(factory, key), await factory.installed.store.stat(key)
        digest = hashlib.sha256(data).hexdigest()
        name, _, extension = key.rpartition("/")[2].rpartition(".")
        size, _, hash10 = name.rpartition("-")
        assert hash10 == digest[:10]
        assert stat.metadata["sha256"] == digest
        assert stat.cache_control == "public, max-age=31536000, immutable"
        assert stat.content_type == {"jpg": "image/jpeg", "webp": "image/webp"}[extension]
        picture = pyvips.Image.new_from_buffer(data, "")
        assert size == f"{picture.width}x{picture.height}"
    assert {(o.spec.width, o.spec.format) for o in image.outputs} == {
        (width, format)
        for width in (32, 64)
        for format in (conversion_pb2.FORMAT_JPEG, conversion_pb2.FORMAT_WEBP)
    }
    assert all(output.state == Output.STATE_READY for output in image.outputs)
    assert await factory.jobs() == [("DONE", 1, None)]
    await factory.queue_is_empty()


async def test_a_child_that_is_killed_in_mid_job_costs_an_attempt_and_no_output(
    factory: Factory, converter: StartConverter
) -> None:
    async with converter(children=KilledAtWork):
        image = await factory.settled(await factory.upload())
    assert image.state == Image.STATE_READY
    assert await factory.jobs() == [("DONE", 2, Reason.CHILD_CRASHED)]
    assert len(await outputs_in_the_bucket(factory)) == 4


async def test_a_picture_that_kills_two_children_is_quarantined_and_explained(
    factory: Factory, converter: StartConverter
) -> None:
    async with converter(children=lambda pool: KilledAtWork(pool, times=2)):
        image = await factory.settled(await factory.upload())
        await factory.queue_is_empty()
    assert (image.state, image.failure_reason) == (Image.STATE_FAILED, Reason.CHILD_CRASHED)
    assert await factory.jobs() == [("FAILED", 2, Reason.CHILD_CRASHED)]
    assert await outputs_in_the_bucket(factory) == []

    explained = await factory.installed.images.ExplainImage(ExplainImageRequest(image_id=image.id))
    (generation,) = explained.generations
    (job,) = generation.jobs
    assert [(death.attempt, death.signal) for death in job.deaths] == [(1, 9), (2, 9)]
    for death in job.deaths:
        assert death.limits.memory_bytes == SandboxLimits().memory_bytes
        assert death.versions["pyvips-binary"]
        assert death.sandbox["rlimits"].startswith("active")
        assert set(death.output_ids) == {output.id for output in image.outputs}
    assert list(generation.quarantine.job_ids) == [job.id]
    assert generation.quarantine.reason == Reason.CHILD_CRASHED

    # The same bytes may come again: that is how one tries anew, after an upgrade.
    async with converter():
        again = await factory.settled(await factory.upload())
    assert again.id != image.id
    assert again.state == Image.STATE_READY
    recipes = [
        one.recipe
        for one in (
            await factory.installed.images.ExplainImage(ExplainImageRequest(image_id=again.id))
        )
        .generations[0]
        .outputs
    ]
    assert {recipe.encoder for recipe in recipes} == {"mozjpeg", "libwebp"}


async def test_a_picture_that_does_not_decode_fails_for_good(
    factory: Factory, converter: StartConverter
) -> None:
    data = bytearray(encoded(120, 80, ".png"))
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    async with converter():
        image = await factory.settled(await factory.upload(bytes(data)))
        await factory.queue_is_empty()
    assert (image.state, image.failure_reason) == (Image.STATE_FAILED, Reason.IMAGE_CORRUPT)
    assert await factory.jobs() == [("FAILED", 1, Reason.IMAGE_CORRUPT)]
    assert await outputs_in_the_bucket(factory) == []


async def test_a_picture_whose_original_has_vanished_fails_for_good(
    factory: Factory, converter: StartConverter
) -> None:
    image_id = await factory.upload()
    (original,) = await factory.installed.objects()
    await factory.installed.store.delete(original)
    async with converter():
        image = await factory.settled(image_id)
    assert (image.state, image.failure_reason) == (Image.STATE_FAILED, Reason.SOURCE_MISSING)
    assert await factory.jobs() == [("FAILED", 1, Reason.SOURCE_MISSING)]


async def test_a_message_that_comes_again_causes_no_work(
    factory: Factory, converter: StartConverter
) -> None:
    counting: list[Interrupted] = []

    async def nothing(_: ChildPool) -> None:
        return

    def counted(pool: ChildPool) -> Interrupted:
        counting.append(Interrupted(pool, nothing))
        return counting[-1]

    async with converter(children=counted):
        await factory.settled(await factory.upload())
        ((job_id,),) = await factory.installed.catalog_rows("SELECT id FROM jobs")
        for _ in range(3):
            await announce(factory, job_id)
        await factory.queue_is_empty()
    assert counting[0].calls == 1
    assert await factory.jobs() == [("DONE", 1, None)]


@pytest.mark.parametrize(
    "job_id", [new_id(JobId), "", "no id"], ids=["unknown", "empty", "malformed"]
)
async def test_a_message_for_no_job_is_not_kept(
    factory: Factory, converter: StartConverter, job_id: str
) -> None:
    async with converter():
        await announce(factory, job_id)
        await factory.queue_is_empty()


async def test_a_converter_that_stops_hands_its_job_back(
    factory: Factory, converter: StartConverter
) -> None:
    begun = asyncio.Event()

    async def hang(_: ChildPool) -> None:
        begun.set()
        await asyncio.Event().wait()

    def hanging(pool: ChildPool) -> Interrupted:
        return Interrupted(pool, hang)

    async with converter(children=hanging, drain_s=0.1):
        image_id = await factory.upload()
        await begun.wait()
    assert await factory.jobs() == [("QUEUED", 1, Reason.CANCELLED)]
    async with converter():
        image = await factory.settled(image_id)
    assert image.state == Image.STATE_READY
    assert await factory.jobs() == [("DONE", 2, Reason.CANCELLED)]
