"""A row of the table `images`, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from picstore_catalog.model.derived import DerivedFrom
from picstore_catalog.model.description import Description, FocalPoint
from picstore_catalog.model.image import Image, ImageState, Original, Placeholder
from picstore_catalog.model.job import Failure
from picstore_catalog.model.stored import Stored
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from picstore_kit.ids import ImageId, LocationId

_COLUMNS: Final[LiteralString] = """
    i.id, i.project_id, i.upload_profile_id, i.filename, i.location, i.alt_text, i.alt_texts,
    i.tags, i.metadata, i.focal_x, i.focal_y, i.state, i.failure_reason, i.failure_message,
    i.originals_location_id, i.original_key, i.format, i.width, i.height, i.frames, i.has_alpha,
    i.has_gps, i.trailing_bytes, i.size_bytes, i.sha256, i.thumbhash, i.dominant_colour,
    i.palette, i.preview,
    i.generation, i.pending_generation, i.conversion_profile_id, i.conversion_profile_revision,
    i.base_image_id, i.base_generation, i.base_sha256, i.overlay_template_id,
    i.overlay_template_revision, i.overlay_variables,
    i.version, i.created_at, i.updated_at, i.committed_at, i.ready_at
"""

_ORIGINAL_COLUMNS: Final = (
    "originals_location_id",
    "original_key",
    "format",
    "width",
    "height",
    "frames",
    "has_alpha",
    "has_gps",
    "trailing_bytes",
    "size_bytes",
    "sha256",
)
DERIVED_COLUMNS: Final = (
    "base_image_id",
    "base_generation",
    "base_sha256",
    "overlay_template_id",
    "overlay_template_revision",
    "overlay_variables",
)
"""What a picture was derived from."""


def selecting(rest: LiteralString) -> LiteralString:
    """Return the statement that selects what `stored` takes of a table `i`, and then `rest`."""
    return "SELECT" + _COLUMNS + rest


def stored(
    *,
    alt_text: str,
    alt_texts: Mapping[str, str],
    tags: Sequence[str],
    metadata: Mapping[str, str],
    focal_x: float | None,
    focal_y: float | None,
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    thumbhash: bytes | None,
    dominant_colour: str | None,
    palette: Sequence[str],
    preview: bytes | None,
    committed_at: datetime | None,
    ready_at: datetime | None,
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[Image]:
    """Make the value of the columns that every statement on pictures selects."""
    facts = {name: columns.pop(name) for name in _ORIGINAL_COLUMNS}
    derived = {name: columns.pop(name) for name in DERIVED_COLUMNS}
    return Stored(
        value=Image(
            description=Description(
                alt_text=alt_text,
                alt_texts=alt_texts,
                tags=tuple(tags),
                metadata=metadata,
                focal_point=(
                    FocalPoint(x=focal_x, y=focal_y)
                    if focal_x is not None and focal_y is not None
                    else None
                ),
            ),
            state=ImageState(state),
            failure=(
                Failure(reason=Reason(failure_reason), message=failure_message or "")
                if failure_reason
                else None
            ),
            original=_original(**facts) if committed_at else None,
            derived_from=_derived_from(**derived) if derived["base_image_id"] else None,
            placeholder=(
                Placeholder(
                    thumbhash=thumbhash,
                    dominant_colour=dominant_colour,
                    palette=tuple(palette),
                    preview=preview or b"",
                )
                if thumbhash and dominant_colour
                else None
            ),
            commit_time=committed_at,
            ready_time=ready_at,
            **columns,
        ),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _original(
    *, originals_location_id: LocationId, original_key: str, format: str, **columns: Any
) -> Original:
    return Original(
        location_id=originals_location_id,
        object_key=original_key,
        format=SourceFormat(format),
        **columns,
    )


def _derived_from(
    *,
    base_image_id: ImageId,
    base_generation: int,
    base_sha256: bytes,
    overlay_variables: Mapping[str, str],
    **columns: Any,
) -> DerivedFrom:
    return DerivedFrom(
        image_id=base_image_id,
        generation=base_generation,
        sha256=base_sha256,
        variables=overlay_variables,
        **columns,
    )
