"""The use-case on a real disk, with a ledger, a store and children that do what they are told."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from picstore_converter.convert import ConvertImage
from picstore_converter.model import (
    Claim,
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    UselessOutput,
    Verdict,
)
from picstore_kit.blobs.base import BlobStat, BlobStoreUnavailable
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.errors import Aborted, PicstoreError, Reason, Unavailable
from picstore_kit.ids import JobId, LocationId, OutputId, new_id
from picstore_kit.sandbox.errors import ChildCrashed, ChildRefused
from picstore_kit.sandbox.pool import RequestFor, Room
from tests.unit.converter.claims import RECIPE, make_claim

SECRET = b"not for the public"


class Ledger:
    """Remembers what it is told, and may refuse."""

    def __init__(self, claim: Claim) -> None:
        self.claimed = claim
        self.extend_error: PicstoreError | None = None
        self.complete_error: PicstoreError | None = None
        self.stored: dict[OutputId, str] = {}
        self.failed: list[OutputId] = []
        self.skipped: list[UselessOutput] = []
        self.placeholders: list[Placeholder] = []
        self.verdicts: list[Verdict] = []

    async def claim(self, job_id: JobId) -> Claim:
        return self.claimed

    async def extend(self, claim: Claim) -> None:
        if self.extend_error is not None:
            raise self.extend_error

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        if self.complete_error is not None:
            raise self.complete_error
        self.stored[output.id] = object_key

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        self.failed.append(output.id)

    async def skip_output(self, claim: Claim, output: UselessOutput) -> None:
        self.skipped.append(output)

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None:
        self.placeholders.append(placeholder)

    async def complete_render(self, claim: Claim, original: DrawnOriginal, object_key: str) -> bool:
        raise AssertionError("nothing is drawn here")

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


class Stores:
    """One store for everything."""

    def __init__(self, store: MemoryBlobStore) -> None:
        self._store = store

    async def open(self, location_id: LocationId) -> MemoryBlobStore:
        return self._store


class Child:
    """A child that follows a script, and remembers how its call ended."""

    def __init__(self, script: Callable[[Child], Awaitable[object]], room: Room) -> None:
        self._script = script
        self._room = room
        self._news: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.request: dict[str, Any] = {}
        self.was_closed = False

    async def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        self.request = request_for(self._room)
        self.was_closed = False
        try:
            await self._script(self)
            while not self._news.empty():
                yield self._news.get_nowait()
            yield {"decode_ms": 1, "cpu_ms": 1, "wall_ms": 1, "peak_rss_bytes": 1}
        finally:
            self.was_closed = True
            for path in self._room.made.iterdir():
                path.rmdir() if path.is_dir() else path.unlink()
            self._room.clear()

    def make(self, place: int, *, content: bytes = b"pixels", **lies: Any) -> Path:
        wanted = self.request["outputs"][place]
        path = Path(self.request["work_dir"]) / f"{wanted['id']}.webp"
        path.write_bytes(content)
        self.say(
            event="output",
            id=wanted["id"],
            path=str(path),
            width=wanted["spec"]["width"],
            height=wanted["spec"]["height"],
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            cpu_ms=1,
            recipe=RECIPE.to_json(),
            **lies,
        )
        return path

    def fail(self, place: int) -> None:
        wanted = self.request["outputs"][place]
        self.say(event="output_failed", id=wanted["id"], reason="ENCODE_FAILED", message="no")

    def say(self, **message: Any) -> None:
        self._news.put_nowait(message)


class Bench:
    """A conversion of three outputs, ready to run."""

    def __init__(self, directory: Path, script: Callable[[Child], Awaitable[object]]) -> None:
        self.private_dir = directory / "private"
        self.private_dir.mkdir()
        self.claim = make_claim(100, 200, 300, lease_s=0.03)
        self.store = MemoryBlobStore()
        self.ledger = Ledger(self.claim)
        self.child = Child(script, Room.furnish(directory))

    async def run(self, *, with_source: bool = True) -> None:
        if with_source:
            await self.store.put_bytes(self.claim.source_key, b"a photo", content_type="image/jpeg")
        await ConvertImage(
            ledger=self.ledger,
            stores=Stores(self.store),
            children=self.child,
            private_dir=self.private_dir,
        ).run(self.claim.job_id)
        assert os.listdir(self.private_dir) == []

    async def outputs(self) -> list[str]:
        return [key async for key in self.store.list("web/")]


async def make_all(child: Child) -> None:
    for place in range(3):
        child.make(place)


async def wait_for_ever(child: Child) -> None:
    await asyncio.Event().wait()


async def test_every_output_is_stored_before_it_is_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, make_all)
    await bench.run()
    assert sorted(bench.ledger.stored.values()) == sorted(await bench.outputs())
    assert len(bench.ledger.stored) == 3
    assert bench.ledger.verdicts == []


async def test_one_output_that_fails_keeps_no_other_from_its_page(tmp_path: Path) -> None:
    async def script(child: Child) -> None:
        child.make(0)
        child.fail(1)
        child.make(2)

    bench = Bench(tmp_path, script)
    await bench.run()
    assert len(bench.ledger.stored) == 2
    assert bench.ledger.failed == [bench.claim.outputs[1].id]
    assert bench.ledger.verdicts == []


async def test_what_is_much_larger_than_a_better_format_is_not_stored(tmp_path: Path) -> None:
    async def script(child: Child) -> None:
        child.make(0, content=b"1234567890")
        child.make(1, content=b"1234567890123456")
        child.make(2, content=b"123456789012345")

    bench = Bench(tmp_path, script)
    best, second, third = bench.claim.outputs
    outputs = (
        best,
        replace(second, better_id=best.id, skip_if_larger_percent=50),
        replace(third, better_id=second.id, skip_if_larger_percent=50),
    )
    bench.claim = bench.ledger.claimed = replace(bench.claim, outputs=outputs)
    await bench.run()
    assert set(bench.ledger.stored) == {best.id, third.id}
    assert bench.ledger.skipped == [
        UselessOutput(id=second.id, size_bytes=16, better_size_bytes=10)
    ]
    assert len(await bench.outputs()) == 2
    assert [wanted["after"] for wanted in bench.child.request["outputs"]] == [
        None,
        best.id,
        second.id,
    ]


async def test_what_an_earlier_attempt_made_is_compared_with(tmp_path: Path) -> None:
    async def script(child: Child) -> None:
        for place in range(3):
            child.make(place, content=b"12345678901")

    bench = Bench(tmp_path, script)
    missing, earlier = new_id(OutputId), new_id(OutputId)
    first, second, third = bench.claim.outputs
    outputs = (
        replace(first, better_id=earlier, better_size_bytes=10, skip_if_larger_percent=9),
        replace(second, better_id=earlier, better_size_bytes=10, skip_if_larger_percent=10),
        replace(third, better_id=missing, skip_if_larger_percent=0),
    )
    bench.claim = bench.ledger.claimed = replace(bench.claim, outputs=outputs)
    await bench.run()
    assert set(bench.ledger.stored) == {second.id, third.id}


async def test_a_placeholder_is_recorded_once(tmp_path: Path) -> None:
    async def script(child: Child) -> None:
        for colour in ("#000001", "#000002"):
            child.say(
                event="placeholder",
                thumbhash="AAAA",
                dominant_colour=colour,
                palette=[colour],
                preview="UklGR" + "A" * 20,
            )
        await make_all(child)

    bench = Bench(tmp_path, script)
    await bench.run()
    assert [shown.dominant_colour for shown in bench.ledger.placeholders] == ["#000001"]


async def test_a_lost_lease_ends_the_child_and_tells_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path, wait_for_ever)
    bench.ledger.extend_error = Aborted(Reason.LEASE_LOST, "another attempt has begun")
    await bench.run()
    assert bench.child.was_closed
    assert bench.ledger.verdicts == []


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ChildRefused(Reason.IMAGE_CORRUPT, "damaged", {}), False),
        (ChildRefused(Reason.LEASE_LOST, "as if a child knew", {}), False),
        (ChildCrashed("died"), True),
    ],
)
async def test_what_ends_a_child_ends_the_attempt(
    tmp_path: Path, error: PicstoreError, retryable: bool
) -> None:
    async def script(child: Child) -> None:
        raise error

    bench = Bench(tmp_path, script)
    await bench.run()
    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (error.reason, retryable)


async def test_a_missing_original_is_final(tmp_path: Path) -> None:
    bench = Bench(tmp_path, make_all)
    await bench.run(with_source=False)
    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.SOURCE_MISSING, False)


async def test_a_store_that_is_away_costs_an_attempt_and_ends_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(store: MemoryBlobStore, key: str, path: Path, **fields: Any) -> BlobStat:
        raise BlobStoreUnavailable

    bench = Bench(tmp_path, make_all)
    monkeypatch.setattr(MemoryBlobStore, "put_file", away)
    await bench.run()
    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.STORAGE_UNAVAILABLE, True)
    assert bench.child.was_closed
    assert bench.ledger.stored == {}


async def test_a_catalog_that_is_away_costs_an_attempt(tmp_path: Path) -> None:
    bench = Bench(tmp_path, make_all)
    bench.ledger.complete_error = Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "gone")
    await bench.run()
    (verdict,) = bench.ledger.verdicts
    assert verdict.retryable


async def test_a_stopped_conversion_is_handed_back(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def script(child: Child) -> None:
        begun.set()
        await asyncio.Event().wait()

    bench = Bench(tmp_path, script)
    running = asyncio.ensure_future(bench.run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.CANCELLED, True)
    assert bench.child.was_closed
    assert os.listdir(bench.private_dir) == []


async def silent_about_one(child: Child) -> None:
    child.make(0)
    child.make(1)


async def twice_the_same(child: Child) -> None:
    await make_all(child)
    child.make(0)


async def no_file(child: Child) -> None:
    child.make(0).unlink()


async def a_link(child: Child) -> None:
    path = child.make(0, content=SECRET)
    path.unlink()
    path.symlink_to(_secret(child))


async def a_second_name(child: Child) -> None:
    path = child.make(0, content=SECRET)
    path.unlink()
    path.hardlink_to(_secret(child))


async def a_folder(child: Child) -> None:
    path = child.make(0)
    path.unlink()
    path.mkdir()


async def another_length(child: Child) -> None:
    child.make(0).write_bytes(b"longer than was said")


async def another_content(child: Child) -> None:
    child.make(0).write_bytes(b"slexip")


async def nonsense(child: Child) -> None:
    child.say(event="output", id="of somebody else")


def _secret(child: Child) -> Path:
    secret = Path(child.request["work_dir"]).parent.parent / "secret"
    secret.write_bytes(SECRET)
    return secret


@pytest.mark.parametrize(
    "script",
    [
        silent_about_one,
        twice_the_same,
        no_file,
        a_link,
        a_second_name,
        a_folder,
        another_length,
        another_content,
        nonsense,
    ],
)
async def test_a_child_that_cheats_has_crashed(
    tmp_path: Path, script: Callable[[Child], Awaitable[object]]
) -> None:
    bench = Bench(tmp_path, script)
    await bench.run()
    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.CHILD_CRASHED, True)
    assert bench.child.was_closed
    for key in await bench.outputs():
        assert SECRET not in [chunk async for chunk in bench.store.get_range(key)]
