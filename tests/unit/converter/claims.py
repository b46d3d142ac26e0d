"""A claim, to be changed by tests."""

from __future__ import annotations

from picstore_converter.model import Claim, WantedOutput
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.plan import OutputSpec
from picstore_imaging.recipe import Recipe
from picstore_imaging.rules import Fit, Gravity
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId, new_id

RECIPE = Recipe(
    steps=("load jpeg 400x200", "scale 400x200 → 100x50 lanczos3"),
    encoder="libwebp",
    encoder_version="libvips 8.18.7",
    quality=80,
    effort=2,
    cpu_ms=3,
    decode_cpu_ms=7,
    peak_rss_bytes=50_000_000,
)


def spec(width: int) -> OutputSpec:
    return OutputSpec(
        format=Format.WEBP,
        width=width,
        height=width // 2,
        fit=Fit.INSIDE,
        gravity=Gravity.CENTRE,
        density=1.0,
        quality=80,
        lossless=False,
        effort=4,
        background=None,
    )


def make_claim(*widths: int, wants_placeholder: bool = True, lease_s: float = 30.0) -> Claim:
    location = new_id(LocationId)
    return Claim(
        job_id=new_id(JobId),
        attempt=1,
        lease_s=lease_s,
        image_id=new_id(ImageId),
        generation=1,
        source_location=location,
        source_key="originals/photo.jpg",
        facts=SourceFacts(format=SourceFormat.JPEG, width=400, height=200),
        outputs_location=location,
        output_key_prefix="web/photo",
        cache_control="public, max-age=31536000, immutable",
        outputs=tuple(
            WantedOutput(id=new_id(OutputId), spec=spec(width)) for width in widths or (100,)
        ),
        wants_placeholder=wants_placeholder,
    )
