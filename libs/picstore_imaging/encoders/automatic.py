"""A file that looks as good as is wanted and is no larger: encoded, decoded and scored, again and
again.

What is compared are the pixels that the encoder was given, after crop, colours and background, and
those that libvips decodes of its file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyvips

from picstore_imaging import vips
from picstore_imaging.encoders import save
from picstore_imaging.encoders.used import EncoderUsed
from picstore_imaging.quality import AUTO_BOUNDS, usual_quality
from picstore_imaging.rules import AutoQuality, Metric
from picstore_imaging.search import find_quality
from picstore_imaging.spec import OutputSpec

TOLERANCE: Final = 0.5
"""Points of a score: about one step of quality, and less than anybody sees."""

_PLACES: Final = 2
"""Decimals of a score; the third differs between machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The quality that was found, and how."""

    quality: int
    start: int
    """Where the search began: begun there, it goes the same way."""
    metric: Metric
    score: float
    encodes: int
    encoder: EncoderUsed
    told: str
    """How the search went, for people."""


def save_as_good_as(
    image: pyvips.Image, path: Path, spec: OutputSpec, *, start: int | None = None
) -> Sought:
    """Write the smallest file that scores what the spec wants, beginning at quality `start`.

    Where the highest quality that is allowed scores less, the file has that. Raises `pyvips.Error`.
    """
    image = image.copy_memory()
    return find_quality_of(
        image,
        path,
        spec,
        encode=lambda given: save(image, path, given),
        decode=lambda encoded: vips.open_encoded(encoded, spec.format),
        start=start,
    )


def find_quality_of(
    image: pyvips.Image,
    path: Path,
    spec: OutputSpec,
    *,
    encode: Callable[[OutputSpec], EncoderUsed],
    decode: Callable[[bytes], pyvips.Image],
    start: int | None = None,
) -> Sought:
    """Do so with what `encode` writes to `path`, of which `decode` makes the likes of `image`."""
    wanted = spec.auto_quality
    assert wanted is not None  # whoever has a quality needs no search
    score_of = _judge(wanted.metric, image)
    lowest, highest = AUTO_BOUNDS[spec.format]
    lowest = lowest if wanted.min_quality is None else wanted.min_quality
    highest = highest if wanted.max_quality is None else wanted.max_quality
    if start is None:
        start = usual_quality(spec.format, wanted.target)
    start = min(max(start, lowest), highest)

    def measure(quality: int) -> tuple[float, tuple[bytes, EncoderUsed]]:
        given = replace(spec, quality=quality, auto_quality=None)
        encoder = encode(given)
        encoded = path.read_bytes()
        return round(score_of(decode(encoded)), _PLACES), (encoded, encoder)

    found = find_quality(
        measure,
        start=start,
        lowest=lowest,
        highest=highest,
        target=wanted.target,
        tolerance=TOLERANCE,
    )
    encoded, encoder = found.data
    path.write_bytes(encoded)
    return Sought(
        quality=found.quality,
        start=start,
        metric=wanted.metric,
        score=found.score,
        encodes=found.encodes,
        encoder=encoder,
        told=_told(wanted, found.quality, found.score, found.encodes, reached=found.reached),
    )


def _told(wanted: AutoQuality, quality: int, score: float, encodes: int, *, reached: bool) -> str:
    most = "" if reached else ", the highest allowed,"
    return (
        f"search {wanted.metric.value} {wanted.target:g}: "
        f"quality {quality}{most} scores {score:g}, encodes: {encodes}"
    )


def _judge(metric: Metric, original: pyvips.Image) -> Callable[[pyvips.Image], float]:
    """Return what scores others beside an original.

    NumPy, 14 MB of it, is loaded only here: what reads a header needs none.
    """
    from picstore_imaging.metrics.ssimulacra2 import Ssimulacra2
    from picstore_imaging.metrics.view import View

    view = View(original)
    match metric:
        case Metric.SSIMULACRA2:
            scorer = Ssimulacra2(view.of(original))
    return lambda image: scorer.score(view.of(image))


def exercise() -> None:
    """Score a small picture, so that all that is loaded late is loaded."""
    picture = pyvips.Image.black(16, 16, bands=3).copy(interpretation="srgb")
    _judge(Metric.SSIMULACRA2, picture)(picture)
