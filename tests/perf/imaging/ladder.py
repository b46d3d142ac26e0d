"""Bench: one photo into 6 widths x 3 formats, beside the naive way, in the same run.

The naive way is what a program of a dozen lines does with pyvips: one `thumbnail`, and so one
decode, for each output; with the same sizes and the same encoder options. Both run in turn, in this
process, on one thread, and the medians are compared, so a busy machine disturbs both alike.
"""

from __future__ import annotations

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
from tests.perf.photos import photos
from tests.perf.tables import show

ROUNDS: Final = 5
WIDTHS: Final = (320, 640, 960, 1280, 1920, 2560)
FORMATS: Final = (
    FormatRule(format=Format.JPEG),
    FormatRule(format=Format.WEBP),
    # What both ways spend alike hides what the shared decode saves, and at its default effort the
    # encoder of AVIF takes half of all the time.
    FormatRule(format=Format.AVIF, effort=1),
)

PROFILE: Final = Profile(
    formats=FORMATS,
    sizes=tuple(SizeRule(width=width) for width in WIDTHS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one pass over one photo took, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The median costs of one photo."""

    photo: str
    megapixels: float
    ladder: Cost
    naive: Cost

    @property
    def ratio(self) -> float:
        """CPU time of the ladder for each second of the naive way."""
        return self.ladder.cpu / self.naive.cpu


def run() -> dict[str, float]:
    """Measure, print a table, and return `ladder_cpu_ratio_naive` (ours / naive) and more.

    Raises:
        NoPhotos: None of the photos named fits.
    """
    vips.configure()
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        compared = [_compare(path, work_dir) for path in photos(work_dir)]
    show(
        f"Ladder of {len(WIDTHS)} widths x {len(FORMATS)} formats, medians of {ROUNDS} rounds",
        ("photo", "MP", "ladder CPU s", "naive CPU s", "ratio", "outputs/s"),
        [_row(comparison) for comparison in compared],
    )
    ladder_cpu = sum(comparison.ladder.cpu for comparison in compared)
    naive_cpu = sum(comparison.naive.cpu for comparison in compared)
    ladder_wall = sum(comparison.ladder.wall for comparison in compared)
    return {
        "ladder_cpu_ratio_naive": ladder_cpu / naive_cpu,
        "ladder_cpu_s": ladder_cpu / len(compared),
        "ladder_naive_cpu_s": naive_cpu / len(compared),
        "ladder_outputs_per_s": len(compared) * _OUTPUTS / ladder_wall,
    }


_OUTPUTS: Final = len(WIDTHS) * len(FORMATS)


def _row(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.photo,
        f"{comparison.megapixels:.1f}",
        f"{comparison.ladder.cpu:.2f}",
        f"{comparison.naive.cpu:.2f}",
        f"{comparison.ratio:.2f}",
        f"{_OUTPUTS / comparison.ladder.wall:.1f}",
    )


def _compare(path: Path, work_dir: Path) -> Comparison:
    probe = Probe.from_json(sandboxed.probe_file({"path": str(path)}, _ignore))
    specs = [output.spec for output in plan_outputs(PROFILE, probe.facts())]
    ladder: list[Cost] = []
    naive: list[Cost] = []
    for _ in range(ROUNDS):
        ladder.append(_cost(lambda: _convert_by_ladder(path, probe, specs, work_dir)))
        naive.append(_cost(lambda: _convert_naively(path, specs, work_dir)))
    return Comparison(
        photo=path.name,
        megapixels=probe.width * probe.height / 1e6,
        ladder=_median(ladder),
        naive=_median(naive),
    )


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
