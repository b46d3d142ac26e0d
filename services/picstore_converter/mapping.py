"""From the contract's messages to the model, and back."""

from __future__ import annotations

import json
from typing import Any, Final

from picstore.catalog.v1 import conversion_pb2, picture_pb2
from picstore.jobs.v1 import job_pb2
from picstore_converter.model import (
    Claim,
    Crash,
    DrawnOriginal,
    EncodedOutput,
    FailedOutput,
    LayerSource,
    Placeholder,
    Rendering,
    UselessOutput,
    WantedOutput,
)
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.geometry import Point
from picstore_imaging.overlay.template import Overlay
from picstore_imaging.plan import OutputSpec
from picstore_imaging.recipe import Recipe
from picstore_imaging.rules import (
    AutoQuality,
    Chroma,
    EncoderOptions,
    Fit,
    Gravity,
    MetadataPolicy,
    Metric,
)
from picstore_kit.ids import ImageId, JobId, LocationId, OutputId

_MAX_PRINTED: Final = 2000
"""Characters of what a child printed that are kept."""


def claim_from(message: job_pb2.Claim) -> Claim:
    """Read a claim.

    Raises:
        LookupError, ValueError: It names a value that this converter does not know.
    """
    return Claim(
        job_id=JobId(message.job_id),
        attempt=message.attempt,
        lease_s=float(message.lease_seconds),
        image_id=ImageId(message.image_id),
        generation=message.generation,
        source_location=LocationId(message.originals_location_id),
        source_key=message.object_key,
        facts=facts_from(message.facts),
        outputs_location=LocationId(message.outputs_location_id),
        output_key_prefix=message.output_key_prefix,
        cache_control=message.cache_control,
        outputs=tuple(
            WantedOutput(
                id=OutputId(wanted.output_id),
                spec=spec_from(wanted.spec),
                better_id=OutputId(wanted.better_output_id) if wanted.better_output_id else None,
                better_size_bytes=wanted.better_size_bytes,
                skip_if_larger_percent=wanted.skip_if_larger_percent,
                start_quality=wanted.start_quality or None,
            )
            for wanted in message.outputs
        ),
        wants_placeholder=message.wants_placeholder,
        rendering=_rendering_from(message.render) if message.HasField("render") else None,
    )


def _rendering_from(message: job_pb2.Render) -> Rendering:
    point = message.focal_point
    return Rendering(
        overlay=Overlay.from_json(json.loads(message.overlay)),
        focal_point=Point(point.x, point.y) if message.HasField("focal_point") else None,
        images=tuple(
            LayerSource(
                id=ImageId(image.image_id),
                location=LocationId(image.originals_location_id),
                key=image.object_key,
                facts=facts_from(image.facts),
            )
            for image in message.images
        ),
        object_key=message.object_key,
        abandoned_keys=tuple(message.abandoned_object_keys),
    )


def drawn_to(original: DrawnOriginal) -> conversion_pb2.SourceFacts:
    """Write what is known of an original that was drawn."""
    return conversion_pb2.SourceFacts(
        format=conversion_pb2.FORMAT_PNG,
        width=original.width,
        height=original.height,
        frames=1,
        has_alpha=original.has_alpha,
        size_bytes=original.size_bytes,
        sha256=original.sha256,
    )


def stored_to(output: EncodedOutput, object_key: str) -> job_pb2.StoredOutput:
    """Write what is known of a stored output."""
    return job_pb2.StoredOutput(
        object_key=object_key,
        width=output.width,
        height=output.height,
        size_bytes=output.size_bytes,
        sha256=output.sha256,
        encode_cpu_ms=output.cpu_ms,
        recipe=recipe_to(output.recipe),
    )


def recipe_to(recipe: Recipe) -> conversion_pb2.Recipe:
    """Write how an output, or a drawing, was made."""
    return conversion_pb2.Recipe(
        steps=recipe.steps,
        encoder=recipe.encoder,
        encoder_version=recipe.encoder_version,
        quality=recipe.quality,
        effort=recipe.effort,
        metric=recipe.metric,
        score=recipe.score,
        encodes=recipe.encodes,
        cpu_ms=recipe.cpu_ms,
        decode_cpu_ms=recipe.decode_cpu_ms,
        peak_rss_bytes=recipe.peak_rss_bytes,
        start_quality=recipe.start_quality,
    )


def failed_to(output: FailedOutput) -> job_pb2.FailedOutput:
    """Write why an output can't be made."""
    return job_pb2.FailedOutput(reason=output.reason.value, message=output.message)


