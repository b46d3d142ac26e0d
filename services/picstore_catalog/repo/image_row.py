"""A row of the table `images`, as a value."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from picstore_catalog.model.image import Image, ImageState, Original, Placeholder
from picstore_catalog.model.job import Failure
from picstore_catalog.model.stored import Stored
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from picstore_kit.ids import LocationId

_ORIGINAL_COLUMNS: Final = (
    "originals_location_id",
    "original_key",
    "format",
    "width",
    "height",
    "frames",
    "has_alpha",
    "has_gps",
    "size_bytes",
    "sha256",
)


def stored(
    *,
    state: str,
    failure_reason: str | None,
    failure_message: str | None,
    thumbhash: bytes | None,
    dominant_colour: str | None,
    committed_at: datetime | None,
    ready_at: datetime | None,
    version: int,
    created_at: datetime,
    updated_at: datetime,
    **columns: Any,
) -> Stored[Image]:
    """Make the value of the columns that every statement on pictures selects."""
    facts = {name: columns.pop(name) for name in _ORIGINAL_COLUMNS}
    return Stored(
        value=Image(
            state=ImageState(state),
            failure=(
                Failure(reason=Reason(failure_reason), message=failure_message or "")
                if failure_reason
                else None
            ),
            original=_original(**facts) if committed_at else None,
            placeholder=(
                Placeholder(thumbhash=thumbhash, dominant_colour=dominant_colour)
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
