"""Bench: how much memory a real child takes: at its peak, and after thousands of pictures.

Children run in the pool and the sandbox that a converter has them in, each a fresh one.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import pyvips

from picstore_imaging import vips
from picstore_imaging.fonts import CHILD_ENVIRONMENT
from picstore_imaging.formats import Format
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from picstore_kit.sandbox.limits import SandboxLimits
from picstore_kit.sandbox.pool import ChildPool
from tests.perf.imaging.ladder import DEFAULT
from tests.perf.imaging.ways import Photo
from tests.perf.photos import draw_photo, tiled
from tests.perf.tables import show

PICTURES: Final = 2000
EACH_END: Final = 100
"""Pictures at the beginning and at the end whose medians are compared."""

LARGE: Final = (12_000, 8_333)
MEDIUM: Final = (6_000, 4_000)
_MB: Final = 1e6
_KIB: Final = 1024

_SMALL: Final = Profile(
    formats=tuple(FormatRule(format=format) for format in (Format.JPEG, Format.WEBP, Format.AVIF)),
    sizes=(SizeRule(width=160),),
)


def run() -> dict[str, float]:
    """Measure, print tables, and return `child_rss_*`."""
    vips.configure()
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        drawn = draw_photo(work_dir / "drawn.jpg")
        large = tiled(drawn, work_dir / "large.jpg", *LARGE)
        medium = tiled(drawn, work_dir / "medium.jpg", *MEDIUM)
        small = work_dir / "small.jpg"
        pyvips.Image.thumbnail(str(drawn), 320).jpegsave(str(small), Q=88)
        large_mb = asyncio.run(_peak_mb(large, work_dir))
        medium_mb = asyncio.run(_peak_mb(medium, work_dir))
        after = asyncio.run(_rss_after_each(small, work_dir))
    first, last = median(after[:EACH_END]), median(after[-EACH_END:])
    slope = (last - first) / _KIB / (PICTURES - EACH_END)
    show(
        "Resident memory of a child, in MB",
        ("what", "MB"),
        [
            ("the most, baseline JPEG of 100 MP to the ladder", f"{large_mb:.0f}"),
            ("the most, baseline JPEG of 24 MP to the ladder", f"{medium_mb:.0f}"),
            (f"after each of the first {EACH_END} small pictures", f"{first / _MB:.1f}"),
            (f"after each of the last {EACH_END} of {PICTURES:,}", f"{last / _MB:.1f}"),
            ("growth for each picture, in KiB", f"{slope:.2f}"),
        ],
    )
    return {
        "child_rss_100mp_mb": large_mb,
        "child_rss_24mp_mb": medium_mb,
        "child_rss_first_mb": first / _MB,
        "child_rss_last_mb": last / _MB,
        "child_rss_slope_kb_per_picture": slope,
    }


@asynccontextmanager
async def _child(work_dir: Path) -> AsyncIterator[ChildPool]:
    """One child that is never replaced."""
    limits = SandboxLimits(memory_bytes=2 * 1024**3, max_calls=PICTURES + 1)
    async with ChildPool(
        target="picstore_imaging.sandboxed:convert",
        size=1,
        spares=0,
        limits=limits,
        env=CHILD_ENVIRONMENT,
        work_dir=work_dir,
    ) as pool:
        await pool.started()
        yield pool


async def _peak_mb(path: Path, work_dir: Path) -> float:
    photo = Photo.plan(path, DEFAULT.profile)
    async with _child(work_dir) as pool:
        totals = await pool.result(photo.request_in)
    return float(totals["peak_rss_bytes"]) / _MB


async def _rss_after_each(path: Path, work_dir: Path) -> list[int]:
    """Bytes after each picture."""
    photo = Photo.plan(path, _SMALL)
    after = []
    async with _child(work_dir) as pool:
        (pid,) = pool.idle
        child = psutil.Process(pid)
        for _ in range(PICTURES):
            await pool.result(photo.request_in)
            after.append(child.memory_info().rss)
    return after
