"""Drawing on a real disk, with a ledger, a store and a child that do what they are told."""

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
    LayerSource,
    Placeholder,
    Rendering,
    UselessOutput,
    Verdict,
)
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import SourceFormat
from picstore_imaging.overlay.template import Canvas, FillLayer, Layer, Overlay
from picstore_imaging.recipe import Recipe
from picstore_kit.blobs.base import BlobStat, BlobStoreUnavailable
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.errors import Aborted, FailedPrecondition, PicstoreError, Reason, Unavailable
from picstore_kit.ids import ImageId, JobId, LocationId, new_id
from picstore_kit.sandbox.errors import ChildRefused
from picstore_kit.sandbox.pool import RequestFor, Room
from tests.unit.converter.claims import make_claim

KEY = "originals/img_1/1-token/card.png"
LEFT_BEHIND = "originals/img_1/1-older/card.png"
CONTENT = b"a picture"
RECIPE = Recipe(
    steps=("load jpeg 1200x800",),
    encoder="libpng",
    encoder_version="libvips 8.18.7",
    quality=None,
    effort=3,
    cpu_ms=170,
)

Report = Callable[[], Awaitable[bool]]


async def kept() -> bool:
    return True


class Ledger:
    """Answers reports as a test says."""

    def __init__(self, claim: Claim, report: Report) -> None:
        self.claimed = claim
        self.report = report
        self.extend_error: PicstoreError | None = None
        self.refused = asyncio.Event()
        self.reports: list[tuple[DrawnOriginal, str]] = []
        self.verdicts: list[Verdict] = []

    async def claim(self, job_id: JobId) -> Claim:
        return self.claimed

    async def extend(self, claim: Claim) -> None:
        if self.extend_error is not None:
            self.refused.set()
            raise self.extend_error

    async def complete_render(self, claim: Claim, original: DrawnOriginal, object_key: str) -> bool:
        self.reports.append((original, object_key))
        return await self.report()

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        self.verdicts.append(verdict)

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        raise AssertionError("no output is made here")

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        raise AssertionError("no output is made here")

    async def skip_output(self, claim: Claim, output: UselessOutput) -> None:
        raise AssertionError("no output is made here")

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None:
        raise AssertionError("no output is made here")


class Stores:
    """One store for everything."""

    def __init__(self, store: MemoryBlobStore) -> None:
        self._store = store

    async def open(self, location_id: LocationId) -> MemoryBlobStore:
        return self._store


