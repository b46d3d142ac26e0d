"""Lists and lookups of pictures on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from picstore.catalog.v1 import conversion_pb2, image_service_pb2
from picstore_catalog.mapping.conversion import SOURCE_FORMATS
from picstore_catalog.mapping.description import read_tags
from picstore_catalog.mapping.image import read_state
from picstore_catalog.mapping.ingest import read_sha256
from picstore_catalog.model.description import comparable, text_fault
from picstore_catalog.model.image_list import (
    MAX_FILENAME_PART,
    MIN_FILENAME_PART,
    ImageFilter,
    ImageOrder,
    SortKey,
    read_order,
)
from picstore_kit.errors import InvalidFields
from picstore_kit.ids import ConversionProfileId, ProjectId
from picstore_kit.violations import Violations

ALL_PROJECTS: Final = "-"
"""Stands for all projects in which the caller holds the permission."""

MAX_HASHES: Final = 1000
MAX_NAME: Final = 100
"""Characters of what may be an id or a short name; both are shorter."""


def read_filter(
    request: image_service_pb2.ListImagesRequest, violations: Violations
) -> ImageFilter:
    """Read what is to be listed; every fault is noted."""
    start = _read_time(request, "start_time", violations)
    end = _read_time(request, "end_time", violations)
    if start is not None and end is not None and start >= end:
        violations.add("end_time", "must be after start_time")
    part = request.filename_contains
    if part and (not MIN_FILENAME_PART <= len(part) <= MAX_FILENAME_PART or "\0" in part):
        violations.add(
            "filename_contains", f"must be {MIN_FILENAME_PART} to {MAX_FILENAME_PART} characters"
        )
    check_name(request.upload_profile, "upload_profile", violations)
    state, sha256 = None, None
    try:
        state = read_state(request.state, field="state")
    except InvalidFields as error:
        violations.add("state", error.violations[0].description)
    if request.format not in (conversion_pb2.FORMAT_UNSPECIFIED, *SOURCE_FORMATS):
        violations.add("format", "must be a format that originals can have")
    if request.sha256:
        sha256 = read_hash(request.sha256, "sha256", violations)
    return ImageFilter(
        state=state,
        format=SOURCE_FORMATS.get(request.format),
        start_time=start,
        end_time=end,
        filename_contains=comparable(part),
        tags=read_tags(request.tags, "tags", violations),
        sha256=sha256,
        upload_profile=request.upload_profile,
        conversion_profile_id=violations.optional_id(
            ConversionProfileId, request.conversion_profile_id, "conversion_profile_id"
        ),
    )


def read_image_order(text: str, violations: Violations) -> ImageOrder:
    """Read an order; a fault is noted."""
    order = read_order(text)
    if order is None:
        violations.add("order_by", f"must be one of {', '.join(SortKey)}, and may end in desc")
    return order or ImageOrder()


def read_project(text: str, violations: Violations) -> ProjectId | None:
    """Read where to look: in a project, or, as None, in all."""
    return None if text == ALL_PROJECTS else violations.id(ProjectId, text, "project_id")


def read_hashes(texts: Sequence[str], violations: Violations) -> dict[bytes, str]:
    """Read the hashes of a lookup, with how each was written first; every fault is noted."""
    if not 1 <= len(texts) <= MAX_HASHES:
        violations.add("sha256s", f"must be 1 to {MAX_HASHES} hashes")
        return {}
    read: dict[bytes, str] = {}
    for index, text in enumerate(texts):
        read.setdefault(read_hash(text, f"sha256s[{index}]", violations), text)
    return read


def read_hash(text: str, field: str, violations: Violations) -> bytes:
    """Read a hash; of a wrong one, which is noted, nothing is left."""
    try:
        return read_sha256(text, field=field)
    except InvalidFields as error:
        violations.add(field, error.violations[0].description)
        return b""


def check_name(text: str, field: str, violations: Violations) -> None:
    """Check what may be an id or a short name, or left out; a fault is noted."""
    violations.add(field, text_fault(text, MAX_NAME))


def list_scope(request: image_service_pb2.ListImagesRequest) -> str:
    """Return everything of a request that decides which list it is, apart from the page."""
    scope = image_service_pb2.ListImagesRequest()
    scope.CopyFrom(request)
    scope.ClearField("page_size")
    scope.ClearField("page_token")
    return scope.SerializeToString(deterministic=True).hex()


def _read_time(
    request: image_service_pb2.ListImagesRequest, field: str, violations: Violations
) -> datetime | None:
    if not request.HasField(field):  # type: ignore[arg-type]  # one of two literals
        return None
    moment: Timestamp = getattr(request, field)
    try:
        return moment.ToDatetime(tzinfo=UTC)
    except ValueError:
        violations.add(field, "must be a time from year 1 to 9999")
        return None
