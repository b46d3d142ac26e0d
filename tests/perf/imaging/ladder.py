"""Bench: one photo into 6 widths x 3 formats, beside the naive way, in the same run.

The naive way is what a program of a dozen lines does with pyvips: one `thumbnail`, and so one
decode, for each output; with the same sizes and the same encoder options. Both run in turn, in this
process, on one thread, and the medians are compared, so a busy machine disturbs both alike.

    python tests/perf/imaging/ladder.py [PHOTO...]

Without arguments it takes the JPEGs of 12 to 24 MP in `PICSTORE_BENCH_PHOTOS`, or else draws one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyvips

from picstore_imaging import encoders, sandboxed, vips
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.plan import OutputSpec, plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule

ROUNDS: Final = 5
WIDTHS: Final = (320, 640, 960, 1280, 1920, 2560)
FORMATS: Final = (Format.JPEG, Format.WEBP, Format.AVIF)
PIXELS: Final = range(12_000_000, 24_000_001)

PROFILE: Final = Profile(
    formats=tuple(FormatRule(format=format) for format in FORMATS),
    sizes=tuple(SizeRule(width=width) for width in WIDTHS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one pass over one photo took, in seconds."""

    cpu: float
    wall: float


def run(photos: Sequence[Path]) -> dict[str, float]:
    """Measure, print a table, and give `ladder_cpu_ratio_naive` (ours / naive) and more."""
    vips.configure()
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        paths = list(photos) or [draw_photo(work_dir / "drawn.jpg")]
        print(f"{'photo':28} {'MP':>5}  {'ladder CPU-s':>12}  {'naive CPU-s':>12}  {'ratio':>5}")
        medians = [_compare(path, work_dir) for path in paths]
    ladder_cpu = sum(ladder.cpu for ladder, _ in medians)
    naive_cpu = sum(naive.cpu for _, naive in medians)
    ladder_wall = sum(ladder.wall for ladder, _ in medians)
    figures = {
        "ladder_cpu_ratio_naive": ladder_cpu / naive_cpu,
        "ladder_cpu_s": ladder_cpu / len(medians),
        "ladder_outputs_per_s": len(medians) * len(WIDTHS) * len(FORMATS) / ladder_wall,
    }
    for name, value in figures.items():
        print(f"{name:28} {value:.3f}")
    return figures


def _compare(path: Path, work_dir: Path) -> tuple[Cost, Cost]:
    probe = Probe.from_json(sandboxed.probe_file({"path": str(path)}, _ignore))
    specs = [output.spec for output in plan_outputs(PROFILE, probe.facts())]
    ladder: list[Cost] = []
    naive: list[Cost] = []
    for _ in range(ROUNDS):
        ladder.append(_cost(lambda: _convert_by_ladder(path, probe, specs, work_dir)))
        naive.append(_cost(lambda: _convert_naively(path, specs, work_dir)))
    ours, theirs = _median(ladder), _median(naive)
    pixels = probe.width * probe.height / 1e6
    print(
        f"{path.name:28} {pixels:5.1f}  {ours.cpu:12.2f}  {theirs.cpu:12.2f}"
        f"  {ours.cpu / theirs.cpu:5.2f}"
    )
    return ours, theirs


def _convert_by_ladder(
    path: Path, probe: Probe, specs: Sequence[OutputSpec], work_dir: Path
) -> None:
    outputs = [{"id": str(index), "spec": spec.to_json()} for index, spec in enumerate(specs)]
    request = {
        "path": str(path),
        "format": probe.format.value,
        "work_dir": str(work_dir),
        "outputs": outputs,
    }
    sandboxed.convert(request, _ignore)


def _convert_naively(path: Path, specs: Sequence[OutputSpec], work_dir: Path) -> None:
    for spec in specs:
        image = pyvips.Image.thumbnail(str(path), spec.width, height=spec.height, size="force")
        encoders.save(image, work_dir / f"naive.{spec.format.extension}", spec)


def _cost(action: Callable[[], None]) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return Cost(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(cpu=median(c.cpu for c in costs), wall=median(c.wall for c in costs))


def _ignore(event: dict[str, Any]) -> None:
    """Take the place of the pipe to the parent."""


def draw_photo(path: Path, width: int = 4000, height: int = 3000) -> Path:
    """Write a JPEG of 12 MP with a photo's spectrum: the finer the detail, the fainter."""
    light = _perlin(width, height, octaves=range(2, 11), strength=90)
    bands = [
        light + _perlin(width, height, octaves=range(8, 11), strength=40, seed=band) + 110
        for band in range(1, 4)
    ]
    grain = pyvips.Image.gaussnoise(width, height, mean=0, sigma=2, seed=1)
    photo = (bands[0].bandjoin(bands[1:]) + grain).cast("uchar").copy(interpretation="srgb")
    photo.jpegsave(str(path), Q=90)
    return path


def _perlin(
    width: int, height: int, *, octaves: range, strength: float, seed: int = 0
) -> pyvips.Image:
    total = pyvips.Image.black(width, height)
    for octave in octaves:
        noise = pyvips.Image.perlin(width, height, cell_size=2**octave, seed=seed * 16 + octave)
        total = total + noise * (strength * 2.0 ** (octave - octaves[-1]))
    return total


def photos_from_environment() -> list[Path]:
    """Choose the photos of the right size in `PICSTORE_BENCH_PHOTOS`."""
    directory = os.environ.get("PICSTORE_BENCH_PHOTOS")
    found = sorted(Path(directory).glob("*.jp*g")) if directory else []
    return [path for path in found if _pixels(path) in PIXELS]


def _pixels(path: Path) -> int:
    probe = sandboxed.probe_file({"path": str(path)}, _ignore)
    return int(probe["width"]) * int(probe["height"])


if __name__ == "__main__":
    run([Path(argument) for argument in sys.argv[1:]] or photos_from_environment())
