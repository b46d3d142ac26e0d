"""What dies, who stops it, and who may: jobs of buckets all of them."""

from __future__ import annotations

import asyncio

import pytest

from picstore.upload.v1 import import_pb2
from picstore_kit.errors import NotFound, PermissionDenied, PicstoreError, Reason
from picstore_kit.ids import LocationId, ProjectId, new_id
from picstore_kit.rpc.auth import Grant
from picstore_upload.imports import repo
from picstore_upload.imports.model import ItemState, Settlement
from picstore_upload.imports.worker import ImportItems
from picstore_upload.model import UploadHeader
from tests.integration.upload.imports.conftest import Open
from tests.integration.upload.imports.workshop import (
    MemoryEngine,
    Workshop,
    fill,
    job_state,
    put,
    state,
)
from tests.integration.upload.pictures import jpeg

# ---- what dies


async def test_an_attempt_that_died_after_its_commit_finds_its_picture(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    item = await shop.queue.claim_item()
    assert item is not None
    shop.engine.commit(item.upload_id, "digest")  # and then it was killed

    assert not await shop.items.step()  # its lease has not ended
    await shop.make_due()
    await shop.work_out()
    found = await shop.only(job.id)
    assert (state(found), found.attempts) == ("IMPORTED", 2)
    assert [found.image_id] == [image for image, _ in shop.engine.committed.values()]
    assert shop.engine.headers == []  # nothing was fetched again


async def test_a_late_report_of_an_attempt_that_was_given_up_changes_nothing(
    shop: Workshop,
) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    late = await shop.queue.claim_item()
    assert late is not None
    await shop.make_due()
    newer = await shop.queue.claim_item()
    assert newer is not None
    assert newer.upload_id == late.upload_id

    assert await shop.queue.report(late, received=1, total=1) is None

    assert not await shop.queue.settle(late, Settlement(state=ItemState.FAILED))
    assert await shop.queue.settle(newer, Settlement(state=ItemState.IMPORTED, image_id="img_1"))
    assert not await shop.queue.settle(newer, Settlement(state=ItemState.FAILED))
    job = await shop.job(job.id)
    assert (job.imported_count, job.failed_count, job.received_bytes) == (1, 0, 0)


async def test_what_kills_every_worker_is_given_up(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    for _ in range(5):
        assert await shop.queue.claim_item() is not None
        await shop.make_due()
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.reason) == ("FAILED", Reason.ATTEMPTS_EXHAUSTED)
    assert job_state(await shop.job(job.id)) == "DONE"


async def test_a_worker_that_is_stopped_gives_its_item_back(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    begun = asyncio.Event()
    hangs = _hanging(shop, begun)
    working = asyncio.ensure_future(hangs.step())
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.attempts) == ("IMPORTED", 2)


async def test_workers_share_a_queue_and_take_each_item_once(shop: Workshop) -> None:
    await fill(shop)
    job = await shop.import_bucket("shop/")
    others = [ImportItems(shop.queue, shop.engine, shop.catalog, shop.sources) for _ in range(4)]

    async def work(items: ImportItems) -> None:
        while job_state(await shop.job(job.id)) != "DONE":
            await items.step()

    async with asyncio.TaskGroup() as group:
        group.create_task(shop.buckets.step())
        for items in others:
            group.create_task(work(items))
    assert [item.attempts for item in await shop.report(job.id)] == [1] * 30
    job = await shop.job(job.id)
    assert job.imported_count + job.duplicate_count == 25


async def test_the_loops_find_work_by_themselves(shop: Workshop) -> None:
    await fill(shop)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(shop.workers.run())
        job = await shop.import_bucket("shop/cats/")
        while job_state(await shop.job(job.id)) != "DONE":
            shop.workers.wake()
            await asyncio.sleep(0)
        running.cancel()
    assert (await shop.job(job.id)).imported_count == 20


# ---- who stops it


def _hanging(shop: Workshop, begun: asyncio.Event) -> ImportItems:
    """Return workers whose engine never comes to an end."""

    class Hanging(MemoryEngine):
        async def take(self, *args: object, **options: object) -> object:  # type: ignore[override]
            begun.set()
            await asyncio.Event().wait()
            return None

    return ImportItems(shop.queue, Hanging(), shop.catalog, shop.sources)  # type: ignore[arg-type]


async def cancel(shop: Workshop, job_id: str) -> import_pb2.ImportJob:
    return await shop.api.CancelImportJob(import_pb2.CancelImportJobRequest(import_job_id=job_id))


async def test_cancelling_stops_what_waits_at_once_and_what_runs_soon(shop: Workshop) -> None:
    await fill(shop)
    job = await shop.import_bucket("shop/")
    await shop.buckets.step()
    await shop.items.step()
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_hanging(shop, begun).step())
        await begun.wait()
        cancelled = await cancel(shop, job.id)
        assert job_state(cancelled) == "CANCELLED"
        states = [state(item) for item in await shop.report(job.id)]
        assert states == ["IMPORTED", "RUNNING", *["CANCELLED"] * 28]
        assert await working
    states = [state(item) for item in await shop.report(job.id)]
    assert states == ["IMPORTED", *["CANCELLED"] * 29]
    assert await cancel(shop, job.id) == await shop.job(job.id)  # again changes nothing
    assert not await shop.items.step()