def skipped_to(output: UselessOutput) -> job_pb2.SkippedOutput:
    """Write what is known of an output that is of no use."""
    return job_pb2.SkippedOutput(
        size_bytes=output.size_bytes, better_size_bytes=output.better_size_bytes
    )


def death_to(crash: Crash) -> conversion_pb2.ChildDeath:
    """Write what is known of a child that died."""
    death, limits = crash.death, crash.setup.limits
    return conversion_pb2.ChildDeath(
        signal=death.signal or 0,
        exit_code=death.exit_code,
        limit=death.limit,
        output=_printed(death.output),
        peak_rss_bytes=death.peak_rss_bytes,
        output_ids=crash.output_ids,
        limits=conversion_pb2.ChildLimits(
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_s,
            wall_seconds=limits.wall_s,
            file_bytes=limits.file_bytes,
            open_files=limits.open_files,
        ),
        versions=crash.setup.versions,
        sandbox=crash.setup.sandbox,
    )


def _printed(output: str) -> str:
    """Keep the end of what a child printed, as far as it can be shown: it may be hostile."""
    kept = "".join(c for c in output if c.isprintable() or c == "\n")
    return kept[-_MAX_PRINTED:]


def placeholder_to(placeholder: Placeholder) -> picture_pb2.Placeholder:
    """Write a placeholder."""
    return picture_pb2.Placeholder(
        thumbhash=placeholder.thumbhash,
        dominant_colour=placeholder.dominant_colour,
        palette=placeholder.palette,
        preview_uri=f"data:image/webp;base64,{placeholder.preview}",
    )


def facts_from(facts: conversion_pb2.SourceFacts) -> SourceFacts:
    """Read what is known of an original.

    Raises:
        LookupError, ValueError: It names a format that this converter does not know.
    """
    return SourceFacts(
        format=SourceFormat(_word(conversion_pb2.Format.Name(facts.format))),
        width=facts.width,
        height=facts.height,
        has_alpha=facts.has_alpha,
        frames=facts.frames,
    )


def spec_from(spec: conversion_pb2.OutputSpec) -> OutputSpec:
    """Read what an output is to be; raises as `facts_from` does."""
    return OutputSpec(
        format=Format(_word(conversion_pb2.Format.Name(spec.format))),
        width=spec.width,
        height=spec.height,
        fit=Fit(_word(conversion_pb2.Fit.Name(spec.fit))),
        gravity=Gravity(_word(conversion_pb2.Gravity.Name(spec.gravity))),
        density=spec.density,
        quality=spec.quality or None,
        lossless=spec.lossless,
        effort=spec.effort,
        background=spec.background or None,
        options=_options_from(spec.options),
        focal_point=(
            Point(spec.focal_point.x, spec.focal_point.y) if spec.HasField("focal_point") else None
        ),
        metadata=_metadata_from(spec.metadata),
        keep_gps=spec.keep_gps,
        wide_gamut=spec.colour == conversion_pb2.COLOUR_POLICY_KEEP_WIDE,
        auto_quality=(
            _auto_quality_from(spec.auto_quality) if spec.HasField("auto_quality") else None
        ),
        keep_gain_map=spec.keep_gain_map,
    )


def _auto_quality_from(message: conversion_pb2.AutoQuality) -> AutoQuality:
    return AutoQuality(
        metric=Metric(_word(conversion_pb2.Metric.Name(message.metric))),
        target=message.target,
        min_quality=message.min_quality if message.HasField("min_quality") else None,
        max_quality=message.max_quality if message.HasField("max_quality") else None,
    )


def _options_from(message: conversion_pb2.EncoderOptions) -> EncoderOptions:
    given: dict[str, Any] = {
        field.name: getattr(message, field.name)
        for field, _ in message.ListFields()
        if field.name != "chroma"
    }
    return EncoderOptions(**given, chroma=_CHROMAS[message.chroma])


def _metadata_from(policy: conversion_pb2.MetadataPolicy.ValueType) -> MetadataPolicy:
    if policy == conversion_pb2.METADATA_POLICY_UNSPECIFIED:
        return MetadataPolicy.STRIP
    name = conversion_pb2.MetadataPolicy.Name(policy).removeprefix("METADATA_POLICY_")
    return MetadataPolicy(name.lower())


_CHROMAS: Final = {
    conversion_pb2.CHROMA_UNSPECIFIED: None,
    conversion_pb2.CHROMA_SUBSAMPLED: Chroma.SUBSAMPLED,
    conversion_pb2.CHROMA_FULL: Chroma.FULL,
}


def _word(name: str) -> str:
    """Turn `GRAVITY_NORTH_EAST` into `north_east`: the enum's own name is cut off."""
    return name.partition("_")[2].lower()
