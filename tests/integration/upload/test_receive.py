"""The use-case on a real disk, with a catalog, a store and children that do what they are told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from picstore.catalog.v1.image_pb2 import Image
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits
from picstore_kit.blobs.base import BlobStat, BlobStoreUnavailable, Part
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.errors import (
    Code,
    FailedPrecondition,
    PicstoreError,
    Reason,
    Unavailable,
)
from picstore_kit.faults import Faults
from picstore_kit.ids import (
    ImageId,
    LocationId,
    ProjectId,
    TeamId,
    UploadId,
    UploadProfileId,
    new_id,
)
from picstore_kit.sandbox.errors import ChildCrashed, ChildTimeout
from picstore_kit.sandbox.pool import RequestFor, Room
from picstore_upload.checks import CheckFile
from picstore_upload.model import (
    Chunk,
    Destination,
    End,
    JournalEntry,
    Original,
    UploadHeader,
)
from picstore_upload.ports import Committed
from picstore_upload.receive import STREAM_FROM_BYTES, ReceiveUpload
from picstore_upload.settle import SettleUpload
from picstore_upload.spool import Spools

SMALL = b"\x89PNG\r\n\x1a\n" + bytes(1_000)
LARGE = SMALL + bytes(STREAM_FROM_BYTES + 6_000_000)


class Catalog:
    """Knows one place for originals, and remembers what was committed."""

    def __init__(self) -> None:
        self.refusal: PicstoreError | None = None
        self.known = False
        """Whether the bytes are those of a picture that is there."""
        self.committed: dict[UploadId, Original] = {}

    async def resolve(self, header: UploadHeader) -> Destination:
        return Destination(
            image_id=new_id(ImageId),
            generation=1,
            project_id=new_id(ProjectId),
            upload_profile_id=new_id(UploadProfileId),
            location_id=new_id(LocationId),
            object_key="originals/photo.png",
            filename="photo.png",
            location="",
            max_bytes=0,
            max_pixels=0,
        )

    async def commit(self, original: Original) -> Committed:
        if self.refusal is not None:
            raise self.refusal
        if not self.known:
            self.committed[original.upload_id] = original
        return Committed(
            image=Image(id=original.destination.image_id),
            original_kept=not self.known,
            duplicate=self.known,
        )

    async def find_commit(self, upload_id: UploadId) -> ImageId | None:
        original = self.committed.get(upload_id)
        return original.destination.image_id if original else None

    async def find_original(self, location_id: LocationId, object_key: str) -> ImageId | None:
        for original in self.committed.values():
            if original.destination.object_key == object_key:
                return original.destination.image_id
        return None


class Journal:
    """Keeps its entries in memory, and may fail to close them."""

    def __init__(self) -> None:
        self.entries: dict[UploadId, JournalEntry] = {}
        self.closes = True
        self.lets_commit = True

    async def open(self, entry: JournalEntry) -> None:
        self.entries[entry.upload_id] = entry

    async def extend(self, entry: JournalEntry) -> bool:
        return True

    async def commit(self, entry: JournalEntry) -> bool:
        return self.lets_commit

    async def close(self, entry: JournalEntry) -> None:
        if not self.closes:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "the database is away")
        del self.entries[entry.upload_id]

    async def take_dead(self, *, limit: int) -> list[JournalEntry]:
        return []


class Children:
    """Answer with a probe of what they are given, or die as often as they are told to."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.deaths: list[PicstoreError] = []
        self.calls = 0

    async def result(self, request_for: RequestFor) -> dict[str, Any]:
        self.calls += 1
        request = request_for(self._room)
        size = os.stat(request["path"]).st_size
        self._room.clear()
        if self.deaths:
            raise self.deaths.pop(0)
        return Probe(format=SourceFormat.PNG, width=10, height=10, bytes=size).to_json()


class Stores:
    """One store for everything."""

    def __init__(self, store: MemoryBlobStore) -> None:
        self._store = store

    async def open(self, location_id: LocationId) -> MemoryBlobStore:
        return self._store