class Child:
    """A child that draws what it likes, and may lie about it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.request: dict[str, Any] = {}
        self.lies: dict[str, Any] = {}
        self.error: PicstoreError | None = None
        self.links_to: Path | None = None

    async def call(self, request_for: RequestFor) -> AsyncGenerator[dict[str, Any], None]:
        self.request = request_for(self._room)
        try:
            async for message in self._draw():
                yield message
        finally:
            self._room.clear()

    async def _draw(self) -> AsyncGenerator[dict[str, Any], None]:
        if self.error is not None:
            raise self.error
        output = Path(self.request["output"])
        self._write(output)
        yield {
            "path": str(output),
            "width": 600,
            "height": 300,
            "has_alpha": False,
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "recipe": RECIPE.to_json(),
            **self.lies,
        }

    def _write(self, output: Path) -> None:
        if self.links_to is None:
            output.write_bytes(CONTENT)
        else:
            output.symlink_to(self.links_to)


class Bench:
    """A drawing of two pictures, ready to run."""

    def __init__(self, directory: Path, *, report: Report = kept) -> None:
        self.private_dir = directory / "private"
        self.private_dir.mkdir()
        base = make_claim(lease_s=0.03)
        self.logo = LayerSource(
            id=new_id(ImageId),
            location=base.source_location,
            key="originals/logo.png",
            facts=SourceFacts(format=SourceFormat.PNG, width=900, height=20),
        )
        overlay = Overlay(
            canvas=Canvas(width=600, height=300), layers=(Layer(fill=FillLayer(colour="#000000")),)
        )
        rendering = Rendering(
            overlay=overlay,
            focal_point=None,
            images=(self.logo,),
            object_key=KEY,
            abandoned_keys=(LEFT_BEHIND,),
        )
        self.claim = replace(base, outputs=(), rendering=rendering)
        self.store = MemoryBlobStore()
        self.ledger = Ledger(self.claim, report)
        self.child = Child(Room.furnish(directory))

    def use_case(self) -> ConvertImage:
        return ConvertImage(
            ledger=self.ledger,
            stores=Stores(self.store),
            children=self.child,
            private_dir=self.private_dir,
        )

    async def prepare(self, *, with_logo: bool = True) -> None:
        await self.store.put_bytes(self.claim.source_key, b"a photo", content_type="image/jpeg")
        await self.store.put_bytes(LEFT_BEHIND, b"older", content_type="image/png")
        if with_logo:
            await self.store.put_bytes(self.logo.key, b"a big logo", content_type="image/png")

    async def run(self, *, with_logo: bool = True) -> None:
        await self.prepare(with_logo=with_logo)
        await self.use_case().run(self.claim.job_id)
        assert os.listdir(self.private_dir) == []

    async def drawn(self) -> list[str]:
        return [key async for key in self.store.list("originals/img_1/")]


async def test_what_was_drawn_is_stored_before_it_is_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def report() -> bool:
        assert await bench.drawn() == [KEY]
        return True

    bench.ledger.report = report
    await bench.run()

    ((original, key),) = bench.ledger.reports
    assert key == KEY
    assert (original.width, original.height, original.size_bytes) == (600, 300, len(CONTENT))
    assert original.recipe == RECIPE
    assert (await bench.store.stat(KEY)).content_type == "image/png"
    assert bench.ledger.verdicts == []
    # And what an earlier attempt left is gone.
    assert await bench.drawn() == [KEY]


async def test_the_child_is_told_of_every_picture_and_what_they_may_measure(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    await bench.run()

    request = bench.child.request
    assert request["format"] == "jpeg"
    assert Path(request["path"]).parent == Path(request["output"]).parent.with_name("given")
    assert request["images"][bench.logo.id]["format"] == "png"
    assert (request["limits"]["side"], request["limits"]["bytes"]) == (900, len(b"a big logo"))
    assert Overlay.from_json(request["overlay"]) == bench.ledger.claimed.rendering.overlay  # type: ignore[union-attr]  # it is there


async def test_what_is_not_kept_is_deleted(tmp_path: Path) -> None:
    async def report() -> bool:
        return False

    bench = Bench(tmp_path, report=report)
    await bench.run()

    assert await bench.drawn() == []
    assert bench.ledger.verdicts == []


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (Aborted(Reason.LEASE_LOST, "late"), False),
        (FailedPrecondition(Reason.STATE_WRONG, "no"), False),
        (Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "no answer"), True),
    ],
)
async def test_only_a_refusal_deletes_what_was_stored(
    tmp_path: Path, error: PicstoreError, stays: bool
) -> None:
    """Where there is no answer it may be an original; the next attempt is told of its key."""

    async def report() -> bool:
        raise error

    bench = Bench(tmp_path, report=report)
    await bench.run()

    assert await bench.drawn() == ([KEY] if stays else [])
    told = [] if error.reason is Reason.LEASE_LOST else [error.reason]
    assert [verdict.reason for verdict in bench.ledger.verdicts] == told


async def test_a_lease_that_ends_while_it_is_reported_leaves_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def report() -> bool:
        bench.ledger.extend_error = Aborted(Reason.LEASE_LOST, "another attempt")
        await bench.ledger.refused.wait()
        for _ in range(20):  # turns of the loop, in which the attempt is cancelled
            await asyncio.sleep(0)
        raise Aborted(Reason.LEASE_LOST, "another attempt")

    bench.ledger.report = report
    await bench.run()

    assert len(bench.ledger.reports) == 1
    assert await bench.drawn() == []
    assert bench.ledger.verdicts == []


@pytest.mark.parametrize(
    "lies",
    [
        {"width": 599},
        {"bytes": len(CONTENT) + 1},
        {"bytes": True},
        {"sha256": "x"},
        {"sha256": "0" * 64},
        {"has_alpha": 1},
        {"path": "/etc/passwd"},
        {"recipe": None},
        {"recipe": {**RECIPE.to_json(), "steps": ["two\nlines"]}},
    ],
)
async def test_a_child_that_lies_has_crashed(tmp_path: Path, lies: dict[str, Any]) -> None:
    bench = Bench(tmp_path)
    bench.child.lies = lies
    await bench.run()

    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.CHILD_CRASHED, True)
    assert bench.ledger.reports == []
    assert await bench.drawn() == []


async def test_a_link_is_no_picture(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    bench = Bench(tmp_path)
    bench.child.links_to = secret
    await bench.run()

    assert [verdict.reason for verdict in bench.ledger.verdicts] == [Reason.CHILD_CRASHED]
    assert await bench.drawn() == []


async def test_what_can_not_be_drawn_is_not_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.child.error = ChildRefused(Reason.FONT_UNKNOWN, "there is no such font", {})
    await bench.run()

    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.FONT_UNKNOWN, False)


async def test_a_layer_that_is_gone_is_not_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.run(with_logo=False)

    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.SOURCE_MISSING, False)


async def test_a_store_that_fails_keeps_no_part_of_it(tmp_path: Path) -> None:
    class Failing(MemoryBlobStore):
        async def put_file(self, key: str, path: Path, **options: Any) -> BlobStat:
            await super().put_file(key, path, **options)
            raise BlobStoreUnavailable

    bench = Bench(tmp_path)
    bench.store = Failing()
    await bench.run()

    (verdict,) = bench.ledger.verdicts
    assert (verdict.reason, verdict.retryable) == (Reason.STORAGE_UNAVAILABLE, True)
    assert await bench.drawn() == []


async def test_what_no_child_has_the_memory_for_is_not_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.claim.rendering is not None
    large = replace(bench.claim.rendering.overlay, canvas=Canvas(width=16_000, height=6_000))
    rendering = replace(bench.claim.rendering, overlay=large)
    bench.ledger.claimed = replace(bench.claim, rendering=rendering)
    await bench.run()

    (verdict,) = bench.ledger.verdicts
    # None was started, so none has died of it, and another try would not be luckier.
    assert (verdict.reason, verdict.retryable, verdict.crash) == (Reason.LIMIT_PIXELS, False, None)
    assert "MiB of memory, and 1024 are allowed" in verdict.message
    assert bench.child.request == {}
