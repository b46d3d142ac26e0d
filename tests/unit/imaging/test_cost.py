"""Estimates of what an output takes: they order outputs and choose lanes."""

from __future__ import annotations

from dataclasses import replace

from picstore_imaging.cost import estimate_cpu_ms, estimate_memory_bytes, is_dear
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from tests.unit.imaging.conftest import AVIF_SPEC

SPEC = replace(AVIF_SPEC, format=Format.WEBP, quality=86, effort=2)


def test_high_effort_goes_to_the_slow_lane() -> None:
    large = replace(SPEC, format=Format.AVIF, width=2560, height=1707)
    assert not is_dear(replace(large, effort=3))
    assert is_dear(replace(large, effort=4))
    assert not is_dear(SPEC)


def test_estimates_grow_with_pixels_and_effort() -> None:
    larger = replace(SPEC, width=640, height=427)
    assert estimate_cpu_ms(larger) > estimate_cpu_ms(SPEC)
    for format in Format:
        costs = [estimate_cpu_ms(replace(larger, format=format, effort=e)) for e in range(10)]
        assert costs == sorted(costs)


def test_memory_follows_the_decoder_and_not_only_the_pixels() -> None:
    baseline = SourceFacts(format=SourceFormat.JPEG, width=7000, height=7000)
    progressive = replace(baseline, interlaced=True)
    avif = replace(baseline, format=SourceFormat.AVIF)
    estimates = [estimate_memory_bytes(source, [SPEC]) for source in (baseline, progressive, avif)]
    assert estimates == sorted(estimates)
    assert estimates[2] > 500_000_000 > 100_000_000 > estimates[0]


def test_a_jpeg_that_is_decoded_in_one_piece_takes_its_pixels() -> None:
    spec = replace(SPEC, width=2400, height=1600)
    photo = SourceFacts(format=SourceFormat.JPEG, width=6000, height=4000)
    streamed = replace(photo, width=9000, height=6000)

    assert estimate_memory_bytes(photo, [spec]) > estimate_memory_bytes(streamed, [spec])