class Bench:
    """An upload service in which everything can be made to fail."""

    def __init__(self, spools: Spools, directory: Path, room: Room) -> None:
        self.catalog, self.journal, self.children = Catalog(), Journal(), Children(room)
        self.store = MemoryBlobStore()
        self._directory = directory
        stores = Stores(self.store)
        self._receive = ReceiveUpload(
            catalog=self.catalog,
            stores=stores,
            check=CheckFile(self.children),
            journal=self.journal,
            settle=SettleUpload(journal=self.journal, commits=self.catalog, stores=stores),
            spools=spools,
            limits=Limits(),
            max_uploads=4,
            stall_s=20,
            faults=Faults(),
        )

    async def upload(self, data: bytes) -> Committed:
        async def messages() -> AsyncIterator[Chunk | End]:
            for start in range(0, len(data), 1_000_000):
                yield Chunk(offset=start, data=data[start : start + 1_000_000])
            yield End()

        try:
            return await self._receive.run(new_id(TeamId), UploadHeader(), messages())
        finally:
            assert os.listdir(self._directory) == []

    async def refusal(self, data: bytes) -> PicstoreError:
        with pytest.raises(PicstoreError) as caught:
            await self.upload(data)
        return caught.value

    async def objects(self) -> list[str]:
        return [key async for key in self.store.list("")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (directory := tmp_path / "spools").mkdir()
    async with Spools(directory) as spools:
        yield Bench(spools, directory, Room.furnish(tmp_path))


sizes = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


@sizes
async def test_a_good_picture_is_stored_and_recorded(bench: Bench, data: bytes) -> None:
    await bench.upload(data)
    assert await bench.objects() == ["originals/photo.png"]
    assert (await bench.store.stat("originals/photo.png")).size == len(data)
    assert len(bench.catalog.committed) == 1
    assert bench.journal.entries == {}


@sizes
async def test_a_header_that_kills_one_child_is_read_by_another(bench: Bench, data: bytes) -> None:
    bench.children.deaths = [ChildCrashed("died")]
    await bench.upload(data)
    assert bench.children.calls == 2


@sizes
async def test_a_header_that_kills_two_children_is_the_pictures_fault(
    bench: Bench, data: bytes
) -> None:
    bench.children.deaths = [ChildCrashed("died"), ChildTimeout("10 s"), ChildCrashed("died")]
    error = await bench.refusal(data)
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, Reason.CHILD_TIMEOUT)
    assert bench.children.calls == 2
    assert await bench.objects() == []
    assert bench.journal.entries == {}


@sizes
async def test_a_store_that_fails_midway_fails_the_upload(
    bench: Bench, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put_part(
        store: MemoryBlobStore, key: str, upload_id: str, number: int, path: Path, **slice: int
    ) -> Part:
        raise BlobStoreUnavailable

    async def put_file(store: MemoryBlobStore, key: str, path: Path, **fields: Any) -> BlobStat:
        raise BlobStoreUnavailable

    monkeypatch.setattr(MemoryBlobStore, "put_part", put_part)
    monkeypatch.setattr(MemoryBlobStore, "put_file", put_file)
    error = await bench.refusal(data)
    assert error.reason is Reason.STORAGE_UNAVAILABLE
    assert bench.catalog.committed == {}
    assert bench.journal.entries == {}


@sizes
async def test_an_upload_that_was_taken_for_dead_is_not_committed(
    bench: Bench, data: bytes
) -> None:
    bench.journal.lets_commit = False
    assert (await bench.refusal(data)).reason is Reason.LEASE_LOST
    assert bench.catalog.committed == {}
    assert await bench.objects() == []


async def test_a_journal_that_fails_after_the_commit_fails_no_upload(bench: Bench) -> None:
    bench.journal.closes = False
    await bench.upload(SMALL)
    assert await bench.objects() == ["originals/photo.png"]
    assert len(bench.journal.entries) == 1  # the sweeper will find that it was committed


@sizes
async def test_an_original_that_nobody_needs_is_removed_at_once(bench: Bench, data: bytes) -> None:
    bench.catalog.known = True
    assert (await bench.upload(data)).duplicate
    assert await bench.objects() == []
    assert bench.journal.entries == {}


async def test_what_a_refused_commit_leaves_is_removed_at_once(bench: Bench) -> None:
    bench.catalog.refusal = FailedPrecondition(Reason.PROFILE_YIELDS_NOTHING, "no output")
    assert (await bench.refusal(SMALL)).reason is Reason.PROFILE_YIELDS_NOTHING
    assert await bench.objects() == []
    assert bench.journal.entries == {}


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.INTERNAL, Code.ABORTED, Code.CANCELLED])
async def test_what_an_undecided_commit_leaves_stays_for_the_sweeper(
    bench: Bench, code: Code
) -> None:
    class Undecided(PicstoreError):
        pass

    Undecided.code = code
    bench.catalog.refusal = Undecided(Reason.INTERNAL, "who knows")
    await bench.refusal(SMALL)
    assert await bench.objects() == ["originals/photo.png"]
    assert len(bench.journal.entries) == 1


async def test_what_cannot_be_removed_now_stays_in_the_journal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(store: MemoryBlobStore, key: str) -> None:
        raise BlobStoreUnavailable

    monkeypatch.setattr(MemoryBlobStore, "discard", away)
    bench.catalog.refusal = FailedPrecondition(Reason.PROFILE_YIELDS_NOTHING, "no output")
    assert (await bench.refusal(SMALL)).reason is Reason.PROFILE_YIELDS_NOTHING
    assert len(bench.journal.entries) == 1
