"""Bench: how soon the first output of a ladder is stored, for each second of all of it.

The converter's own use-case works, with a real child in its sandbox. The ledger remembers when it
was told of an output, and the store keeps it in memory: both answer at once, so that the child's
work is what is seen.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from picstore_converter.convert import ConvertImage
from picstore_converter.model import (
    Claim,
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    Placeholder,
    UselessOutput,
    Verdict,
    WantedOutput,
)
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_kit.blobs.base import BlobStore
from picstore_kit.blobs.memory import MemoryBlobStore
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId, new_id
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool
from tests.perf.imaging.ladder import DEFAULT, QUICK, Ladder
from tests.perf.imaging.ways import Photo
from tests.perf.photos import photos
from tests.perf.tables import show

ROUNDS: Final = 5
_SOURCE: Final = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds from taking the job, by the clock."""

    first: float
    """Until the first output was stored."""
    last: float

    @property
    def ratio(self) -> float:
        """Of the two."""
        return self.first / self.last


@dataclass(slots=True, kw_only=True)
class RememberingLedger:
    """Has one job, and notes when it is told of outputs."""

    claimed: Claim
    stored_at: list[float] = field(default_factory=list)
    failures: list[object] = field(default_factory=list)

    async def claim(self, job_id: JobId) -> Claim:
        return self.claimed

    async def extend(self, claim: Claim) -> None: ...

    async def complete(self, claim: Claim, output: EncodedOutput, object_key: str) -> None:
        self.stored_at.append(time.monotonic())

    async def give_up_output(self, claim: Claim, output: FailedOutput) -> None:
        self.failures.append(output)

    async def skip_output(self, claim: Claim, output: UselessOutput) -> None:
        self.failures.append(output)

    async def record_placeholder(self, claim: Claim, placeholder: Placeholder) -> None: ...

    async def complete_render(self, claim: Claim, original: DrawnOriginal, object_key: str) -> bool:
        raise AssertionError("nothing is drawn here")

    async def fail(self, claim: Claim, verdict: Verdict) -> None:
        self.failures.append(verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneStore:
    """Every location is the same store."""

    store: BlobStore

    async def open(self, location_id: LocationId) -> BlobStore:
        return self.store


class NotConverted(Exception):
    """The job failed, or an output of it."""


def run() -> dict[str, float]:
    """Measure, print a table, and return `first_output_ratio` and more.

    Raises:
        NoPhotos: None of the photos named fits.
        NotConverted: A photo could not be converted.
    """
    rows, figures = [], {}
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        paths = photos(work_dir)
        for ladder in (QUICK, DEFAULT):
            times = asyncio.run(_measure(ladder, paths, work_dir))
            first, last = (median(getattr(t, name) for t in times) for name in ("first", "last"))
            ratio = median(t.ratio for t in times)
            rows.append((ladder.name, f"{first:.2f}", f"{last:.2f}", f"{ratio:.2f}"))
            figures[f"first_output_ratio{ladder.suffix}"] = ratio
    show(
        f"From taking the job until outputs are stored, medians of {ROUNDS} rounds of each photo",
        ("ladder", "first s", "last s", "ratio"),
        rows,
    )
    return figures


async def _measure(ladder: Ladder, paths: Sequence[Path], work_dir: Path) -> list[Times]:
    rooms_dir, private_dir = work_dir / "rooms", work_dir / "private"
    for made in (rooms_dir, private_dir):
        made.mkdir(exist_ok=True)
    times = []
    async with ChildPool(
        target="picstore_imaging.sandboxed:convert",
        size=1,
        limits=SandboxLimits(memory_bytes=2 * 1024**3),
        env=CHILD_ENVIRONMENT,
        work_dir=rooms_dir,
    ) as pool:
        await pool.started()
        for path in paths:
            store = MemoryBlobStore()
            await store.put_file(_SOURCE, path, content_type="image/jpeg")
            for _ in range(ROUNDS):
                ledger = RememberingLedger(claimed=_claim(Photo.plan(path, ladder.profile)))
                convert = ConvertImage(
                    ledger=ledger,
                    stores=OneStore(store=store),
                    children=pool,
                    private_dir=private_dir,
                )
                began = time.monotonic()
                await convert.run(ledger.claimed.job_id)
                if ledger.failures or len(ledger.stored_at) != len(ledger.claimed.outputs):
                    raise NotConverted(f"{path.name}: {ledger.failures}")
                stored_at = sorted(ledger.stored_at)
                times.append(Times(first=stored_at[0] - began, last=stored_at[-1] - began))
    return times


def _claim(photo: Photo) -> Claim:
    location = new_id(LocationId)
    return Claim(
        job_id=new_id(JobId),
        attempt=1,
        lease_s=600.0,
        image_id=new_id(ImageId),
        generation=1,
        source_location=location,
        source_key=_SOURCE,
        facts=photo.probe.facts(),
        outputs_location=location,
        output_key_prefix="bench",
        cache_control="",
        outputs=tuple(WantedOutput(id=new_id(OutputId), spec=spec) for spec in photo.specs),
        wants_placeholder=True,
    )
