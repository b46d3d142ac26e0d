"""Uploads on the wire, as the upload service tells of them."""

from __future__ import annotations

from typing import Final

from picstore.catalog.v1 import conversion_pb2, image_pb2, ingest_pb2, storage_location_pb2
from picstore_catalog.mapping.conversion import SOURCE_FORMAT_NUMBERS, SOURCE_FORMATS
from picstore_catalog.mapping.description import read_description
from picstore_catalog.mapping.image import image_message
from picstore_catalog.model.description import Description, text_fault
from picstore_catalog.model.image import Original
from picstore_catalog.model.upload import (
    MAX_FILENAME,
    MAX_LOCATION,
    Commit,
    Committed,
    OnDuplicate,
    Resolution,
    UploadRequest,
)
from picstore_kit.errors import InvalidField
from picstore_kit.ids import ImageId, LocationId, ProjectId, UploadId, UploadProfileId, parse_id
from picstore_kit.violations import all_at_once

_ON_DUPLICATE: Final = {
    image_pb2.ON_DUPLICATE_UNSPECIFIED: OnDuplicate.RETURN_EXISTING,
    image_pb2.ON_DUPLICATE_RETURN_EXISTING: OnDuplicate.RETURN_EXISTING,
    image_pb2.ON_DUPLICATE_CREATE: OnDuplicate.CREATE,
    image_pb2.ON_DUPLICATE_REFUSE: OnDuplicate.REFUSE,
}


def read_announcement(
    image: image_pb2.Image, *, default_upload_profile_id: UploadProfileId | None
) -> tuple[UploadRequest, Description]:
    """Read a picture that is to be announced.

    Raises:
        InvalidFields: It names everything that is wrong.
    """
    with all_at_once() as violations:
        upload = UploadRequest(
            project_id=violations.id(ProjectId, image.project_id, "image.project_id"),
            upload_profile=image.upload_profile,
            default_upload_profile_id=default_upload_profile_id,
            filename=image.filename,
            location=image.location,
        )
        violations.add("image.upload_profile", text_fault(image.upload_profile, MAX_FILENAME))
        violations.add("image.filename", text_fault(image.filename, MAX_FILENAME))
        violations.add("image.location", text_fault(image.location, MAX_LOCATION))
        description = read_description(image, violations)
    return upload, description


def read_upload(
    request: ingest_pb2.ResolveUploadRequest, *, default_upload_profile_id: UploadProfileId | None
) -> UploadRequest:
    """Read what is asked about a file of a new picture.

    Raises:
        InvalidFields: It names everything that is wrong.
    """
    with all_at_once() as violations:
        upload = UploadRequest(
            project_id=violations.id(ProjectId, request.project_id, "project_id"),
            upload_profile=request.upload_profile,
            default_upload_profile_id=default_upload_profile_id,
            filename=request.filename,
            location=request.location,
        )
        violations.add("upload_profile", text_fault(request.upload_profile, MAX_FILENAME))
    return upload


def read_commit(request: ingest_pb2.CommitImageRequest) -> Commit:
    """Read a commit.

    Raises:
        InvalidField: An id, a hash or a measure is impossible.
    """
    return Commit(
        upload_id=parse_id(UploadId, request.upload_id, field="upload_id"),
        image_id=parse_id(ImageId, request.image_id, field="image_id"),
        generation=request.generation,
        upload=UploadRequest(
            project_id=parse_id(ProjectId, request.project_id, field="project_id"),
            upload_profile=parse_id(
                UploadProfileId, request.upload_profile_id, field="upload_profile_id"
            ),
            filename=request.filename,
            location=request.location,
        ),
        alt_text=request.alt_text,
        original=_original(request),
        on_duplicate=_on_duplicate(request.on_duplicate),
    )


def facts_message(original: Original) -> conversion_pb2.SourceFacts:
    """Return what is known of an original."""
    return conversion_pb2.SourceFacts(
        format=SOURCE_FORMAT_NUMBERS[original.format],
        width=original.width,
        height=original.height,
        frames=original.frames,
        has_alpha=original.has_alpha,
        size_bytes=original.size_bytes,
        sha256=original.sha256.hex(),
        has_gps=original.has_gps,
        trailing_bytes=original.trailing_bytes,
    )


def read_sha256(text: str, *, field: str) -> bytes:
    """Read a hash.

    Raises:
        InvalidField: It is not 64 hexadecimal digits.
    """
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32 or len(text) != 64:
        raise InvalidField(field, "must be 64 hexadecimal digits")
    return digest


def _original(request: ingest_pb2.CommitImageRequest) -> Original:
    facts = request.facts
    for field in ("width", "height", "frames", "size_bytes"):
        if getattr(facts, field) < 1:
            raise InvalidField(f"facts.{field}", "must be at least 1")
    if facts.trailing_bytes < 0:
        raise InvalidField("facts.trailing_bytes", "must not be negative")
    if facts.format not in SOURCE_FORMATS:
        raise InvalidField("facts.format", "must be a format that is accepted")
    if not request.object_key:
        raise InvalidField("object_key", "must be given")
    return Original(
        location_id=parse_id(
            LocationId, request.originals_location_id, field="originals_location_id"
        ),
        object_key=request.object_key,
        format=SOURCE_FORMATS[facts.format],
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        has_alpha=facts.has_alpha,
        has_gps=facts.has_gps,
        trailing_bytes=facts.trailing_bytes,
        size_bytes=facts.size_bytes,
        sha256=read_sha256(facts.sha256, field="facts.sha256"),
    )


def committed_message(committed: Committed) -> ingest_pb2.CommitImageResponse:
    """Return what became of a commit."""
    return ingest_pb2.CommitImageResponse(
        image=image_message(committed.image),
        original_kept=committed.original_kept,
        duplicate=committed.duplicate,
    )


def _on_duplicate(number: image_pb2.OnDuplicate.ValueType) -> OnDuplicate:
    if number not in _ON_DUPLICATE:
        raise InvalidField("on_duplicate", "must be one of the values that the contract names")
    return _ON_DUPLICATE[number]


def resolution_message(
    resolution: Resolution, originals_location: storage_location_pb2.StorageLocation
) -> ingest_pb2.ResolveUploadResponse:
    """Return where an upload goes; the location comes with its secret."""
    target = resolution.target
    return ingest_pb2.ResolveUploadResponse(
        image_id=resolution.image_id,
        generation=resolution.generation,
        project_id=target.project_id,
        upload_profile_id=target.upload_profile_id,
        originals_location=originals_location,
        object_key=resolution.object_key,
        filename=resolution.filename,
        location=resolution.location,
        max_bytes=target.max_bytes,
        max_pixels=target.max_pixels,
    )