async def test_of_many_items_the_last_are_ended_by_the_sweep_and_shown_so_before(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repo, "ENDED_AT_ONCE", 7)
    await fill(shop)
    job = await shop.import_bucket("shop/")
    await shop.buckets.step()
    await cancel(shop, job.id)
    waiting = "SELECT count(*) FROM import_items WHERE state = 'queued'"
    assert await shop.rows(waiting) == [(23,)]
    shown = await shop.report(job.id)
    assert {state(item) for item in shown} == {"CANCELLED"}
    assert not await shop.items.step()
    await shop.workers.sweep()
    assert await shop.rows(waiting) == [(0,)]
    assert await shop.rows("SELECT leftover, open_count FROM import_jobs") == [(False, 0)]
    assert await shop.report(job.id) == shown


async def test_cancelling_what_has_ended_changes_nothing(shop: Workshop) -> None:
    job = await shop.import_bucket()
    await shop.work_out()
    assert job_state(await cancel(shop, job.id)) == "DONE"


async def test_an_item_of_a_cancelled_job_whose_worker_died_is_ended_by_the_sweep(
    shop: Workshop,
) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    assert await shop.queue.claim_item() is not None
    await cancel(shop, job.id)
    await shop.workers.sweep()
    assert state(await shop.only(job.id)) == "RUNNING"  # it may still be at it
    await shop.make_due()
    await shop.workers.sweep()
    assert state(await shop.only(job.id)) == "CANCELLED"


async def test_what_is_revoked_is_not_acted_for(shop: Workshop) -> None:
    await fill(shop)
    job = await shop.import_bucket("shop/cats/")
    await shop.buckets.step()
    await shop.items.step()
    async with shop.database.system_transaction() as conn:
        await conn.execute("UPDATE import_jobs SET credential_id = 'key_1'")
    await shop.workers.revoke(["key_0"])
    assert job_state(await shop.job(job.id)) == "RUNNING"
    await shop.workers.revoke(["key_0", "key_1"])
    job = await shop.job(job.id)
    assert (job_state(job), job.failure_reason) == ("FAILED", Reason.CREDENTIAL_REVOKED)
    assert (job.imported_count, job.failed_count) == (1, 19)
    assert not await shop.items.step()


