"""What is left when somebody fails in the middle: clients, the store, the catalog, this process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore.upload.v1 import upload_pb2
from picstore_kit.blobs.base import PART_BYTES
from picstore_kit.errors import Code, PicstoreError, Reason, Unavailable
from picstore_kit.ids import LocationId, UploadId, new_id
from picstore_upload.catalog import RPCCatalog
from picstore_upload.model import JournalEntry, Original
from picstore_upload.ports import Committed
from tests.integration.upload.conftest import Install
from tests.integration.upload.installation import Installation
from tests.integration.upload.modes import create, refusal, state, written
from tests.integration.upload.pictures import MIB, chunks, jpeg, quick, quick_header

LARGE = hashlib.shake_256(b"noise").digest(14 * MIB)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # rows and objects set no event
            await asyncio.sleep(0.02)


async def unfinished(
    installed: Installation, data: bytes
) -> AsyncIterator[upload_pb2.QuickUploadRequest]:
    """Send a header and `data`, then nothing more."""
    yield upload_pb2.QuickUploadRequest(header=quick_header(installed.project_id))
    for chunk in chunks(data):
        yield upload_pb2.QuickUploadRequest(chunk=chunk)
    await asyncio.Event().wait()


async def test_a_client_that_goes_away_leaves_nothing(installed: Installation) -> None:
    call = installed.uploads.QuickUpload(unfinished(installed, jpeg() + LARGE))

    async def is_streaming() -> bool:
        return any(name.startswith("parts of") for name in await installed.objects())

    async def is_forgotten() -> bool:
        return not await installed.journal_rows()

    await until(is_streaming)
    assert not await is_forgotten()
    call.cancel()
    await until(is_forgotten)
    assert await installed.objects() == []


async def test_a_client_that_stalls_is_given_up(install: Install) -> None:
    async with install(stall_s=0.2) as installed:
        with pytest.raises(PicstoreError) as caught:
            await installed.uploads.QuickUpload(unfinished(installed, jpeg() + LARGE))
        assert caught.value.reason is Reason.UPLOAD_STALLED
        assert caught.value.code is Code.INVALID_ARGUMENT
        assert await installed.objects() == []
        assert await installed.journal_rows() == []


async def test_more_uploads_than_places_are_told_to_come_back(install: Install) -> None:
    async with install(max_uploads=1) as installed:
        first = installed.uploads.QuickUpload(unfinished(installed, jpeg()))
        await until(installed.journal_rows)
        with pytest.raises(PicstoreError) as caught:
            await installed.uploads.QuickUpload(quick(jpeg(), project_id=installed.project_id))
        assert caught.value.reason is Reason.OVERLOADED
        assert caught.value.retry_after is not None
        first.cancel()

        async def succeeds() -> Image | None:
            try:
                return await installed.uploads.QuickUpload(
                    quick(jpeg(), project_id=installed.project_id)
                )
            except PicstoreError as error:
                if error.reason is not Reason.OVERLOADED:
                    raise
                return None

        await until(succeeds)


async def test_a_store_that_refuses_is_named_and_the_journal_knows_what_may_be_there(
    installed: Installation,
) -> None:
    async with installed.catalog_database.system_transaction() as conn:
        await conn.execute("UPDATE storage_locations SET s3_bucket = 'no-such-bucket'")
    with pytest.raises(PicstoreError) as caught:
        await installed.uploads.QuickUpload(quick(jpeg() + LARGE, project_id=installed.project_id))
    assert caught.value.reason is Reason.STORAGE_DENIED
    assert len(await installed.journal_rows()) == 1
    assert await installed.catalog_rows("SELECT id FROM images") == []


class LostAnswers(RPCCatalog):
    """A catalog whose answers to commits do not arrive."""

    async def commit(self, original: Original) -> Committed:
        await super().commit(original)
        raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the answer is lost")


class LostCommits(RPCCatalog):
    """A catalog that commits do not reach."""

    async def commit(self, original: Original) -> Committed:
        raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the catalog is gone")


@pytest.mark.parametrize("trailing", [b"", LARGE], ids=["small", "large"])
async def test_an_original_whose_commit_was_not_answered_stays(
    install: Install, trailing: bytes
) -> None:
    async with install(catalog_type=LostAnswers) as installed:
        with pytest.raises(PicstoreError) as caught:
            await installed.uploads.QuickUpload(
                quick(jpeg() + trailing, project_id=installed.project_id)
            )
        assert caught.value.code is Code.UNAVAILABLE
        await assert_the_original_outlives_a_sweep(installed)


async def test_an_upload_whose_commit_was_not_answered_ends_as_the_picture_it_has_become(
    install: Install,
) -> None:
    async with install(catalog_type=LostAnswers) as installed:
        upload = await create(installed)
        error = await refusal(installed.uploads.WriteUpload(written(upload.id, jpeg(), finish="")))
        assert error.code is Code.UNAVAILABLE
        await installed.let_uploads_expire()
        await installed.sweep.sweep()
        ((image_id,),) = await installed.catalog_rows("SELECT id FROM images")
        there = await state(installed, upload.id)
        assert (there.state, there.image.id) == (upload_pb2.Upload.STATE_COMPLETED, image_id)
        await installed.nothing_is_left()


async def test_an_original_stays_whose_client_goes_away_while_it_is_committed(
    install: Install,
) -> None:
    committed = asyncio.Event()

    class SlowAnswers(RPCCatalog):
        async def commit(self, original: Original) -> Committed:
            answer = await super().commit(original)
            if not committed.is_set():
                committed.set()
                await asyncio.Event().wait()
            return answer

    async with install(catalog_type=SlowAnswers, max_uploads=1) as installed:
        call = installed.uploads.QuickUpload(quick(jpeg(), project_id=installed.project_id))
        await committed.wait()
        call.cancel()

        async def has_ended() -> bool:
            """The only place is free again."""
            with pytest.raises(PicstoreError) as caught:
                await installed.uploads.QuickUpload(quick(b"", project_id=installed.project_id))
            return caught.value.reason is Reason.UPLOAD_EMPTY

        await until(has_ended)
        await assert_the_original_outlives_a_sweep(installed)


async def assert_the_original_outlives_a_sweep(installed: Installation) -> None:
    stored = await installed.objects()
    assert len(stored) == 1
    await installed.let_leases_end()
    assert await installed.sweep.sweep() == 1
    assert await installed.objects() == stored
    assert await installed.journal_rows() == []
    assert await installed.catalog_rows("SELECT state FROM images") == [("CONVERTING",)]


async def test_what_was_not_committed_is_removed_when_its_lease_has_ended(
    install: Install,
) -> None:
    async with install(catalog_type=LostCommits) as installed:
        with pytest.raises(PicstoreError) as caught:
            await installed.uploads.QuickUpload(quick(jpeg(), project_id=installed.project_id))
        assert caught.value.code is Code.UNAVAILABLE
        assert await installed.sweep.sweep() == 0  # the commit may still be on its way
        assert len(await installed.objects()) == 1
        await installed.let_leases_end()
        assert await installed.sweep.sweep() == 1
        assert await installed.objects() == []
        assert await installed.journal_rows() == []


async def dead_upload(installed: Installation) -> JournalEntry:
    """Write down an upload whose process was killed."""
    ((location_id,),) = await installed.catalog_rows("SELECT id FROM storage_locations")
    entry = JournalEntry(
        upload_id=new_id(UploadId),
        team_id=installed.team_id,
        location_id=LocationId(location_id),
        object_key=f"blog/{new_id(UploadId)}/photo.jpg",
    )
    await installed.journal.open(entry)
    await installed.let_leases_end()
    return entry


async def test_the_sweeper_removes_what_a_killed_process_had_stored(
    installed: Installation,
) -> None:
    entry = await dead_upload(installed)
    await installed.store.put_bytes(entry.object_key, jpeg(), content_type="image/jpeg")
    await installed.store.put_bytes("blog/other.jpg", jpeg(), content_type="image/jpeg")
    assert await installed.sweep.sweep() == 1
    assert await installed.objects() == ["blog/other.jpg"]
    assert await installed.journal_rows() == []


async def test_the_sweeper_aborts_what_a_killed_process_was_storing(
    installed: Installation,
) -> None:
    entry = await dead_upload(installed)
    client = installed.infra.s3.client()
    for key in (entry.object_key, f"{entry.object_key}-2"):
        upload_id = client._create_multipart_upload(installed.bucket, key, {})
        client._upload_part(installed.bucket, key, bytes(PART_BYTES), None, upload_id, 1)
    assert len(await installed.objects()) == 2
    assert await installed.sweep.sweep() == 1
    assert await installed.objects() == [f"parts of {entry.object_key}-2"]  # somebody else's


async def test_an_upload_that_was_swept_can_no_longer_be_committed(
    installed: Installation,
) -> None:
    entry = await dead_upload(installed)
    (taken,) = await installed.journal.take_dead(limit=10)
    assert taken == entry
    assert not await installed.journal.extend(entry)
    assert not await installed.journal.commit(entry)


async def test_two_sweepers_do_not_settle_the_same_upload(installed: Installation) -> None:
    await dead_upload(installed)
    assert await installed.sweep.sweep() + await installed.sweep.sweep() == 1


async def test_a_store_that_is_away_postpones_the_sweep_of_its_uploads_only(
    installed: Installation,
) -> None:
    good = await dead_upload(installed)
    await installed.journal.open(
        JournalEntry(
            upload_id=new_id(UploadId),
            team_id=installed.team_id,
            location_id=new_id(LocationId),
            object_key="blog/lost.jpg",
        )
    )
    await installed.let_leases_end()
    assert await installed.sweep.sweep() == 2
    ((left, state),) = await installed.journal_rows()
    assert (left != good.upload_id, state) == (True, "sweeping")
