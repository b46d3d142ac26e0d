"""Limits are refused by header, with the numbers in the error's metadata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits, check, check_bytes
from picstore_kit.errors import InvalidArgument, Reason

PROBE = Probe(format=SourceFormat.JPEG, width=9_000, height=8_000, bytes=1_000)


@pytest.mark.parametrize(
    ("probe", "reason", "actual", "limit"),
    [
        (replace(PROBE, bytes=100_000_001), Reason.LIMIT_BYTES, 100_000_001, 100_000_000),
        (replace(PROBE, width=20_001, height=1), Reason.LIMIT_SIDE, 20_001, 20_000),
        (replace(PROBE, width=1, height=20_001), Reason.LIMIT_SIDE, 20_001, 20_000),
        (replace(PROBE, width=12_501), Reason.LIMIT_PIXELS, 100_008_000, 100_000_000),
        (replace(PROBE, interlaced=True), Reason.LIMIT_PIXELS, 72_000_000, 50_000_000),
        (replace(PROBE, format=SourceFormat.AVIF), Reason.LIMIT_PIXELS, 72_000_000, 50_000_000),
        (
            replace(PROBE, format=SourceFormat.GIF, width=600, height=500, frames=200),
            Reason.LIMIT_PIXELS,
            60_000_000,
            50_000_000,
        ),
        (replace(PROBE, format=SourceFormat.HEIC), Reason.LIMIT_PIXELS, 72_000_000, 50_000_000),
        (replace(PROBE, format=SourceFormat.TIFF), Reason.LIMIT_PIXELS, 72_000_000, 50_000_000),
        (
            replace(PROBE, format=SourceFormat.SVG, bytes=10_000_001),
            Reason.LIMIT_BYTES,
            10_000_001,
            10_000_000,
        ),
        (replace(PROBE, frames=2), Reason.LIMIT_PIXELS, 144_000_000, 100_000_000),
        (replace(PROBE, width=1, height=1, frames=301), Reason.LIMIT_FRAMES, 301, 300),
        (replace(PROBE, icc_bytes=4_194_305), Reason.LIMIT_METADATA, 4_194_305, 4_194_304),
        (replace(PROBE, exif_bytes=1_048_577), Reason.LIMIT_METADATA, 1_048_577, 1_048_576),
        (replace(PROBE, xmp_bytes=1_048_577), Reason.LIMIT_METADATA, 1_048_577, 1_048_576),
    ],
)
def test_what_is_over_a_limit_is_refused(
    probe: Probe, reason: Reason, actual: int, limit: int
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(Limits(), probe)
    assert caught.value.reason is reason
    assert caught.value.metadata == {"actual": str(actual), "limit": str(limit)}
    assert str(actual) in caught.value.message


def test_what_is_at_its_limits_passes() -> None:
    check(Limits(pixels=72_000_000, side=9_000, bytes=1_000), PROBE)


def test_a_project_limit_below_the_whole_decode_limit_holds_for_every_format() -> None:
    webp = replace(PROBE, format=SourceFormat.WEBP, width=2_000, height=1_000)
    with pytest.raises(InvalidArgument, match="1000000 are allowed for webp"):
        check(Limits(pixels=1_000_000), webp)


def test_length_is_checked_alone_while_a_body_streams_in() -> None:
    check_bytes(Limits(bytes=10), 10)
    with pytest.raises(InvalidArgument) as caught:
        check_bytes(Limits(bytes=10), 11)
    assert caught.value.reason is Reason.LIMIT_BYTES


def test_limits_and_probes_survive_json() -> None:
    limits = Limits(bytes=1, frames=2, allow_svg=True)
    assert Limits.from_json(limits.to_json()) == limits
    probe = replace(PROBE, icc_name="Display P3", has_gps=True)
    assert Probe.from_json(probe.to_json() | {"sniffed": "later fields are ignored"}) == probe
