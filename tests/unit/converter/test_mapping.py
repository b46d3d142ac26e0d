"""A spec comes to the converter as the catalog planned it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from picstore.catalog.v1 import conversion_pb2
from picstore.jobs.v1 import job_pb2
from picstore_catalog.mapping.image import spec_message
from picstore_converter.mapping import claim_from
from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.plan import OutputSpec
from picstore_imaging.rules import (
    AutoQuality,
    Chroma,
    EncoderOptions,
    Fit,
    Gravity,
    MetadataPolicy,
)
from tests.unit.converter.claims import spec

FACTS = conversion_pb2.SourceFacts(format=conversion_pb2.FORMAT_JPEG, width=1, height=1, frames=1)


def sent(planned: OutputSpec) -> OutputSpec:
    claim = job_pb2.Claim(
        facts=conversion_pb2.SourceFacts(
            format=conversion_pb2.FORMAT_JPEG, width=1, height=1, frames=1
        ),
        outputs=[job_pb2.WantedOutput(output_id="out_1", spec=spec_message(planned))],
    )
    return claim_from(claim).outputs[0].spec


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"quality": None, "lossless": True},
        {"quality": None, "options": EncoderOptions(near_lossless=0)},
        {"options": EncoderOptions(chroma=Chroma.FULL, bit_depth=10), "format": Format.AVIF},
        {"options": EncoderOptions(colours=16, dithering=0.0), "format": Format.PNG},
        {
            "options": EncoderOptions(
                progressive=False, optimise_scans=False, trellis=True, chroma=Chroma.SUBSAMPLED
            ),
            "format": Format.JPEG,
        },
        {"fit": Fit.COVER, "gravity": Gravity.NORTH_EAST},
        {"fit": Fit.COVER, "focal_point": Point(0.1234, 0.0)},
        {"metadata": MetadataPolicy.KEEP_ALL, "keep_gps": True},
        {"metadata": MetadataPolicy.KEEP_COPYRIGHT},
        {"wide_gamut": True},
        {"quality": None, "auto_quality": AutoQuality(target=77.5)},
        {"quality": None, "auto_quality": AutoQuality(target=80, min_quality=1, max_quality=99)},
        {"background": "#a0b1c2"},
    ],
)
def test_every_field_of_a_spec_arrives(change: dict[str, Any]) -> None:
    planned = replace(spec(100), **change)
    assert sent(planned) == planned
    assert sent(planned).digest() == planned.digest()


@pytest.mark.parametrize(("told", "start"), [(0, None), (71, 71)])
def test_a_search_begins_where_the_catalog_says(told: int, start: int | None) -> None:
    wanted = job_pb2.WantedOutput(
        output_id="out_1", spec=spec_message(spec(100)), start_quality=told
    )
    (output,) = claim_from(job_pb2.Claim(facts=FACTS, outputs=[wanted])).outputs
    assert output.start_quality == start


def test_a_spec_of_a_catalog_that_knows_no_policies_is_as_it_was() -> None:
    message = spec_message(spec(100))
    for field in ("metadata", "colour", "keep_gps", "options", "focal_point"):
        message.ClearField(field)
    claim = job_pb2.Claim(
        facts=conversion_pb2.SourceFacts(
            format=conversion_pb2.FORMAT_JPEG, width=1, height=1, frames=1
        ),
        outputs=[job_pb2.WantedOutput(output_id="out_1", spec=message)],
    )
    (wanted,) = claim_from(claim).outputs
    assert wanted.spec == spec(100)
    assert wanted.better_id is None