async def test_an_old_credential_is_not_acted_for(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    job = await shop.import_bucket()
    await shop.buckets.step()
    async with shop.database.system_transaction() as conn:
        await conn.execute("UPDATE import_jobs SET created_at = now() - interval '2 hours'")
    await shop.work_out()
    assert (await shop.only(job.id)).reason == Reason.CREDENTIAL_EXPIRED
    assert shop.engine.headers == []


async def test_items_are_imported_for_the_one_who_made_the_job(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())
    await shop.import_bucket()
    await shop.work_out()
    (principal,) = shop.engine.principals
    assert principal.team_id == shop.team_id
    assert principal.user_id is not None
    assert principal.allows("image:create")


async def test_an_error_that_nobody_foresaw_is_told_as_an_incident(shop: Workshop) -> None:
    await put(shop, "a.jpg", jpeg())

    def fail(header: UploadHeader) -> None:
        raise ZeroDivisionError

    shop.engine.before = fail
    job = await shop.import_bucket()
    await shop.work_out()
    item = await shop.only(job.id)
    assert (state(item), item.reason) == ("QUEUED", Reason.INTERNAL)


# ---- who may


async def test_whoever_may_not_write_the_location_may_not_read_all_of_it(shop: Workshop) -> None:
    grants = [
        Grant(permission="image:create", project_id=shop.project_id),
        Grant(permission="storage_location:write", project_id=shop.project_id),
    ]
    api = await shop.dial(shop.keys.make(shop.team_id, grants))
    bucket = import_pb2.BucketSource(storage_location_id=shop.location_id)
    job = import_pb2.ImportJob(project_id=shop.project_id, bucket=bucket)
    with pytest.raises(PermissionDenied) as refused:
        await api.CreateImportJob(import_pb2.CreateImportJobRequest(import_job=job))
    assert refused.value.metadata == {"permission": "storage_location:write"}
    job.bucket.storage_location_id = new_id(LocationId)
    with pytest.raises(NotFound):
        await api.CreateImportJob(import_pb2.CreateImportJobRequest(import_job=job))


async def test_jobs_are_seen_by_those_who_see_their_project(shop: Workshop) -> None:
    job = await shop.import_bucket()
    elsewhere = [Grant(permission="image:create", project_id=new_id(ProjectId))]
    reading = [Grant(permission="image:read", project_id=shop.project_id)]
    for grants, error in ((elsewhere, NotFound), (reading, PermissionDenied)):
        api = await shop.dial(shop.keys.make(shop.team_id, grants))
        for call, request in (
            (api.GetImportJob, import_pb2.GetImportJobRequest(import_job_id=job.id)),
            (api.ListImportItems, import_pb2.ListImportItemsRequest(import_job_id=job.id)),
            (api.CancelImportJob, import_pb2.CancelImportJobRequest(import_job_id=job.id)),
        ):
            with pytest.raises(error):
                await call(request)
    with pytest.raises(NotFound):
        await shop.stranger.GetImportJob(import_pb2.GetImportJobRequest(import_job_id=job.id))
    with pytest.raises(NotFound):
        await shop.stranger.ListImportJobs(
            import_pb2.ListImportJobsRequest(project_id=shop.project_id)
        )
    assert job_state(await shop.job(job.id)) == "QUEUED"


async def test_lists_page_and_filter(shop: Workshop) -> None:
    await fill(shop)
    jobs = [await shop.import_bucket(prefix) for prefix in ("shop/", "a/", "b/")]
    await shop.work_out()
    request = import_pb2.ListImportJobsRequest(project_id=shop.project_id, page_size=2)
    page = await shop.api.ListImportJobs(request)
    assert [job.id for job in page.import_jobs] == [jobs[2].id, jobs[1].id]
    request.page_token = page.next_page_token
    page = await shop.api.ListImportJobs(request)
    assert ([job.id for job in page.import_jobs], page.next_page_token) == ([jobs[0].id], "")

    wanted = import_pb2.ListImportItemsRequest(
        import_job_id=jobs[0].id, page_size=3, state=import_pb2.ImportItem.STATE_REFUSED
    )
    first = await shop.api.ListImportItems(wanted)
    wanted.page_token = first.next_page_token
    second = await shop.api.ListImportItems(wanted)
    assert [len(first.items), len(second.items)] == [3, 2]
    assert second.next_page_token == ""


async def test_a_team_has_a_bounded_number_of_open_jobs(open_shop: Open) -> None:
    async with open_shop(max_open=2) as shop:
        for _ in range(2):
            await shop.import_bucket()
        with pytest.raises(PicstoreError) as refused:
            await shop.import_bucket()
        assert refused.value.reason is Reason.OVERLOADED
        await shop.work_out()
        await shop.import_bucket()


async def test_ended_jobs_are_deleted_with_their_items_when_they_are_old(shop: Workshop) -> None:
    await fill(shop)
    ended = await shop.import_bucket("shop/")
    await shop.work_out()
    going_on = await shop.import_bucket("shop/")
    await shop.workers.sweep()
    assert len(await shop.rows("SELECT id FROM import_jobs")) == 2
    async with shop.database.system_transaction() as conn:
        await conn.execute("UPDATE import_jobs SET ended_at = ended_at - interval '2 hours'")
    await shop.workers.sweep()
    assert await shop.rows("SELECT id FROM import_jobs") == [(going_on.id,)]
    assert await shop.rows("SELECT number FROM import_items") == []
    with pytest.raises(NotFound):
        await shop.job(ended.id)
