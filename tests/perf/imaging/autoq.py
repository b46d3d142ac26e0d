"""Bench: automatic quality beside the default quality: encodes, how near the target, bytes, CPU.

Each photo is converted to each width and format twice in turn: at the format's default quality, and
with a search that aims at what that quality scores on the average. The scores are those that the
outputs record; the accuracy of the metric itself is measured beside the `ssimulacra2` package.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import mean, median
from time import process_time
from typing import Any, Final, TypeVar

import pyvips

from picstore_imaging import sandboxed, vips
from picstore_imaging.encoders import save
from picstore_imaging.encoders.automatic import save_as_good_as
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.metrics.ssimulacra2 import Ssimulacra2
from picstore_imaging.metrics.view import look_at
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import AutoQuality, FormatRule, Profile, SizeRule
from picstore_imaging.spec import OutputSpec
from tests.perf.imaging.score import ssimulacra2
from tests.perf.photos import photos
from tests.perf.tables import show

WIDTHS: Final = (320, 640, 1280, 2560)
TARGET: Final = 80.0
ALL_SCALES: Final = 256
"""The shortest side of a picture that has all scales of SSIMULACRA2."""
FORMATS: Final = (Format.JPEG, Format.WEBP, Format.AVIF)


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One output, made both ways."""

    format: Format
    width: int
    encodes: int
    encodes_again: int
    """Beginning at what was found the first time."""
    score: float
    by_package: float | None
    """The score of the same file by the `ssimulacra2` package; None where it has no sense, which
    multiplies scales by each other's weights where a picture is too small for all of them."""
    fixed_score: float
    bytes: int
    fixed_bytes: int
    cpu_ms: float
    fixed_cpu_ms: float
    score_cpu_ms: float


def run() -> dict[str, float]:
    """Measure, print two tables, and return the figures over all outputs.

    Raises:
        NoPhotos: None of the photos named fits.
    """
    vips.configure()
    sandboxed.warm()
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        cases = [case for path in photos(work_dir) for case in _cases(path, work_dir)]
    show(
        f"Automatic quality at SSIMULACRA2 {TARGET:g} beside the default quality",
        (
            *("format", "encodes", "again", "off target", "fixed off", "bytes", "CPU"),
            *("score/encode", "package"),
        ),
        [_row(str(format), [c for c in cases if c.format is format]) for format in FORMATS]
        + [_row(f"{width} px", [c for c in cases if c.width == width]) for width in WIDTHS],
    )
    return {
        "autoq_encodes": mean(case.encodes for case in cases),
        "autoq_encodes_again": mean(case.encodes_again for case in cases),
        "autoq_off_target": mean(abs(case.score - TARGET) for case in cases),
        "autoq_fixed_off_target": mean(abs(case.fixed_score - TARGET) for case in cases),
        "autoq_bytes_ratio": sum(c.bytes for c in cases) / sum(c.fixed_bytes for c in cases),
        "autoq_cpu_ratio": sum(c.cpu_ms for c in cases) / sum(c.fixed_cpu_ms for c in cases),
        "autoq_off_package": mean(map(abs, _off_package(cases))),
    }


def _off_package(cases: Sequence[Case]) -> list[float]:
    return [case.score - case.by_package for case in cases if case.by_package is not None]


def _row(name: str, cases: Sequence[Case]) -> tuple[str, ...]:
    if not cases:
        return (name, *[""] * 8)
    score = sum(case.score_cpu_ms for case in cases) / sum(case.fixed_cpu_ms for case in cases)
    return (
        name,
        f"{median(c.encodes for c in cases):g} ({mean(c.encodes for c in cases):.1f})",
        f"{mean(c.encodes_again for c in cases):.1f}",
        f"{mean(abs(c.score - TARGET) for c in cases):.2f}",
        f"{mean(abs(c.fixed_score - TARGET) for c in cases):.2f}",
        f"{mean(c.bytes / c.fixed_bytes for c in cases) - 1:+.1%}",
        f"{sum(c.cpu_ms for c in cases) / sum(c.fixed_cpu_ms for c in cases):.1f}",
        f"{score:.2f}",
        f"{mean(off):+.2f}" if (off := _off_package(cases)) else "",
    )


def _cases(path: Path, work_dir: Path) -> list[Case]:
    probe = Probe.from_json(sandboxed.probe_file({"path": str(path)}, _ignore))
    profile = Profile(
        formats=tuple(FormatRule(format=format) for format in FORMATS),
        sizes=tuple(SizeRule(width=width) for width in WIDTHS),
    )
    plan = plan_outputs(profile, probe.facts())
    specs = [planned.spec for planned in plan if not planned.skipped]
    cases: list[Case] = []
    for size, of_size in groupby(specs, lambda spec: (spec.width, spec.height)):
        image = pyvips.Image.thumbnail(str(path), size[0], height=size[1], size="force")
        image = image.colourspace("srgb").copy_memory()
        cases += [_case(image, spec, work_dir) for spec in of_size]
    return cases


def _case(image: pyvips.Image, spec: OutputSpec, work_dir: Path) -> Case:
    path = work_dir / f"a.{spec.format.extension}"
    fixed_cpu_ms, _ = _timed(lambda: save(image, path, spec))
    fixed = path.read_bytes()
    wanted = replace(spec, quality=None, auto_quality=AutoQuality(target=TARGET))
    cpu_ms, sought = _timed(lambda: save_as_good_as(image, path, wanted))
    encoded = path.read_bytes()
    scorer = Ssimulacra2(look_at(image))
    seen = look_at(vips.open_encoded(fixed, spec.format))
    score_cpu_ms, fixed_score = _timed(lambda: scorer.score(seen))
    again = save_as_good_as(image, path, wanted, start=sought.quality)
    return Case(
        format=spec.format,
        width=spec.width,
        encodes=sought.encodes,
        encodes_again=again.encodes,
        score=sought.score,
        by_package=(
            ssimulacra2(image, encoded) if min(image.width, image.height) >= ALL_SCALES else None
        ),
        fixed_score=fixed_score,
        bytes=len(encoded),
        fixed_bytes=len(fixed),
        cpu_ms=cpu_ms,
        fixed_cpu_ms=fixed_cpu_ms,
        score_cpu_ms=score_cpu_ms,
    )


def _timed(action: Callable[[], T]) -> tuple[float, T]:
    began = process_time()
    result = action()
    return (process_time() - began) * 1000, result


def _ignore(event: dict[str, Any]) -> None:
    """Take the place of the pipe to the parent."""
