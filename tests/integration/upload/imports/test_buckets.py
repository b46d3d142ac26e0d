"""Pictures taken from a bucket."""

from __future__ import annotations

import pytest

from picstore.catalog.v1 import image_pb2
from picstore_kit.blobs.base import BlobStoreDenied, BlobStoreUnavailable
from picstore_kit.errors import PicstoreError, Reason
from picstore_kit.ids import LocationId
from tests.integration.upload.imports.conftest import Open
from tests.integration.upload.imports.workshop import (
    Workshop,
    fill,
    job_state,
    put,
    state,
)
from tests.integration.upload.pictures import encoded, jpeg


async def test_every_object_becomes_a_picture_or_says_why_it_did_not(shop: Workshop) -> None:
    await fill(shop)
    job = await shop.import_bucket("shop", location="blog")
    assert (job_state(job), job.listed, job.item_count) == ("QUEUED", False, 0)
    await shop.work_out()

    job = await shop.job(job.id)
    assert (job_state(job), job.listed, job.item_count) == ("DONE", True, 30)
    assert (job.imported_count, job.duplicate_count) == (20, 5)
    assert (job.refused_count, job.failed_count) == (5, 0)
    items = await shop.report(job.id)
    assert [item.number for item in items] == list(range(1, 31))
    reasons = {item.source: item.reason for item in items if item.reason}
    assert reasons == {
        **{f"shop/notes/{index}.txt": Reason.IMAGE_UNRECOGNISED for index in range(3)},
        "shop/empty.png": Reason.UPLOAD_EMPTY,
        "shop/large.jpg": Reason.LIMIT_BYTES,
    }
    locations = {header.filename: header.location for header in shop.engine.headers}
    assert (locations["19.jpg"], locations["4.jpg"]) == ("blog/cats", "blog/again")
    assert job.received_bytes == sum(item.received_bytes for item in items)
    assert {item.image_id for item in items if state(item) == "DUPLICATE"} <= {
        item.image_id for item in items if state(item) == "IMPORTED"
    }


async def test_what_is_ours_in_a_bucket_is_left_alone(shop: Workshop) -> None:
    await fill(shop)
    job = await shop.import_bucket()
    await shop.work_out()
    sources = [item.source for item in await shop.report(job.id)]
    assert len(sources) == 31
    assert "elsewhere/a.jpg" in sources
    assert not [source for source in sources if source.startswith("incoming/")]


async def test_an_empty_bucket_is_a_job_that_is_done(shop: Workshop) -> None:
    job = await shop.import_bucket("nothing/")
    await shop.work_out()
    job = await shop.job(job.id)
    assert (job_state(job), job.listed, job.item_count) == ("DONE", True, 0)
    assert job.HasField("end_time")


async def test_duplicates_are_refused_where_that_is_wanted(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    await put(shop, "b.jpg", jpeg())
    job = await shop.import_bucket(on_duplicate=image_pb2.ON_DUPLICATE_REFUSE)
    await shop.work_out()
    first, second = await shop.report(job.id)
    assert (state(first), state(second)) == ("IMPORTED", "DUPLICATE")
    assert second.image_id == first.image_id
    assert second.reason == Reason.IMAGE_DUPLICATE


async def test_a_listing_that_is_broken_off_is_begun_again_and_adds_nothing_twice(
    shop: Workshop,
) -> None:
    await fill(shop)
    job = await shop.import_bucket("shop/")
    listing = await shop.queue.claim_listing()
    assert listing is not None
    await shop.queue.add_items(listing, ["shop/cats/03.jpg", "shop/cats/01.jpg"])
    assert await shop.queue.claim_listing() is None  # it is leased

    await shop.make_due()
    await shop.work_out()
    items = await shop.report(job.id)
    assert [item.number for item in items] == list(range(1, 31))
    assert len({item.source for item in items}) == 30
    assert await shop.queue.add_items(listing, ["shop/more.jpg"]) is None  # it is over


async def test_a_store_that_fails_ends_the_job_or_is_tried_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(shop, "a.jpg", jpeg())
    errors: list[PicstoreError] = [BlobStoreUnavailable(), BlobStoreDenied("AccessDenied")]
    job = await shop.import_bucket()

    async def refuse(location_id: LocationId) -> object:
        raise errors.pop(0)

    monkeypatch.setattr(type(shop.buckets._stores), "open", staticmethod(refuse))
    await shop.work_out()
    assert job_state(await shop.job(job.id)) == "RUNNING"
    await shop.make_due()
    await shop.work_out()
    job = await shop.job(job.id)
    assert (job_state(job), job.failure_reason) == ("FAILED", Reason.STORAGE_DENIED)


async def test_more_objects_than_a_job_takes_end_it(open_shop: Open) -> None:
    async with open_shop(max_items=3) as shop:
        for index in range(4):
            await put(shop, f"{index}.jpg", jpeg())
        job = await shop.import_bucket()
        await shop.work_out()
        job = await shop.job(job.id)
        assert (job_state(job), job.failure_reason) == ("FAILED", Reason.OVERLOADED)
        assert (job.item_count, job.failed_count) == (4, 4)


async def test_an_object_that_is_gone_is_said_to_be(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    await shop.store.delete("a.jpg")
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.reason) == ("FAILED", Reason.STORAGE_OBJECT_MISSING)
    assert job_state(await shop.job(job.id)) == "DONE"


async def test_jobs_take_turns(shop: Workshop) -> None:
    for index in range(5):
        await put(shop, f"many/{index}.jpg", jpeg(120 + index, 80))
    await put(shop, "few/a.jpg", jpeg(200, 80))
    many = await shop.import_bucket("many/")
    few = await shop.import_bucket("few/")
    while await shop.buckets.step():
        pass
    await shop.items.step()
    await shop.items.step()
    counts = [(await shop.job(job.id)).imported_count for job in (many, few)]
    assert counts == [1, 1]


async def test_a_png_is_a_picture_whatever_type_the_store_says(shop: Workshop) -> None:
    await put(shop, "a.png", encoded(64, 64, ".png"))
    job = await shop.import_bucket()
    await shop.work_out()
    assert state(await shop.only(job.id)) == "IMPORTED"
