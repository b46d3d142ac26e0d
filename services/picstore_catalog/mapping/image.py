"""Pictures, outputs and what shows them on the wire."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from picstore.catalog.v1 import conversion_pb2, image_pb2, image_service_pb2, picture_pb2
from picstore_catalog.mapping.conversion import (
    FIT_NUMBERS,
    FORMAT_NUMBERS,
    GRAVITY_NUMBERS,
    METADATA_POLICY_NUMBERS,
    SOURCE_FORMAT_NUMBERS,
    auto_quality_message,
    options_message,
)
from picstore_catalog.mapping.description import describe
from picstore_catalog.mapping.timestamps import timestamp
from picstore_catalog.model.derived import DerivedFrom
from picstore_catalog.model.image import Image, ImageState, Original, Placeholder
from picstore_catalog.model.output import Output
from picstore_catalog.model.picture import (
    Candidate,
    Picture,
    PictureOptions,
    Source,
    attribute_fault,
    render,
)
from picstore_catalog.model.stored import Stored
from picstore_imaging.geometry import Point
from picstore_imaging.plan import OutputSpec
from picstore_kit.errors import InvalidField
from picstore_kit.violations import Violations

_STATE: Final = "STATE_"
_STATE_NUMBERS: Final = {
    state: image_pb2.Image.State.Value(_STATE + state.name) for state in ImageState
}


def image_message(stored: Stored[Image]) -> image_pb2.Image:
    """Return a picture as callers see it."""
    image = stored.value
    message = image_pb2.Image(
        id=image.id,
        project_id=image.project_id,
        upload_profile=image.upload_profile_id,
        filename=image.filename,
        location=image.location,
        state=state_number(image.state),
        generation=image.generation,
        pending_generation=image.pending_generation,
        conversion_profile_id=image.conversion_profile_id or "",
        conversion_profile_revision=image.conversion_profile_revision or 0,
        outputs=[output_message(output) for output in image.outputs],
        etag=stored.etag,
        create_time=timestamp(stored.created_at),
        update_time=timestamp(stored.updated_at),
        commit_time=optional_timestamp(image.commit_time),
        ready_time=optional_timestamp(image.ready_time),
    )
    describe(message, image.description)
    if image.failure is not None:
        message.failure_reason = image.failure.reason.value
        message.failure_message = image.failure.message
    if image.original is not None:
        _describe_original(message, image.original)
    if image.derived_from is not None:
        message.derived_from.CopyFrom(_derived_from_message(image.derived_from))
    if image.placeholder is not None:
        message.placeholder.CopyFrom(placeholder_message(image.placeholder))
    return message


def output_message(output: Output) -> image_pb2.Output:
    """Return an output as callers see it."""
    message = image_pb2.Output(
        id=output.id,
        generation=output.generation,
        spec=spec_message(output.spec),
        state=image_pb2.Output.State.Value(_STATE + output.state.name),
        reason=output.reason,
        message=output.message,
        url=output.url,
        mime_type=output.spec.format.mime_type,
        ready_time=optional_timestamp(output.ready_time),
    )
    if (file := output.file) is not None:
        message.width = file.width
        message.height = file.height
        message.size_bytes = file.size_bytes
        message.sha256 = file.sha256.hex()
        message.object_key = file.object_key
        message.encode_cpu_ms = file.encode_cpu_ms
        quality = output.spec.quality if output.found_quality is None else output.found_quality
        if quality is not None:
            message.quality = quality
        if output.score is not None:
            message.score = output.score
    return message


def spec_message(spec: OutputSpec) -> conversion_pb2.OutputSpec:
    """Return what an output is to be."""
    return conversion_pb2.OutputSpec(
        format=FORMAT_NUMBERS[spec.format],
        width=spec.width,
        height=spec.height,
        fit=FIT_NUMBERS[spec.fit],
        gravity=GRAVITY_NUMBERS[spec.gravity],
        density=spec.density,
        quality=spec.quality or 0,
        lossless=spec.lossless,
        effort=spec.effort,
        background=spec.background or "",
        options=options_message(spec.options),
        focal_point=_point(spec.focal_point),
        metadata=METADATA_POLICY_NUMBERS[spec.metadata],
        keep_gps=spec.keep_gps,
        colour=(
            conversion_pb2.COLOUR_POLICY_KEEP_WIDE
            if spec.wide_gamut
            else conversion_pb2.COLOUR_POLICY_SRGB
        ),
        auto_quality=auto_quality_message(spec.auto_quality),
        keep_gain_map=spec.keep_gain_map,
    )


def _point(point: Point | None) -> conversion_pb2.OutputSpec.Point | None:
    return None if point is None else conversion_pb2.OutputSpec.Point(x=point.x, y=point.y)


def state_number(state: ImageState) -> image_pb2.Image.State.ValueType:
    """Return the state of a picture."""
    return _STATE_NUMBERS[state]


def read_state(number: image_pb2.Image.State.ValueType, *, field: str) -> ImageState | None:
    """Read the state of a picture; None where it is not said.

    Raises:
        InvalidField: There is no such state.
    """
    if number == image_pb2.Image.STATE_UNSPECIFIED:
        return None
    if number not in image_pb2.Image.State.values():
        raise InvalidField(field, "must be one of the values that the contract names")
    return ImageState(image_pb2.Image.State.Name(number).removeprefix(_STATE))


def read_options(
    request: image_service_pb2.GetPictureRequest, violations: Violations
) -> PictureOptions:
    """Read how a page shows a picture; every fault is noted."""
    for field in ("sizes", "css_class"):
        violations.add(field, attribute_fault(getattr(request, field)))
    return PictureOptions(
        sizes=request.sizes, priority=request.priority, css_class=request.css_class
    )


def placeholder_message(placeholder: Placeholder) -> picture_pb2.Placeholder:
    """Return what to show until a picture is there."""
    return picture_pb2.Placeholder(
        thumbhash=base64.b64encode(placeholder.thumbhash).decode(),
        dominant_colour=placeholder.dominant_colour,
        preview_uri=placeholder.preview_uri,
        palette=placeholder.palette,
    )


def picture_message(image: Image, picture: Picture) -> picture_pb2.Picture:
    """Return what a page needs to show a picture."""
    return picture_pb2.Picture(
        image_id=image.id,
        sources=[_source(source) for source in picture.sources],
        fallback=_source(picture.fallback),
        fallback_url=picture.shown.url,
        width=picture.width,
        height=picture.height,
        alt_text=picture.alt_text,
        placeholder=placeholder_message(image.placeholder) if image.placeholder else None,
        html=render(picture),
    )


def optional_timestamp(moment: datetime | None) -> Timestamp | None:
    """Return a time that may not have come yet."""
    return None if moment is None else timestamp(moment)


def _derived_from_message(derived_from: DerivedFrom) -> image_pb2.DerivedFrom:
    return image_pb2.DerivedFrom(
        image_id=derived_from.image_id,
        generation=derived_from.generation,
        sha256=derived_from.sha256.hex(),
        overlay_template_id=derived_from.overlay_template_id,
        overlay_template_revision=derived_from.overlay_template_revision,
        variables=derived_from.variables,
    )


def _describe_original(message: image_pb2.Image, original: Original) -> None:
    message.format = SOURCE_FORMAT_NUMBERS[original.format]
    message.width = original.width
    message.height = original.height
    message.size_bytes = original.size_bytes
    message.sha256 = original.sha256.hex()
    message.has_gps = original.has_gps
    message.frames = original.frames
    message.trailing_bytes = original.trailing_bytes


def _source(source: Source) -> picture_pb2.PictureSource:
    return picture_pb2.PictureSource(
        mime_type=source.format.mime_type,
        candidates=[_candidate(candidate) for candidate in source.candidates],
        srcset=source.srcset,
        sizes=source.sizes,
    )


def _candidate(candidate: Candidate) -> picture_pb2.PictureCandidate:
    return picture_pb2.PictureCandidate(
        url=candidate.url,
        width=candidate.width,
        height=candidate.height,
        density=candidate.density,
        size_bytes=candidate.size_bytes,
    )
