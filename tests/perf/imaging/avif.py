"""Bench: bytes at equal SSIMULACRA2 against CPU time, for each step of the AVIF effort scale.

Everything is measured beside libaom at effort 4, which is what libvips and sharp do unless told
otherwise. The contenders encode the same pixels in turn, on one thread, several times over, and
the medians of their CPU time count. WebP and libaom's other efforts are there for scale.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import pyvips

from picstore_imaging import encoders, vips
from picstore_imaging.avif import AvifEncoder, settings
from picstore_imaging.encoders import avif, svt
from picstore_imaging.formats import Format
from picstore_imaging.quality import encoder_effort
from picstore_imaging.rules import Fit, FormatRule, Gravity
from picstore_imaging.spec import OutputSpec
from tests.perf.imaging.frontier import TARGETS, Comparison, OutOfReach, Point, at_score, compare
from tests.perf.imaging.plot import Mark, draw
from tests.perf.imaging.score import ssimulacra2
from tests.perf.photos import photos
from tests.perf.tables import show

WIDTH: Final = 720
ROUNDS: Final = 3
EFFORTS: Final = 10
PLOT: Final = Path("docs/images/avif-frontier.svg")

Encode = Callable[[pyvips.Image, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A way to encode, and the qualities that reach from the lowest target to the highest."""

    name: str
    encode: Encode
    qualities: tuple[int, ...]
    effort: int | None = None
    """Where it is a step of our scale."""


_AVIF: Final = (36, 46, 56, 70)
_WEBP: Final = (55, 72, 84, 93)
_BEYOND: Final = (15, 25, 80, 88, 96)
"""Tried one after the other where a picture is harder or easier than photos are."""


def run() -> dict[str, float]:
    """Measure, print a table, draw the curve, and return the figures of the default effort.

    `avif_default_bytes_ratio` is bytes at equal score for each of libaom's at effort 4, and
    `avif_default_time_ratio` the same of CPU time.

    Raises:
        NoPhotos: None of the photos named fits.
        OutOfReach: No quality of an encoder gives a picture of one of the scores.
    """
    vips.configure()
    svt.configure()
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        pictures = [_picture(path) for path in photos(work_dir)]
        contenders = _contenders(work_dir)
        measured = _measure(contenders, pictures)
    reference = measured["libaom 4"]
    compared = {name: compare(points, reference) for name, points in measured.items()}
    show(
        f"AVIF beside libaom at effort 4: {len(pictures)} photos of {WIDTH} px, one thread, "
        f"at SSIMULACRA2 {', '.join(f'{target:g}' for target in TARGETS)}",
        ("encoder", "effort", "CPU ms", "time", "bytes"),
        [_row(contender, compared[contender.name]) for contender in contenders],
    )
    draw(
        PLOT,
        [
            Mark(
                name=contender.name,
                time_ratio=compared[contender.name].time_ratio,
                bytes_ratio=compared[contender.name].bytes_ratio,
                effort=contender.effort,
            )
            for contender in contenders
        ],
    )
    default = encoder_effort(FormatRule(format=Format.AVIF))
    (ours,) = [contender for contender in contenders if contender.effort == default]
    return {
        "avif_default_bytes_ratio": compared[ours.name].bytes_ratio,
        "avif_default_time_ratio": compared[ours.name].time_ratio,
        "avif_default_cpu_ms": compared[ours.name].cpu_ms,
    }


def _contenders(work_dir: Path) -> list[Contender]:
    """Each distinct step of our scale, and others for scale."""
    steps: dict[tuple[AvifEncoder, int], Contender] = {}
    for effort in range(EFFORTS):
        chosen = settings(_spec(Format.AVIF, WIDTH, WIDTH, quality=60, effort=effort))
        name = f"{'SVT-AV1' if chosen.encoder is AvifEncoder.SVT else 'libaom'} {chosen.speed}"
        step = Contender(
            name=name,
            encode=_saved(work_dir, Format.AVIF, effort),
            qualities=_AVIF,
            effort=effort,
        )
        steps.setdefault((chosen.encoder, chosen.speed), step)
    others = [
        Contender(name=f"libaom {effort}", encode=_aom(effort), qualities=_AVIF)
        for effort in range(6)
        if (AvifEncoder.AOM, effort) not in steps
    ]
    webp = [
        Contender(name=f"WebP {e}", encode=_saved(work_dir, Format.WEBP, e), qualities=_WEBP)
        for e in (2, 4)
    ]
    return [*steps.values(), *others, *webp]


def _measure(
    contenders: Sequence[Contender], pictures: Sequence[pyvips.Image]
) -> Mapping[str, list[list[Point]]]:
    """Measure the points of every contender for every picture."""
    measured: dict[str, list[list[Point]]] = {contender.name: [] for contender in contenders}
    for picture in pictures:
        rows = {contender.name: _points(contender, picture) for contender in contenders}
        # The clock runs here, in turn, so that what else the machine does disturbs all alike.
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for contender in contenders:
                for quality in rows[contender.name]:
                    began = time.process_time()
                    contender.encode(picture, quality)
                    spent = (time.process_time() - began) * 1000
                    times.setdefault((contender.name, quality), []).append(spent)
        for name, scored in rows.items():
            measured[name].append(
                [
                    Point(score=score, bytes=size, cpu_ms=median(times[name, quality]))
                    for quality, (score, size) in scored.items()
                ]
            )
    return measured


def _points(contender: Contender, picture: pyvips.Image) -> dict[int, tuple[float, int]]:
    """Encode at qualities on both sides of every target; returns scores and bytes by quality."""
    scored: dict[int, tuple[float, int]] = {}
    for quality in (*contender.qualities, *_BEYOND):
        if len(scored) >= len(contender.qualities) and _reaches(scored):
            break
        encoded = contender.encode(picture, quality)
        scored[quality] = ssimulacra2(picture, encoded), len(encoded)
    return scored


def _reaches(scored: Mapping[int, tuple[float, int]]) -> bool:
    points = [Point(score=score, bytes=size, cpu_ms=0) for score, size in scored.values()]
    try:
        for target in TARGETS:
            at_score(points, target)
    except OutOfReach:
        return False
    return True


def _picture(path: Path) -> pyvips.Image:
    image = pyvips.Image.thumbnail(str(path), WIDTH, height=10_000, size="down")
    return image.colourspace("srgb").copy_memory()


def _saved(work_dir: Path, format: Format, effort: int) -> Encode:
    """As the converter does it."""

    def encode(image: pyvips.Image, quality: int) -> bytes:
        path = work_dir / f"a.{format.extension}"
        spec = _spec(format, image.width, image.height, quality=quality, effort=effort)
        encoders.save(image, path, spec)
        return path.read_bytes()

    return encode


def _aom(effort: int) -> Encode:
    def encode(image: pyvips.Image, quality: int) -> bytes:
        spec = _spec(Format.AVIF, image.width, image.height, quality=quality, effort=9)
        options = avif.options(settings(spec)) | {"effort": effort}
        data: bytes = image.heifsave_buffer(keep="none", **options)
        return data

    return encode


def _spec(format: Format, width: int, height: int, *, quality: int, effort: int) -> OutputSpec:
    return OutputSpec(
        format=format,
        width=width,
        height=height,
        fit=Fit.INSIDE,
        gravity=Gravity.CENTRE,
        density=1.0,
        quality=quality,
        lossless=False,
        effort=effort,
        background=None,
    )


def _row(contender: Contender, compared: Comparison) -> tuple[str, ...]:
    return (
        contender.name,
        "" if contender.effort is None else str(contender.effort),
        f"{compared.cpu_ms:.0f}",
        f"{compared.time_ratio:.3f}",
        f"{compared.bytes_ratio - 1:+.1%}",
    )
